/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Windows: what a rule allows of something in a time, per client and in total
 *
 * `limit rate`, `limit errors`, `limit recipients` and `limit octets`, and the bans behind their
 * `then`. The counts lie in two slots of a tally, that of the client and that of the whole rule,
 * which the caller finds, and locks where they are shared.
 *
 * A slot may be missing because there was no room for it: then there is nothing left of what it
 * should count, since who cannot be counted cannot be let in. Another process may have written
 * anything into it: nothing is asserted of it.
 *
 * Callers: filter/limits, cli/stage.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/tally.h"
#include "filter/policy/codes.h"
#include "rules/ruleset.h"

struct limit_answer {
	enum code code;         /* CODE_COUNT: it may */
	bool permanent;         /* `then refuse`: the client shall not come back */
	struct rules_at at;     /* the statement; line 0: none */
	uint64_t ban_ms;        /* a ban of the client began by this, for so long; 0: none did */
	enum tally_what ban_by; /* of what there was too much then */
};

struct window_slots {
	struct tally_slot *client, *whole; /* NULL: could not be counted, or not asked for */
};

/* Does the rule bound @what by time? Else nothing is to be counted. */
bool windows_of(const struct rule_limits *limits, enum tally_what what);

/* Is the client of @slot banned, by a statement that still stands in the rule? That is asked of new
 * connections; those that are open may go on within the windows. */
struct limit_answer window_ban(
	struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms);

/* Bans the client for too much of @what, unless it is banned already or the rule does not say so.
 * Return: for how long, 0: it did not begin now. */
uint64_t window_ban_begin(struct tally_slot *slot, const struct rule_limits *limits,
	enum tally_what what, uint64_t now_ms);

/**
 * window_room() - is there room for @n more?
 * @n:    0 asks whether there is any room
 * @take: if so, they are counted
 *
 * Where nothing at all is left for the client, its ban begins, if the rule says so.
 */
struct limit_answer window_room(struct window_slots slots, const struct rule_limits *limits,
	enum tally_what what, uint64_t n, bool take, uint64_t now_ms);

/* @n of @what came, whether there was room or not. */
void window_count(struct window_slots slots, const struct rule_limits *limits, enum tally_what what,
	uint64_t n, uint64_t now_ms);
