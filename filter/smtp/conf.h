/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What a rule asks of the engine
 *
 * One per publishing rule, made by rules/ from the rule and its command table, read-only for the
 * life of a generation.
 */
#include "filter/smtp/body.h"
#include "filter/smtp/verb.h"

enum smtp_bare_newline {
	SMTP_NEWLINE_REFUSE,
	SMTP_NEWLINE_NORMALISE, /* DATA only */
};

struct smtp_conf {
	uint16_t line_max[SMTP_VERB_NAMED]; /* octets with CRLF, before extensions raise MAIL and
					       RCPT */
	uint32_t extensions;                /* SMTP_EXT_BIT()s allowed */
	uint64_t max_message;               /* octets; 0: no limit of ours */
	uint32_t max_line;                  /* `data max-line`; 0: off */
	uint32_t max_header;                /* `data max-header` */
	uint32_t header_lines;
	enum smtp_bare_newline bare_newline;
	bool binary;         /* `data binary allow`: BODY=BINARYMIME */
	bool local_tolerant; /* `local-part tolerant` */
	const char *banner; /* `banner "text"`: greeting text that hides the server's; NULL: pass */
	const char *hostname; /* the name in that greeting and in the EHLO reply */
};
