/* SPDX-License-Identifier: ISC */
#include "filter/limits/shared.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memfd.h"

#define SLOTS              131072 /* rules and clients that can be counted at once */
#define LINE               64     /* of a processor's cache: the lock has one to itself */
#define YIELDS             100
#define NAP_NS             50000
#define MOMENT_MS          20   /* a nap is over by then, unless we were stopped */
#define PATIENCE_MS        1000 /* with one owner */
#define PATIENCE_OF_ALL_MS 2000 /* with all: one of them could write ever other numbers */

struct shared_page {
	_Atomic uint32_t lock; /* 0: free */
	uint8_t rest_of_line[LINE - sizeof(uint32_t)];
	uint64_t seed[2];
	uint8_t rest_of_second[LINE - 2 * sizeof(uint64_t)];
	struct tally_slot slots[SLOTS];
};

int shared_make(void)
{
	const int fd = memfd_room("postern-counts", sizeof(struct shared_page));
	uint64_t seed[2];

	if (fd < 0)
		return fd;
	if (getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) &&
		pwrite(fd, seed, sizeof(seed), offsetof(struct shared_page, seed)) ==
			(ssize_t)sizeof(seed))
		return fd;
	const int error = errno;
	close(fd);
	return -error;
}

int shared_map(struct shared *s, int fd, unsigned seat)
{
	void *page;
	const int r = memfd_map_room(fd, sizeof(*s->page), true, &page);

	if (r)
		return r > 0 ? SHARED_E_SIZE : r;
	*s = (struct shared){ .page = page, .me = seat + 1 };
	tally_init(&s->tally, s->page->slots, SLOTS, s->page->seed);
	return 0;
}

void shared_unmap(struct shared *s)
{
	munmap(s->page, sizeof(*s->page));
}

/* ---- the lock ---- */

struct patience {
	uint32_t owner;          /* seen last */
	uint64_t one_ms, all_ms; /* waited for it, for all */
	uint64_t now_ms;
	unsigned n;
};

/* Waits a moment for @owner. Only time counts in which we ran ourselves: who was stopped for long
 * has not seen what the others did meanwhile, and must not take the lock from one who lives. */
static void wait_for(struct patience *w, uint32_t owner)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };
	const uint64_t before_ms = w->now_ms;
	uint64_t passed_ms;

	w->now_ms = clock_steady_ms();
	passed_ms = w->n ? w->now_ms - before_ms : 0;
	if (passed_ms > MOMENT_MS)
		passed_ms = MOMENT_MS;
	w->one_ms = owner == w->owner ? w->one_ms + passed_ms : 0;
	w->all_ms += passed_ms;
	w->owner = owner;
	if (w->n++ < YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

void shared_lock(struct shared *s)
{
	_Atomic uint32_t *lock = &s->page->lock;
	struct patience w = { 0 };
	uint32_t owner = 0;

	while (!atomic_compare_exchange_strong(lock, &owner, s->me)) {
		wait_for(&w, owner);
		if (w.all_ms > PATIENCE_OF_ALL_MS) {
			atomic_store(lock, s->me);
			return;
		}
		if (w.one_ms <= PATIENCE_MS)
			owner = 0; /* else it is taken from that one */
	}
}

void shared_unlock(struct shared *s)
{
	uint32_t owner = s->me;

	/* unless it was taken away meanwhile */
	atomic_compare_exchange_strong(&s->page->lock, &owner, 0);
}

void shared_break(struct shared *s, unsigned seat)
{
	uint32_t owner = seat + 1;

	atomic_compare_exchange_strong(&s->page->lock, &owner, 0);
}

/* ---- counting anew ---- */

static void add_up(struct tally *t, const struct ledger *l, uint64_t now_ms)
{
	const uint32_t end = ledger_end(l);

	for (uint32_t i = 0; i < end; i++) {
		const struct ledger_entry e = ledger_at(l, i);
		struct tally_key keys[2];
		const unsigned n = ledger_keys(&e, keys);

		for (unsigned k = 0; k < n; k++)
			tally_recount(t, &keys[k], now_ms);
	}
}

void shared_recount(struct shared *s, const struct ledger *const *ledgers, size_t n)
{
	const uint64_t now_ms = clock_steady_ms();

	shared_lock(s);
	tally_recount_begin(&s->tally);
	for (size_t i = 0; i < n; i++)
		add_up(&s->tally, ledgers[i], now_ms);
	tally_recount_end(&s->tally);
	shared_unlock(s);
}
