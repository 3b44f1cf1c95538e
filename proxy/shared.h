/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Shared: what all workers of one posternd count together
 *
 * The connections of each rule and the tally of clients lie in one memfd of fixed size, which
 * posternd makes and every worker maps. A lock of one word, held for the length of one
 * limits_enter() or limits_leave(), makes the counts exact.
 *
 * A worker that was taken over can write what it likes there. So the memory holds no pointer, no
 * length and no index that another worker would follow, and no count is trusted by an assert: the
 * worst is a wrong count. For the same reason the lock is not a robust mutex of pthreads, which
 * keeps pointers of its owner within itself. It is taken from an owner that holds it for a second
 * without end: that one was killed, or means harm.
 *
 * Owns:    the mapping.
 * Callers: proxy/house.c makes; proxy/main.c maps; proxy/listen.c, proxy/flow.c count.
 */
#include <stdatomic.h>

#include "base/tally.h"

enum {
	SHARED_E_SIZE = 1, /* not a descriptor from shared_make() for so many rules */
};

struct shared {
	_Atomic uint32_t *lock; /* all of these lie in the mapping */
	uint32_t *connections;  /* of each rule, by its number */
	struct tally tally;     /* its slots do */
	uint32_t me;            /* what this worker writes into the lock */
	void *map;
	size_t size;
};

/* Return: a descriptor, closed on exec; <0 errno. */
int shared_make(size_t n_rules);

/* The descriptor may be closed afterwards. Return: 0; SHARED_E_SIZE; <0 errno. */
int shared_map(struct shared *s, int fd, size_t n_rules, unsigned worker);
void shared_unmap(struct shared *s);

void shared_lock(struct shared *s);
void shared_unlock(struct shared *s);
