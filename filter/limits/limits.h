/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Limits: may this connection begin?
 *
 * Counts what `limit connections` and `limit rate` of a rule bound. Clients are counted by address,
 * IPv6 ones by prefix (`client-prefix`). A connection counts from its accept, which is a completed
 * handshake. It is counted whether its rule has a limit or not, so that a limit that comes with new
 * rules finds the sessions that are open already; but only a rule with a limit refuses whom there
 * is no room to count.
 *
 * The counts may lie in memory that other processes write to (proxy/shared.h): the caller holds its
 * lock, and no count is trusted to be possible.
 *
 * Callers: proxy/listen.c, proxy/flow.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/tally.h"
#include "filter/limits/ledger.h"
#include "filter/policy/codes.h"
#include "rules/ruleset.h"

struct limits {
	struct tally *tally;
	struct ledger *ledger;  /* of this proxy */
	unsigned client_prefix; /* IPv6 bits that make a client */
};

struct limits_answer {
	enum code code;     /* CODE_COUNT: it may; limits_leave() is due at its end */
	bool permanent;     /* `then refuse`: a 5xx, the client shall not come back */
	struct rules_at at; /* the statement; line 0: none */
	uint32_t place;     /* in the ledger; for limits_leave() */
};

/* @rule: tally_rule() of the name of the rule whose @limits these are. */
struct limits_answer limits_enter(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms);
void limits_leave(const struct limits *l, uint32_t place);
