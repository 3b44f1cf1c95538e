/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Tally: what is counted for each client
 *
 * A table of fixed size, keyed by rule and client (an IPv4 address or an IPv6 prefix; family
 * IP_NONE counts a whole rule). A rule is known by its name, which it keeps when the rules are read
 * anew and its place among them changes. A key has one bucket of TALLY_WAYS slots it may stand in.
 * When they are all taken, the one that was used longest ago makes room, but never one with open
 * connections or under a ban: what a peer can make grow is bounded, and what it did stays counted.
 * Which bucket a key has depends on a secret seed, so that no client can choose addresses that meet
 * in one.
 *
 * The slots hold no pointer and need no allocation: one flat block, so that they can lie in memory
 * that processes share. Another process may then have written anything there: whatever it is,
 * nothing outside the block is touched and nothing is asserted of it. Or it was killed between any
 * two instructions: then connections may be wrong until they are counted anew, and what one window
 * held may be, but a slot is never half of one key and half of another.
 *
 * Owns:    nothing; the block is the caller's.
 * Callers: filter/policy/windows.c, filter/limits.
 * Threads: one at a time per table.
 * Purity:  no allocation, no clock, no log, no syscall; time comes in, in milliseconds of any
 * steady clock; the clocks of processes that share a table may be some milliseconds apart.
 */
#include "base/ip.h"

#define TALLY_WAYS 16

struct tally_key {
	uint64_t rule;    /* tally_rule() */
	struct ip client; /* masked by the caller: ip_mask() */
};

/* What is counted by windows of time. */
enum tally_what {
	TALLY_CONNECTIONS,
	TALLY_ERRORS, /* refused commands */
	TALLY_RECIPIENTS,
	TALLY_OCTETS, /* of message text, in units of TALLY_OCTETS_UNIT: many days' worth of a fast
			 line must fit */
	TALLY_WHATS,
};
#define TALLY_OCTETS_UNIT 1024

struct tally_window {
	uint32_t n, before_n; /* counted in this window, and in the one before */
	uint64_t began_ms;    /* when this window began */
};

/* Two lines of a processor's cache: who the slot is of is seen in the first. */
struct tally_slot {
	uint64_t rule; /* 0: free */
	struct ip client;
	uint32_t connections; /* that are open */
	uint64_t banned_ms;   /* refused until then ... */
	uint32_t banned_by;   /* ... for too much of this, enum tally_what */
	uint32_t unused;
	uint64_t seen_ms;
	uint64_t rest_of_line;
	struct tally_window windows[TALLY_WHATS];
};

struct tally {
	uint64_t seed[2];
	uint32_t n_slots;
	struct tally_slot *slots; /* borrowed */
};

/* @slots: zeroed memory, which need not be touched before it is used, or slots that are in use
 * already, under the same seed. @n_slots: a power of two, at least TALLY_WAYS. */
void tally_init(
	struct tally *t, struct tally_slot *slots, uint32_t n_slots, const uint64_t seed[2]);

/* The rule named @name, as a key has it: a hash under the table's seed, so that nobody can choose a
 * name that means another rule. Never 0. */
uint64_t tally_rule(const struct tally *t, struct span name);

/* The slot of @key, a fresh one when it had none; NULL when its bucket is full of slots that may
 * not go. Valid until the next call. */
struct tally_slot *tally_at(struct tally *t, const struct tally_key *key, uint64_t now_ms);

/* The slot of @key or NULL. */
struct tally_slot *tally_find(struct tally *t, const struct tally_key *key);

/**
 * tally_left() - how many more may come
 * @limit: at most so many in any @window_ms
 *
 * Counts by two windows and weighs the older one by the part of it that still lies within the last
 * @window_ms, so that a burst across a window's border is not let through twice.
 */
uint32_t tally_left(struct tally_window *w, uint32_t limit, uint32_t window_ms, uint64_t now_ms);

/* @n came, whether there was room or not. */
void tally_add(struct tally_window *w, uint32_t n, uint32_t window_ms, uint64_t now_ms);

/*
 * All connections counted anew, by whoever knows which are open: tally_recount_begin(),
 * tally_recount() for each, tally_recount_end(). Windows and bans stay.
 */
void tally_recount_begin(struct tally *t);
void tally_recount(struct tally *t, const struct tally_key *key, uint64_t now_ms);
void tally_recount_end(struct tally *t);
