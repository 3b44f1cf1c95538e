/* SPDX-License-Identifier: ISC */
/* filter/limits/shared: what several processes count together is counted once, and nobody can hold
 * it for ever. */
#include "test/unit/support.h"

#include "base/clock.h"
#include "filter/limits/limits.h"
#include "filter/limits/shared.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shared map(int fd, unsigned seat)
{
	struct shared s;

	assert_int_equal(shared_map(&s, fd, seat), 0);
	return s;
}

static int make(void)
{
	int fd = shared_make();

	assert_true(fd >= 0);
	return fd;
}

static const struct tally_key one_rule = { .rule = 1 };

static uint32_t *connections(struct shared *s)
{
	return &tally_at(&s->tally, &one_rule, 5)->connections;
}

static void proxies_see_the_same_counts(void **state)
{
	int fd = make();
	struct shared a = map(fd, 0), b = map(fd, 1);

	(void)state;
	*connections(&a) = 7;
	assert_int_equal(*connections(&b), 7);
	assert_true(tally_rule(&a.tally, SPAN("mail")) == tally_rule(&b.tally, SPAN("mail")));
	shared_unmap(&a);
	shared_unmap(&b);
	close(fd);
}

/* One process adds by steps that any other could come between. */
static void add(int fd, unsigned seat, uint32_t times)
{
	struct shared s = map(fd, seat);
	volatile uint32_t *count = connections(&s);

	while (times-- > 0) {
		shared_lock(&s);
		uint32_t was = *count;
		*count = was + 1;
		shared_unlock(&s);
	}
	shared_unmap(&s);
}

static void nothing_is_lost_between_processes(void **state)
{
	enum { PROCESSES = 4, TIMES = 20000 };
	int fd = make();
	struct shared s = map(fd, 0);

	(void)state;
	*connections(&s) = 0; /* its slot is there */
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			add(fd, i, TIMES);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	assert_int_equal(*connections(&s), PROCESSES * TIMES);
	shared_unmap(&s);
	close(fd);
}

/* The word at the beginning. */
static _Atomic uint32_t *lock_of(const struct shared *s)
{
	return (_Atomic uint32_t *)(void *)s->page;
}

static void the_lock_of_a_dead_owner_is_taken(void **state)
{
	int fd = make(), status;
	struct shared a = map(fd, 0), b = map(fd, 1);

	(void)state;
	shared_lock(&a); /* and never again */
	if (fork() == 0) {
		shared_lock(&b);
		_exit(0);
	}
	wait(&status);
	assert_int_equal(status, 0);
	shared_unlock(&a); /* it is not a's any more */
	assert_int_equal(*lock_of(&b), b.me);
	shared_unlock(&b);
	assert_int_equal(*lock_of(&b), 0);
	shared_unmap(&a);
	shared_unmap(&b);
	close(fd);
}

static void posternd_frees_the_lock_of_the_dead_at_once(void **state)
{
	int fd = make();
	struct shared a = map(fd, 0), b = map(fd, 1);
	const uint64_t begun_ms = clock_steady_ms();

	(void)state;
	shared_lock(&a);
	shared_break(&b, 1); /* not the one that holds it */
	assert_int_equal(*lock_of(&b), a.me);
	shared_break(&b, 0);
	shared_lock(&b);
	shared_unlock(&b);
	assert_in_range(clock_steady_ms() - begun_ms, 0, 500);
	shared_unmap(&a);
	shared_unmap(&b);
	close(fd);
}

static void a_lock_that_always_changes_is_taken_in_the_end(void **state)
{
	int fd = make();
	struct shared s = map(fd, 0);
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (uint32_t i = 100;; i++) { /* another number each millisecond */
			atomic_store(lock_of(&s), i);
			usleep(1000);
		}
	}
	while (*lock_of(&s) == 0)
		usleep(1000);
	shared_lock(&s);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	shared_unmap(&s);
	close(fd);
}

static void another_file_or_one_that_can_shrink_is_refused(void **state)
{
	int fd = make(), unsealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING),
	    ledger = ledger_make();
	struct shared s;

	(void)state;
	assert_int_equal(shared_map(&s, ledger, 0), SHARED_E_SIZE);
	assert_int_equal(ftruncate(unsealed, lseek(fd, 0, SEEK_END)), 0);
	assert_int_equal(shared_map(&s, unsealed, 0), SHARED_E_SIZE);
	assert_true(ftruncate(fd, 0) < 0);
	close(fd);
	close(unsealed);
	close(ledger);
}

/* ---- proxies that are killed ---- */

enum {
	SEATS = 4,
	RULES = 2,
	CLIENTS = 6,
	OPEN = 40, /* connections of one proxy */
	ROUNDS = 150,
	LONGEST_MS = 2500, /* on a busy machine fewer rounds will do */
};

static const char *const names[RULES] = { "mail", "submission" };

struct seat {
	pid_t pid;
	struct ledger view;
};

struct house {
	int counts;
	struct shared shared;
	uint64_t rules[RULES];
	struct seat seats[SEATS];
};

static struct ip client_of(long n)
{
	return ip_v4((uint8_t[]){ 192, 0, 2, (uint8_t)n });
}

