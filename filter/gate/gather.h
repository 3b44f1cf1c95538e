/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Gather: the hellos of passed sessions that are under way
 *
 * Octets are kept only while a hello is gathered, two blocks a session, and no more than GATHER_MAX
 * sessions at a time: beyond that the oldest goes without. What the hellos have said is kept, in a
 * few octets, until the session's record is written.
 *
 * Owns:    the gatherers, and what is told of each session until gather_forget().
 * Callers: filter/gate/track.c.
 * Threads: one. No clock, no log.
 */
#include "filter/gate/hello.h"

#define GATHER_MAX 512 /* of some 8.6 KiB each */

struct gatherer;

/* Of one session. All 0 to begin with, and it stays where it is. */
struct gathered {
	struct gatherer *under_way;
	struct gather_told *told;
	bool over; /* there is no more to hear */
};

struct gather_told {
	unsigned offered, chosen; /* bits of enum hello_version; 0: not heard of */
	bool long_name;
	size_t n_name;
	uint8_t name[];
};

struct gather { /* all 0 to begin with */
	struct gatherer *oldest, *youngest;
	size_t n;
};

enum gather_side { GATHER_CLIENT, GATHER_SERVER };

/* The TCP payload of a packet of @of's session, its first octet at @seq. */
void gather_take(struct gather *g, struct gathered *of, enum gather_side from, uint32_t seq,
	struct span payload);

/* What there is to tell, up to now; nothing is gathered any more. NULL: nothing. */
const struct gather_told *gather_end(struct gather *g, struct gathered *of);

void gather_forget(struct gather *g, struct gathered *of);
