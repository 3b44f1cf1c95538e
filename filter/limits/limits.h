/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Limits: may this connection begin, and what more may it bring?
 *
 * Counts what the limits of a rule bound over all its sessions. Clients are counted by address,
 * IPv6 ones by prefix (`client-prefix`). A connection counts from its accept, which is a completed
 * handshake. It is counted whether its rule has a limit or not, so that a limit that comes with new
 * rules finds the sessions that are open already; but only a rule with a limit refuses whom there
 * is no room to count. What sessions bring (errors, recipients, octets) is counted only where the
 * rule bounds it by time.
 *
 * The counts may lie in memory that other processes write to (filter/limits/shared.h): the caller
 * holds its lock, and no count is trusted to be possible.
 *
 * Callers: proxy/listen.c, proxy/flow.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/limits/ledger.h"
#include "filter/policy/windows.h"
#include "rules/ruleset.h"

struct limits {
	struct tally *tally;
	struct ledger *ledger;  /* of this proxy */
	unsigned client_prefix; /* IPv6 bits that make a client */
};

/* @rule: tally_rule() of the name of the rule whose @limits these are. @placep: where the ledger
 * has the connection, when it may begin; limits_leave() is due at its end then. */
struct limit_answer limits_enter(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms,
	uint32_t *placep);
void limits_leave(const struct limits *l, uint32_t place);

/* window_room() and window_count(), for the connection at @place. */
struct limit_answer limits_room(const struct limits *l, uint32_t place,
	const struct rule_limits *limits, enum tally_what what, uint64_t n, bool take,
	uint64_t now_ms);
void limits_count(const struct limits *l, uint32_t place, const struct rule_limits *limits,
	enum tally_what what, uint64_t n, uint64_t now_ms);

/* Does `then` stand behind `limit errors` of one session alone? Who reaches that is banned. */
bool limits_ban_by_session(const struct rule_limits *limits);
/* The session at @place reached it. Return: for how long the ban is that began, 0: none did. */
uint64_t limits_session_over(
	const struct limits *l, uint32_t place, const struct rule_limits *limits, uint64_t now_ms);
