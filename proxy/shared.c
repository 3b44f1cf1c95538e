/* SPDX-License-Identifier: ISC */
#include "proxy/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/clock.h"

#define SLOTS       65536 /* clients that can be counted at once */
#define LINE        64    /* of a processor's cache: the lock has one to itself */
#define SEALS       (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define YIELDS      100
#define NAP_NS      50000
#define PATIENCE_MS 1000

struct head {
	_Atomic uint32_t lock; /* 0: free */
	uint8_t rest_of_line[LINE - sizeof(uint32_t)];
	uint64_t seed[2];
	uint8_t rest_of_second[LINE - 2 * sizeof(uint64_t)];
};

static size_t connections_size(size_t n_rules)
{
	return ((n_rules + 1) * sizeof(uint32_t) + LINE - 1) / LINE * LINE;
}

static size_t size_of(size_t n_rules)
{
	return sizeof(struct head) + connections_size(n_rules) + SLOTS * sizeof(struct tally_slot);
}

int shared_make(size_t n_rules)
{
	const int fd = memfd_create("postern-counts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct head head = { 0 };

	if (fd < 0)
		return -errno;
	if (getrandom(head.seed, sizeof(head.seed), 0) == (ssize_t)sizeof(head.seed) &&
		ftruncate(fd, (off_t)size_of(n_rules)) == 0 &&
		pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	const int error = errno;
	close(fd);
	return -error;
}

int shared_map(struct shared *s, int fd, size_t n_rules, unsigned worker)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	struct head *head;

	*s = (struct shared){ .me = worker + 1, .size = size_of(n_rules) };
	if (fstat(fd, &st) < 0)
		return -errno;
	if (seals < 0 || (seals & SEALS) != SEALS || (uintmax_t)st.st_size != s->size)
		return SHARED_E_SIZE; /* it might shrink below us */
	s->map = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s->map == MAP_FAILED)
		return -errno;
	head = s->map;
	s->lock = &head->lock;
	s->connections = (uint32_t *)(void *)(head + 1);
	tally_init(&s->tally,
		(struct tally_slot *)(void *)((char *)(head + 1) + connections_size(n_rules)),
		SLOTS, head->seed);
	return 0;
}

void shared_unmap(struct shared *s)
{
	munmap(s->map, s->size);
}

/* Waits a moment for the owner. True: it was always the same one, for too long. */
static bool wait_for(uint32_t owner, uint32_t *seenp, uint64_t *since_msp, unsigned *waitsp)
{
	static const struct timespec nap = { .tv_nsec = NAP_NS };

	if (owner != *seenp) {
		*seenp = owner;
		*since_msp = clock_steady_ms();
	}
	if ((*waitsp)++ < YIELDS) {
		sched_yield();
		return false;
	}
	nanosleep(&nap, NULL);
	return clock_steady_ms() - *since_msp > PATIENCE_MS;
}

void shared_lock(struct shared *s)
{
	uint32_t owner = 0, seen = 0;
	uint64_t since_ms = 0;
	unsigned waits = 0;

	while (!atomic_compare_exchange_strong(s->lock, &owner, s->me)) {
		if (!wait_for(owner, &seen, &since_ms, &waits))
			owner = 0; /* else it is taken from that one */
	}
}

void shared_unlock(struct shared *s)
{
	uint32_t owner = s->me;

	atomic_compare_exchange_strong(s->lock, &owner, 0); /* unless it was taken away meanwhile */
}
