/* SPDX-License-Identifier: ISC */
/* proxy/spare and proxy/channel: what one end makes the other takes; neither waits for a dead one.
 */
#include "test/unit/support.h"

#include "proxy/channel.h"
#include "proxy/transparent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int v4[2]; /* [0] sends */
static struct spare spare;

static int begin(void **state)
{
	(void)state;
	spare_init(&spare, -1, -1);
	if (msg_pair(v4) < 0)
		return -1;
	spare_init(&spare, v4[1], -1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	spare_deinit(&spare);
	if (v4[0] >= 0)
		close(v4[0]);
	close(v4[1]);
	return 0;
}

static int next_fd(void)
{
	int fd = dup(v4[1]);

	close(fd);
	return fd;
}

static void send_batch(size_t n)
{
	int fds[SPARE_BATCH];

	for (size_t i = 0; i < n; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(msg_send_fds(v4[0], SPARE_MESSAGE, (struct span){ 0 }, fds, n), MSG_OK);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Finer than the proxy's own clock. */
static uint64_t steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int family_of(int fd)
{
	int family = -1;
	socklen_t n = sizeof(family);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n), 0);
	return family;
}

static void take_good(enum ip_family family)
{
	int fd = spare_take(&spare, family, 0);

	assert_true(fd >= 0);
	assert_int_equal(family_of(fd), family == IP_V6 ? AF_INET6 : AF_INET);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

static void each_socket_of_each_batch_is_taken_once(void **state)
{
	int before = next_fd();

	(void)state;
	send_batch(SPARE_BATCH);
	send_batch(1);
	send_batch(3);
	for (unsigned i = 0; i < SPARE_BATCH + 4; i++)
		take_good(IP_V4);
	assert_int_equal(spare_take(&spare, IP_V4, 0), -EAGAIN);
	assert_int_equal(next_fd(), before);
}

static void without_a_channel_they_are_made(void **state)
{
	(void)state;
	take_good(IP_V6);
	spare_init(&spare, -1, -1);
	take_good(IP_V4);
}

static uint64_t waited(uint64_t now_ms)
{
	uint64_t start = steady_ms();

	assert_int_equal(spare_take(&spare, IP_V4, now_ms), -EAGAIN);
	return steady_ms() - start;
}

static void who_waited_in_vain_does_not_wait_again_at_once(void **state)
{
	uint64_t sum = 0;

	(void)state;
	assert_true(waited(5000) >= SPARE_WAIT_MS - 1);
	for (unsigned i = 0; i < 1000; i++)
		sum += waited(5000 + SPARE_GIVE_UP_MS - 1);
	assert_true(sum < 1000 * SPARE_WAIT_MS / 4);
	assert_true(waited(5000 + SPARE_GIVE_UP_MS) >= SPARE_WAIT_MS - 1);
	send_batch(1);
	take_good(IP_V4); /* what is there is taken all the same, and shows that more may come */
	assert_true(waited(5000 + SPARE_GIVE_UP_MS) >= SPARE_WAIT_MS - 1);
}

static void a_burst_is_waited_for(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		usleep(2000);
		send_batch(2);
		_exit(0);
	}
	take_good(IP_V4);
	take_good(IP_V4);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_first_batches_are_waited_for(void **state)
{
	pid_t child = fork();
	uint64_t start;

	(void)state;
	if (child == 0) {
		usleep(3 * SPARE_WAIT_MS * 1000);
		send_batch(2);
		_exit(0);
	}
	spare_await(&spare, 10000);
	spare_await(&spare, 10000); /* that is enough */
	assert_int_equal(waitpid(child, NULL, 0), child);
	take_good(IP_V4);
	take_good(IP_V4);
	start = steady_ms();
	spare_await(&spare, 10); /* nothing comes: it goes on without */
	assert_true(steady_ms() - start >= 9);
}

static void a_channel_whose_other_end_is_gone_is_empty(void **state)
{
	(void)state;
	send_batch(1);
	close(v4[0]);
	v4[0] = -1;
	take_good(IP_V4);
	assert_int_equal(spare_take(&spare, IP_V4, 0), -EAGAIN);
}

static void without_room_for_descriptors_that_is_said_and_none_is_lost(void **state)
{
	struct rlimit old, few;
	int before = next_fd();

	(void)state;
	send_batch(SPARE_BATCH);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)before + SPARE_BATCH / 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(spare_take(&spare, IP_V4, 0), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(next_fd(), before);
}

static void what_is_no_batch_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(msg_send(v4[0], SPARE_MESSAGE, (struct span){ 0 }, -1), MSG_OK);
	assert_int_equal(spare_take(&spare, IP_V4, 0), -EAGAIN);
	assert_int_equal(send(v4[0], "x", 1, 0), 1);
	assert_int_equal(spare_take(&spare, IP_V4, 0), -EMFILE);
}

/* ---- the other end ---- */

static bool writable(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, 0) > 0;
}

static void bind_anywhere(int fd)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int mark = 0;
	socklen_t n = sizeof(mark);

	inet_pton(AF_INET, "203.0.113.9", &sa.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &n), 0);
	assert_int_equal(mark, 0x00500000);
}

static void a_channel_is_kept_full(void **state)
{
	struct channel c;
	unsigned sent = 0, taken = 0;

	(void)state;
	if (!transparent_allowed())
		skip();
	assert_int_equal(channel_init(&c, v4[0], IP_V4), 0);
	v4[0] = -1;
	for (; writable(c.fd); sent++)
		assert_int_equal(channel_send(&c, 0x00500000), CHANNEL_OK);
	for (unsigned i = 0; i < SPARE_BATCH; i++) { /* one batch taken is room for another */
		int fd = spare_take(&spare, IP_V4, 0);
		assert_true(writable(c.fd));
		bind_anywhere(fd);
		close(fd);
	}
	assert_int_equal(channel_send(&c, 0x00500000), CHANNEL_OK);
	assert_false(writable(c.fd));
	for (int fd; (fd = spare_take(&spare, IP_V4, 0)) >= 0; taken++)
		close(fd);
	assert_int_equal(taken, sent * SPARE_BATCH);
	assert_in_range(taken, 64, 160);
	close(v4[1]);
	assert_int_equal(channel_send(&c, 0x00500000), CHANNEL_E_GONE);
	channel_deinit(&c);
	v4[1] = socket(AF_INET, SOCK_STREAM, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(each_socket_of_each_batch_is_taken_once),
		TEST(without_a_channel_they_are_made),
		TEST(who_waited_in_vain_does_not_wait_again_at_once),
		TEST(a_burst_is_waited_for),
		TEST(the_first_batches_are_waited_for),
		TEST(a_channel_whose_other_end_is_gone_is_empty),
		TEST(without_room_for_descriptors_that_is_said_and_none_is_lost),
		TEST(what_is_no_batch_is_not_taken),
		TEST(a_channel_is_kept_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
