/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Keep: members of dynamic sets and bans, over restarts
 *
 * STATE/members, whole or not at all: written under another name, synchronised, renamed. At most
 * every KEEP_MS after something has changed, and at the end.
 *
 *   text   = "postern-members 1 " WRITTEN LF { member | ban }
 *   member = "member " SET SP PREFIX SP ( END | "-" ) LF
 *   ban    = "ban " RULE SP PREFIX SP ( "rate" | "errors" | "recipients" | "octets" ) SP END LF
 *
 * WRITTEN and END are seconds since 1970 by the wall clock. Nobody stays longer than was left when
 * it was written, whatever the clock says now: one that has gone back since makes no time pass, one
 * that has gone forward ends things early.
 *
 * Read as hostile input. A line that is none of these is left out and told, the others count: less
 * would let in who was blocked. A file that begins otherwise, or is too large, counts for nothing.
 * What the rules do not know any more, and what is over, is left out in silence.
 *
 * Callers: proxy/house.
 */
#include "proxy/house/bans.h"
#include "proxy/house/dynamic.h"

#define KEEP_MS  3000
#define KEEP_MAX (16u << 20) /* octets of the file */

struct house;

struct keep {
	uint64_t next_ms; /* not before */
	bool failed;      /* the last time, and told */
};

void keep_print(struct out *o, const struct dynamic *d, const struct bans *b, uint64_t now_ms,
	int64_t wall_s);

struct keep_found {
	bool not_ours; /* the first line is another one: nothing was read */
	size_t lines;  /* that were not understood */
	size_t first;  /* of them, from 1 */
};
struct keep_found keep_parse(struct span text, const struct ruleset *rs, struct dynamic *d,
	struct bans *b, uint64_t now_ms, int64_t wall_s);

/* At the beginning: the file, if there is one; what is wrong with it is told. */
void keep_read(struct house *h);
void keep_look(struct house *h, uint64_t now_ms);
/* What was not written yet. */
void keep_end(struct house *h);
