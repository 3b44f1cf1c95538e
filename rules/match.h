/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Which rule? - the one evaluator, for the daemon and for `postern explain`
 *
 * First match wins, in written order, from client, published address and port, and time.
 *
 * Callers: proxy (at accept), cli (explain, replay), later filter/gate (on the SYN).
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "rules/ruleset.h"
#include "rules/schedule.h"

struct match_facts {
	struct ip client;
	struct ip_port to; /* the published address the client asked for */
	int64_t now_s;     /* seconds since 1970-01-01 UTC */
	/* Is @ip a member of a dynamic set now? NULL: no dynamic members. */
	bool (*dynamic)(void *context, const struct rule_set *set, const struct ip *ip);
	void *context;
};

/* What each rule said; written by explain only. */
enum match_part { MATCH_TO, MATCH_FROM, MATCH_WHEN };
struct match_trace {
	/* called for every rule looked at, then for each of its conditions up to the first that
	 * does not hold; @why is one line without newline, printable ASCII */
	void (*rule)(void *context, const struct rule *rule, bool matched);
	void (*part)(void *context, enum match_part part, bool holds, struct span why);
	void *context;
};

/* The rule that decides, or NULL: the default action does. @trace may be NULL, then nothing is
 * formatted. */
const struct rule *ruleset_match(
	const struct ruleset *rs, const struct match_facts *facts, const struct match_trace *trace);

/* Address, domain or mailbox in an expression. @hit, if not NULL, is set to the item (and member)
 * that decided. */
struct expr_hit {
	const struct expr_item *item;    /* NULL: "any", or nothing matched */
	const struct set_member *member; /* NULL: dynamic member */
	bool excepted;
};
bool expr_has_ip(const struct rule_expr *expr, const struct ip *ip, const struct match_facts *facts,
	struct expr_hit *hit);
bool expr_has_domain(const struct rule_expr *expr, struct span domain, struct expr_hit *hit);
/* @local as it stood, @domain without root dot, any case; a domain item matches every local part.
 */
bool expr_has_mailbox(
	const struct rule_expr *expr, struct span local, struct span domain, struct expr_hit *hit);

/* How mail for @domain goes: the first of `deliver` whose domains have it; NULL: not at all. */
const struct route *relay_route(const struct relay *relay, struct span domain);
