/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Policy: rule set + facts -> decision
 *
 * What the engine found legal, a rule may still not want; what the engine found defective needs
 * words. Every decision has an event code, a reply, and the place in the rules that made it.
 *
 * Callers: filter/policy/inspect.c, cli (explain --line).
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/codes.h"
#include "filter/smtp/session.h"
#include "rules/ruleset.h"

struct verdict {
	bool pass;
	bool cut;           /* the session ends after the reply */
	enum code code;     /* why not; set unless @pass */
	uint16_t reply;     /* SMTP reply code */
	const char *text;   /* its words: a rule's, or the catalogue's */
	struct rules_at at; /* the row or statement that decided; line 0: the filter itself */
};

/* What STARTTLS is in a session. */
enum policy_tls {
	POLICY_TLS_NEVER,    /* the client sees none: an inspected server's */
	POLICY_TLS_NONE,     /* a relay listener in clear */
	POLICY_TLS_OFFERED,  /* by a relay listener */
	POLICY_TLS_REQUIRED, /* ... and nothing goes without */
	POLICY_TLS_ON,
};

/* ... at the beginning of one that a listener speaks @tls in. */
enum policy_tls policy_tls_at_first(enum listen_tls tls);

struct policy_facts {
	uint32_t recipients; /* RCPTs of this transaction so far that were let through, or put off
				by a limit of a time */
	uint32_t verbs;      /* this verb in this transaction so far, for `limit N per message` */
	uint32_t offered;    /* SMTP_EXT_BIT()s the client was offered */
	enum policy_tls tls;
	bool login_required, logged_in;
};

/* A command the engine found legal. */
struct verdict policy_command(const struct publish *rule, const struct policy_facts *facts,
	const struct smtp_command *cmd);

/* A defect: never passed; the rule may word it (`reply` of a denied verb). @verb: of the command,
 * SMTP_VERB_OTHER if unknown. */
struct verdict policy_defect(
	const struct publish *rule, enum smtp_defect defect, enum smtp_verb verb);

/* RFC 3207 4: what is legal before TLS where nothing goes without. */
bool policy_goes_before_tls(enum smtp_verb verb);

/* A fault: always cut. */
struct verdict policy_fault(enum smtp_fault fault);

/* Any other code of the catalogue that has a reply. */
struct verdict policy_code(enum code code);
