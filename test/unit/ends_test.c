/* SPDX-License-Identifier: ISC */
#include "proxy/house/ends.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/alloc_fail.h"
#include "test/unit/support.h"

static struct child role;
static struct ends ends;
static int role_end; /* where the role would read */

/* A role in @state, played by nobody: whoever killed it would kill us. */
static void begin(enum child_state state)
{
	int pair[2];

	assert_int_equal(msg_pair(pair), 0);
	role = (struct child){ .state = state, .control = pair[0], .pid = getpid() };
	role_end = pair[1];
	ends = (struct ends){ .role = &role };
}

static void end(void)
{
	ends_deinit(&ends);
	close(role.control);
	close(role_end);
}

/* What the role was given next: the descriptor, or -1. */
static int given(uint32_t *wordp)
{
	uint8_t block[MSG_HEAD + 64];
	struct msg m;

	*wordp = 0;
	if (msg_recv(role_end, block, sizeof(block), &m) != MSG_OK)
		return -1;
	assert_int_equal(m.type, ROLE_ADD);
	if (m.body.n == sizeof(*wordp))
		memcpy(wordp, m.body.p, sizeof(*wordp));
	else
		assert_int_equal(m.body.n, 0);
	return m.fd;
}

static void expect_joined(int a, int b)
{
	char octet = 0;

	assert_int_equal(send(a, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(b, &octet, 1, MSG_DONTWAIT), 1);
	assert_int_equal(octet, 'x');
}

static void a_role_that_is_ready_is_given_each_at_once(void **state)
{
	uint32_t word;
	int other, fd;

	(void)state;
	begin(CHILD_READY);
	assert_int_equal(ends_add(&ends, 6, 1, &other), 0);
	fd = given(&word);
	assert_int_equal(word, 6);
	expect_joined(fd, other);
	close(fd);
	close(other);
	ends_remove(&ends, 0, true);
	assert_int_not_equal(
		ends.list[0].fd, -1); /* the role may be killed before it has read it */
	ends_look(&ends);
	assert_int_equal(ends.list[0].fd, -1);
	end();
}

static void one_that_comes_later_is_given_all(void **state)
{
	int others[3], fd;
	uint32_t word;

	(void)state;
	begin(CHILD_STARTING);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(ends_add(&ends, i, 0, &others[i]), i);
	assert_int_equal(given(&word), -1);
	ends_remove(&ends, 1, false);
	for (int life = 0; life < 2; life++) { /* a successor gets the same */
		role.state = CHILD_READY;
		ends_give(&ends);
		for (uint32_t i = 0; i < 3; i += 2) {
			fd = given(&word);
			assert_int_equal(word, i);
			expect_joined(others[i], fd);
			close(fd);
		}
		assert_int_equal(given(&word), -1);
	}
	for (int i = 0; i < 3; i++)
		close(others[i]);
	end();
}

static void what_one_said_before_its_end_reaches_a_role_that_is_down(void **state)
{
	int other, again, fd;
	char octet = 0;
	uint32_t word;

	(void)state;
	begin(CHILD_RESTING);
	assert_int_equal(ends_add(&ends, 0, 0, &other), 0);
	assert_int_equal(send(other, "z", 1, 0), 1);
	close(other);
	ends_remove(&ends, 0, true);
	assert_int_equal(ends_add(&ends, 0, 0, &again), 1); /* its place is not free yet */
	role.state = CHILD_READY;
	ends_give(&ends);
	fd = given(&word);
	ends_look(&ends);
	assert_int_not_equal(ends.list[0].fd, -1);
	assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), 1);
	assert_int_equal(octet, 'z');
	assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), 0);
	close(fd);
	close(given(&word));
	ends_look(&ends);
	assert_int_equal(ends.list[0].fd, -1);
	close(again);
	assert_int_equal(ends_add(&ends, 0, 0, &again), 0); /* now it is */
	close(given(&word));
	close(again);
	end();
}

static void places_are_used_again_and_numbers_checked(void **state)
{
	int other;

	(void)state;
	begin(CHILD_NONE);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(ends_add(&ends, 0, 0, &other), 0);
		close(other);
		ends_remove(&ends, 0, false);
		ends_remove(&ends, 0, false);
	}
	assert_int_equal(ends.n, 1);
	ends_remove(&ends, -1, true);
	ends_remove(&ends, -ENOMEM, true);
	ends_remove(&ends, 1, true);
	end();
}

static bool work_without_memory(unsigned n, bool for_good)
{
	bool failed;
	int other;

	begin(CHILD_NONE);
	alloc_fail_from(n, for_good);
	for (int i = 0; i < 3; i++) {
		int r = ends_add(&ends, 0, 0, &other);

		assert_true(r >= 0 || r == -ENOMEM);
		if (r >= 0)
			close(other);
	}
	failed = alloc_fail_end();
	end();
	return failed;
}

static void without_memory(void **state)
{
	(void)state;
	alloc_fail_all(work_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_that_is_ready_is_given_each_at_once),
		cmocka_unit_test(one_that_comes_later_is_given_all),
		cmocka_unit_test(what_one_said_before_its_end_reaches_a_role_that_is_down),
		cmocka_unit_test(places_are_used_again_and_numbers_checked),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
