/* SPDX-License-Identifier: ISC */
/* proxy/shared: what several processes count together is counted once, and nobody can hold it for
 * ever. */
#include "test/unit/support.h"

#include "proxy/shared.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_RULES 5

static struct shared map(int fd, unsigned worker)
{
	struct shared s;

	assert_int_equal(shared_map(&s, fd, N_RULES, worker), 0);
	return s;
}

static int make(void)
{
	int fd = shared_make(N_RULES);

	assert_true(fd >= 0);
	return fd;
}

static void workers_see_the_same_counts(void **state)
{
	int fd = make();
	struct shared a = map(fd, 0), b = map(fd, 1);
	struct tally_key key = { .rule = N_RULES };

	(void)state;
	a.connections[N_RULES] = 7;
	tally_at(&a.tally, &key, 5)->connections = 3;
	assert_int_equal(b.connections[N_RULES], 7);
	assert_int_equal(tally_find(&b.tally, &key)->connections, 3);
	shared_unmap(&a);
	shared_unmap(&b);
	close(fd);
}

/* One process adds by steps that any other could come between. */
static void add(int fd, unsigned worker, uint32_t times)
{
	struct shared s = map(fd, worker);
	volatile uint32_t *count = &s.connections[1];

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
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			add(fd, i, TIMES);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	assert_int_equal(s.connections[1], PROCESSES * TIMES);
	shared_unmap(&s);
	close(fd);
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
	assert_int_equal(*b.lock, b.me);
	shared_unlock(&b);
	assert_int_equal(*b.lock, 0);
	shared_unmap(&a);
	shared_unmap(&b);
	close(fd);
}

static void another_size_or_one_that_can_shrink_is_refused(void **state)
{
	int fd = make(), unsealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct shared s;

	(void)state;
	assert_int_equal(shared_map(&s, fd, N_RULES + 100, 0), SHARED_E_SIZE);
	assert_int_equal(ftruncate(unsealed, lseek(fd, 0, SEEK_END)), 0);
	assert_int_equal(shared_map(&s, unsealed, N_RULES, 0), SHARED_E_SIZE);
	assert_true(ftruncate(fd, 0) < 0);
	close(fd);
	close(unsealed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_see_the_same_counts),
		cmocka_unit_test(nothing_is_lost_between_processes),
		cmocka_unit_test(the_lock_of_a_dead_owner_is_taken),
		cmocka_unit_test(another_size_or_one_that_can_shrink_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
