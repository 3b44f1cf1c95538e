/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Look: would this connection be within the limits?
 *
 * For whoever must decide on a SYN, which anybody can forge in anybody's name: nothing is counted,
 * no rate and no ban begins, no slot is made. Counting is limits_enter()'s, once the handshake is
 * complete.
 *
 * A rate with `then refuse` or `then tempfail` is not looked at, only its ban: the connection that
 * is one too many has to complete for the ban to begin, since a ban by forged SYNs would lock out
 * others. It is let in; those after it are not.
 *
 * Callers: filter/gate/judge.c.
 * Threads: under the lock of the counts.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/limits/limits.h"

/* Return: CODE_COUNT: it may, as far as one can see; else why not, with the statement. */
struct limit_answer limits_look(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms);
