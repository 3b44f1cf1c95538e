/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * One command line: fields out of octets, octets out of fields
 *
 * command_parse() reads a line into fields, command_print() writes the one canonical line for those
 * fields. Only what was printed goes inward: nothing of a client's line is copied that was not
 * understood. The arguments of NOOP, HELP, VRFY, EXPN and ETRN are text: printable ASCII, blanks
 * folded.
 *
 * Owns:    nothing; spans point into the line.
 * Callers: filter/smtp/session.c, rules (replies quoted in rules), cli (explain --line), test/fuzz.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/defect.h"
#include "filter/smtp/param.h"
#include "filter/smtp/path.h"
#include "filter/smtp/verb.h"

#define SMTP_COMMAND_MAX                                                                           \
	12288 /* octets, CRLF included: AUTH, RFC 4954 4; the longest line any verb has */
#define SMTP_BDAT_MAX 0x3fffffffu /* octets of one chunk: far below 2^31, where servers wrap */

struct smtp_command {
	enum smtp_verb verb;
	struct span word; /* the verb as it stood */
	struct span arg;  /* HELO, EHLO: the name; NOOP, HELP, VRFY, EXPN, ETRN: the text; AUTH: the
			     mechanism */
	struct span initial; /* AUTH: the initial response, or empty; SASL: the response. Never
				logged. */
	bool has_initial;
	struct smtp_path path;     /* MAIL, RCPT */
	struct smtp_params params; /* MAIL, RCPT */
	uint32_t octets;           /* BDAT */
	bool last;                 /* BDAT */
};

struct command_rules {
	uint32_t offered;         /* SMTP_EXT_BIT()s this client was offered */
	const uint16_t *line_max; /* per verb, SMTP_VERB_NAMED of them, octets with CRLF, before
				     extensions raise MAIL and RCPT */
	bool utf8;                /* the transaction asked for SMTPUTF8 (RCPT, VRFY) */
	bool local_tolerant;
};

/**
 * command_parse() - read one command line
 * @line: without its CRLF, no flaw in it; at most SMTP_COMMAND_MAX - 2 octets
 * @cmdp: the fields; verb and word are set also when the rest is defective
 * @atp:  offset in @line of what is wrong; set with a defect
 *
 * MAIL FROM: and RCPT TO: may be followed by blanks (CMD-14); a verb and its argument are parted by
 * blanks, not tabs. A line holding octets over 127 is a defect unless SMTPUTF8 makes them legal
 * where they stand. SMTP_VERB_OTHER comes with SMTP_DEFECT_VERB_UNKNOWN. The length limit of the
 * verb, raised by what the offered extensions add (RULES.md, table of verbs), is checked here:
 * SMTP_DEFECT_LINE_LONG. A BDAT argument that is no size gives ARGUMENT_SYNTAX (the session makes
 * that a fault).
 *
 * Return: SMTP_DEFECT_NONE or what is wrong.
 */
enum smtp_defect command_parse(struct span line, const struct command_rules *rules,
	struct smtp_command *cmdp, size_t *atp);

/**
 * sasl_parse() - read a line that answers 334: base64, or "*" (RFC 4954 4)
 * @line: without its CRLF
 */
enum smtp_defect sasl_parse(struct span line, struct smtp_command *cmdp, size_t *atp);

/* The canonical line with CRLF; 12,288 octets at most. Only for commands that parsed without a
 * defect. */
void command_print(struct out *o, const struct smtp_command *cmd);

/* Octets, CRLF included, that a line of @verb may have when @offered extensions raise its limit
 * @max. */
uint32_t command_line_max(enum smtp_verb verb, uint32_t max, uint32_t offered);
