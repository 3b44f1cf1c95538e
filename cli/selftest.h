/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Self-test of relays: the battery at each place where mail comes in
 *
 *   selftest.c        what is tried where: rules, options
 *   selftest_names.c  the attempts at one place: what its rule does not allow
 *   selftest_pass.c   the battery at one place, in clear or inside TLS
 *   selftest_print.c  what came of it
 *   battery.c         the attempts;  talk.c  a session
 *
 * No message is ever sent: MAIL, RCPT and RSET are said, DATA is not.
 *
 * Callers: cli/selftest*.c.
 */
#include <jansson.h>

#include "cli/battery.h"
#include "cli/cli.h"
#include "cli/talk.h"
#include "rules/ruleset.h"

#define SELFTEST_ROWS   64 /* of the battery, at most */
#define SELFTEST_DOMAIN 256

/* What a place has come to, the worse the greater. */
enum verdict {
	VERDICT_REFUSED,   /* every attempt */
	VERDICT_ALLOWED,   /* by the rule, to clients of our address: nothing was to be tried */
	VERDICT_SKIPPED,   /* nothing is looked at there: a rule with "pass" */
	VERDICT_ELSEWHERE, /* another rule takes a client of our address */
	VERDICT_UNREACHED,
	VERDICT_UNDECIDED, /* some attempt was put off, or the session ended */
	VERDICT_OPEN,      /* some attempt was taken */
};

struct attempt {
	const struct battery_row *row;
	char from[256], to[512];
	bool tried;
	bool refused;  /* for good: the recipient was, or all mail without a login */
	unsigned code; /* of MAIL where that was refused, else of RCPT; 0: none came */
	char text[TALK_TEXT];
};

/* One place, in clear or inside TLS. */
struct pass {
	const struct rule *rule; /* NULL: none is known */
	struct ip_port to;
	bool foreign; /* @to is none of its addresses: it is tried as if it were */
	enum listen_tls listen;
	bool inside;      /* TLS */
	bool starttls;    /* was offered in clear */
	struct ip client; /* our address, once it is known */
	bool stranger;    /* the rule does not take clients of it */
	enum verdict verdict;
	char why[TALK_TEXT];         /* of UNREACHED, ELSEWHERE, or of a greeting that refuses */
	const struct rule_expr *may; /* recipients that our address may send to; NULL: none */
	struct battery_names names;
	char literal[64], victim[SELFTEST_DOMAIN], hosted[SELFTEST_DOMAIN]; /* ... point here */
	size_t n;
	struct attempt attempts[SELFTEST_ROWS];
	struct attempt control; /* a hosted recipient: shows that recipients are asked for at all */
};

struct selftest {
	struct cli *cli;
	const struct ruleset *rules;
	const struct ip *from; /* NULL: as the kernel chooses */
	const char *hostname;
	bool all; /* -v: show every attempt */
	SSL_CTX *tls;
};

/* Plays @p; its verdict and attempts are filled in. */
void selftest_pass(const struct selftest *s, struct pass *p);

/* ---- selftest_names.c ---- */

/* Fills in the attempts of @p, whose client is known. False: none is to be made, its verdict and
 * why are set. */
bool selftest_names(const struct selftest *s, struct pass *p);

/* ---- selftest_print.c ---- */

/* A fact, new reference; NULL: no memory. */
json_t *selftest_fact(const struct pass *p);
const char *verdict_name(enum verdict verdict);
/* What was taken or not decided, or all of it, for a terminal. */
void selftest_attempts(struct out *o, const struct pass *p, bool all);