/* A proxy: opens and closes by chance, until it is killed. */
static void come_and_go(const struct house *h, unsigned seat, int ledger_fd)
{
	static const struct rule_limits none;
	struct shared s = map(h->counts, seat);
	struct ledger ledger;
	const struct limits limits = { &s.tally, &ledger, 64 };
	uint32_t places[OPEN];
	bool open[OPEN] = { false };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom((unsigned)getpid());
	if (ledger_map(&ledger, ledger_fd))
		_exit(1);
	for (;;) {
		const long i = random() % OPEN;
		const struct ip client = client_of(random() % CLIENTS);
		const uint64_t rule = tally_rule(&s.tally, span_str(names[random() % RULES]));

		shared_lock(&s);
		if (open[i])
			limits_leave(&limits, places[i]);
		else
			limits_enter(&limits, rule, &none, &client, clock_steady_ms(), &places[i]);
		shared_unlock(&s);
		open[i] = !open[i];
	}
}

static void start(struct house *h, unsigned seat)
{
	const int fd = ledger_make();
	struct seat *to = &h->seats[seat];

	assert_int_equal(ledger_view(&to->view, fd), 0);
	to->pid = fork();
	assert_true(to->pid >= 0);
	if (to->pid == 0)
		come_and_go(h, seat, fd);
	close(fd);
}

/* As posternd does. Return: it held the lock. */
static bool kill_and_recount(struct house *h, unsigned seat)
{
	const struct ledger *living[SEATS];
	struct seat *dead = &h->seats[seat];
	bool held;
	size_t n = 0;

	kill(dead->pid, SIGKILL);
	waitpid(dead->pid, NULL, 0);
	dead->pid = 0;
	ledger_unmap(&dead->view);
	held = *lock_of(&h->shared) == seat + 1;
	shared_break(&h->shared, seat);
	for (unsigned i = 0; i < SEATS; i++)
		if (h->seats[i].pid)
			living[n++] = &h->seats[i].view;
	shared_recount(&h->shared, living, n);
	return held;
}

/* Entries of the living under @key. */
static uint32_t in_ledgers(const struct house *h, const struct tally_key *key)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < SEATS; i++) {
		const struct ledger *l = &h->seats[i].view;
		for (uint32_t k = 0; h->seats[i].pid && k < ledger_end(l); k++) {
			const struct ledger_entry e = ledger_at(l, k);
			sum += e.rule == key->rule &&
			       (key->client.family == IP_NONE || ip_eq(&e.client, &key->client));
		}
	}
	return sum;
}

static void expect_count(struct house *h, const struct tally_key *key)
{
	const struct tally_slot *slot = tally_find(&h->shared.tally, key);

	assert_int_equal(slot ? slot->connections : 0, in_ledgers(h, key));
}

static void expect_counts_of_the_living(struct house *h)
{
	uint64_t all = 0, in_keys = 0;

	shared_lock(&h->shared);
	for (unsigned r = 0; r < RULES; r++) {
		struct tally_key key = { .rule = h->rules[r] };
		expect_count(h, &key);
		in_keys += 2 * in_ledgers(h, &key); /* of the rule, and of a client */
		for (long c = 0; c < CLIENTS; c++) {
			key.client = client_of(c);
			expect_count(h, &key);
		}
	}
	for (uint32_t i = 0; i < h->shared.tally.n_slots; i++)
		all += h->shared.tally.slots[i].connections;
	assert_true(all == in_keys);
	shared_unlock(&h->shared);
}

static void killed_at_any_moment_the_counts_are_those_of_the_living(void **state)
{
	struct house h = { .counts = make() };
	const uint64_t begun_ms = clock_steady_ms();
	unsigned held = 0, round = 0;

	(void)state;
	h.shared = map(h.counts, SEATS);
	for (unsigned r = 0; r < RULES; r++)
		h.rules[r] = tally_rule(&h.shared.tally, span_str(names[r]));
	srandom(1);
	for (unsigned seat = 0; seat < SEATS; seat++)
		start(&h, seat);
	for (; round < ROUNDS && clock_steady_ms() - begun_ms < LONGEST_MS; round++) {
		const unsigned seat = (unsigned)random() % SEATS;
		usleep((useconds_t)(random() % 8000));
		held += kill_and_recount(&h, seat);
		expect_counts_of_the_living(&h);
		start(&h, seat);
	}
	for (unsigned seat = 0; seat < SEATS; seat++)
		kill_and_recount(&h, seat);
	expect_counts_of_the_living(&h);
	print_message("%u of %u were killed while they held the lock\n", held, round);
	shared_unmap(&h.shared);
	close(h.counts);
}

static void what_one_did_lasts_longer_than_its_connections(void **state)
{
	int fd = make();
	struct shared s = map(fd, 0);

	(void)state;
	*connections(&s) = 3;
	tally_find(&s.tally, &one_rule)->banned_ms = 1234;
	tally_find(&s.tally, &one_rule)->windows[TALLY_ERRORS].n = 5;
	shared_recount(&s, NULL, 0);
	assert_int_equal(*connections(&s), 0);
	assert_int_equal(tally_find(&s.tally, &one_rule)->banned_ms, 1234);
	assert_int_equal(tally_find(&s.tally, &one_rule)->windows[TALLY_ERRORS].n, 5);
	shared_unmap(&s);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_see_the_same_counts),
		cmocka_unit_test(nothing_is_lost_between_processes),
		cmocka_unit_test(the_lock_of_a_dead_owner_is_taken),
		cmocka_unit_test(posternd_frees_the_lock_of_the_dead_at_once),
		cmocka_unit_test(a_lock_that_always_changes_is_taken_in_the_end),
		cmocka_unit_test(another_file_or_one_that_can_shrink_is_refused),
		cmocka_unit_test(killed_at_any_moment_the_counts_are_those_of_the_living),
		cmocka_unit_test(what_one_did_lasts_longer_than_its_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
