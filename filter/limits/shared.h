/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Shared: what all proxies of one posternd count together
 *
 * The tally of rules and clients lies in one memfd of fixed size, which posternd makes once and
 * every proxy maps, whatever its rules: what was counted stays counted when rules are read anew. A
 * lock of one word, held for the length of one call of filter/limits/limits.h, makes the counts
 * exact.
 *
 * A proxy that was taken over can write what it likes there. So the memory holds no pointer, no
 * length and no index that another process would follow, and no count is trusted by an assert: the
 * worst is a wrong count. For the same reason the lock is not a robust mutex of pthreads, which
 * keeps pointers of its owner within itself. It is taken from an owner that holds it for a second
 * without end, since that one means harm or was killed; posternd, who knows the dead, frees theirs
 * at once. Nobody waits longer than some two seconds, whatever is written into the lock.
 *
 * What a dead proxy had counted is taken out by counting anew: shared_recount().
 *
 * Owns:    the mapping.
 * Callers: proxy/house/place.c makes; proxy/main.c maps; proxy/listen.c, proxy/flow.c count.
 */
#include "base/tally.h"
#include "filter/limits/ledger.h"

enum {
	SHARED_E_SIZE = 1, /* not a descriptor from shared_make() */
};

struct shared {
	struct shared_page *page; /* the mapping */
	struct tally tally;       /* its slots lie there */
	uint32_t me;              /* what this process writes into the lock */
};

/* Return: a descriptor, closed on exec; <0 errno. */
int shared_make(void);

/* @seat: a number that no other living process has which maps it. The descriptor may be closed
 * afterwards. Return: 0; SHARED_E_SIZE; <0 errno. */
int shared_map(struct shared *s, int fd, unsigned seat);
void shared_unmap(struct shared *s);

void shared_lock(struct shared *s);
void shared_unlock(struct shared *s);

/* The process at @seat is dead: if it held the lock, nobody does now. Before the seat is given to
 * another. */
void shared_break(struct shared *s, unsigned seat);

/**
 * shared_recount() - count all connections anew
 * @ledgers: of the living, all of them; views will do
 *
 * Takes the lock, for some milliseconds with thousands of connections, the first time for some
 * twenty: it touches all slots. Windows and bans stay. After any end of a proxy, and after
 * shared_break().
 */
void shared_recount(struct shared *s, const struct ledger *const *ledgers, size_t n);
