/* SPDX-License-Identifier: ISC */
#include "base/msg.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/support.h"

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return msg_pair(pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* The lowest free descriptor: tells whether one leaked. */
static int next_fd(void)
{
	int fd = dup(pair[0]);

	close(fd);
	return fd;
}

static void a_message_arrives_with_type_body_and_descriptor(void **state)
{
	uint8_t block[MSG_HEAD + 16];
	int pipe_fds[2];
	struct msg m;
	char c = 0;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(msg_send(pair[0], 7, SPAN("rules"), pipe_fds[0]), MSG_OK);
	assert_int_equal(msg_send(pair[0], 8, SPAN(""), -1), MSG_OK);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_OK);
	assert_int_equal(m.type, 7);
	expect_octets(m.body, SPAN("rules"), "body", "with a descriptor");
	assert_true(fcntl(m.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(pipe_fds[1], "x", 1), 1);
	assert_int_equal(read(m.fd, &c, 1), 1);
	assert_int_equal(c, 'x');
	close(m.fd);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_OK);
	assert_int_equal(m.type, 8);
	assert_int_equal(m.body.n, 0);
	assert_int_equal(m.fd, -1);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_AGAIN);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void the_largest_body_passes(void **state)
{
	static uint8_t body[MSG_BODY_MAX], block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;

	(void)state;
	memset(body, 'b', sizeof body);
	assert_int_equal(msg_send(pair[0], 1, span_of(body, sizeof body), -1), MSG_OK);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_OK);
	assert_int_equal(m.body.n, sizeof body);
	assert_memory_equal(m.body.p, body, sizeof body);
}

static void what_is_no_message_is_dropped(void **state)
{
	const struct {
		const char *name;
		struct span packet;
	} cases[] = {
		{ "shorter than a head", SPAN("\x73\x50\x01\x00\x00\x00\x00") },
		{ "another mark", SPAN("\x74\x50\x01\x00\x00\x00\x00\x00") },
		{ "says less than came", SPAN("\x73\x50\x01\x00\x00\x00\x00\x00x") },
		{ "says more than came", SPAN("\x73\x50\x01\x00\x02\x00\x00\x00x") },
		{ "says the most", SPAN("\x73\x50\x01\x00\xff\xff\xff\xffx") },
		{ "larger than the block", SPAN("\x73\x50\x01\x00\x10\x00\x00\x00"
						"0123456789abcdef") },
	};
	uint8_t block[MSG_HEAD + 8];
	struct msg m;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		ssize_t sent = send(pair[0], cases[i].packet.p, cases[i].packet.n, 0);
		assert_int_equal(sent, cases[i].packet.n);
		if (msg_recv(pair[1], block, sizeof block, &m) != MSG_E_BAD)
			fail_msg("%s: taken", cases[i].name);
	}
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_AGAIN);
}

static void send_fds(int n)
{
	uint8_t head[] = { 0x73, 0x50, 1, 0, 0, 0, 0, 0 };
	struct iovec part = { head, sizeof head };
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(44 * sizeof(int))];
	} control = { 0 };
	struct msghdr hdr = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&hdr);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &pair[0], sizeof(int));
	assert_int_equal(sendmsg(pair[0], &hdr, 0), sizeof head);
}

static void descriptors_nobody_asked_for_are_closed(void **state)
{
	uint8_t block[MSG_HEAD];
	int before = next_fd();
	struct msg m;

	(void)state;
	for (int n = 2; n <= 44; n += 6) { /* more than the receiver has room for, too */
		send_fds(n);
		assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_BAD);
		assert_int_equal(next_fd(), before);
	}
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_BAD);
}

static void several_descriptors_arrive_in_their_order(void **state)
{
	uint8_t block[MSG_HEAD];
	int ends[MSG_FDS_MAX][2], fds[MSG_FDS_MAX], came[MSG_FDS_MAX], before = next_fd();
	struct msg m;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < MSG_FDS_MAX; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		fds[i] = ends[i][0];
	}
	assert_int_equal(msg_send_fds(pair[0], 3, SPAN(""), fds, MSG_FDS_MAX), MSG_OK);
	assert_int_equal(
		msg_recv_fds(pair[1], block, sizeof block, &m, came, MSG_FDS_MAX, &n), MSG_OK);
	assert_int_equal(n, MSG_FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		char c = 0;

		assert_true(fcntl(came[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(ends[i][1], &(char){ (char)i }, 1), 1);
		assert_int_equal(read(came[i], &c, 1), 1);
		assert_int_equal(c, i);
		close(came[i]);
	}
	/* more than are wanted: none is taken, none leaks */
	assert_int_equal(msg_send_fds(pair[0], 3, SPAN(""), fds, 5), MSG_OK);
	assert_int_equal(msg_recv_fds(pair[1], block, sizeof block, &m, came, 4, &n), MSG_E_BAD);
	for (size_t i = 0; i < MSG_FDS_MAX; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	assert_int_equal(next_fd(), before);
}

static void a_full_socket_says_again_and_loses_nothing(void **state)
{
	static uint8_t body[MSG_BODY_MAX], block[MSG_HEAD + MSG_BODY_MAX];
	struct msg m;
	int sent = 0, r;

	(void)state;
	while ((r = msg_send(pair[0], 1, span_of(body, sizeof body), -1)) == MSG_OK)
		assert_true(++sent < 1000);
	assert_int_equal(r, MSG_E_AGAIN);
	for (; sent > 0; sent--)
		assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_OK);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_AGAIN);
}

static void the_end_is_told(void **state)
{
	uint8_t block[MSG_HEAD];
	struct msg m;

	(void)state;
	close(pair[0]);
	assert_int_equal(msg_recv(pair[1], block, sizeof block, &m), MSG_E_CLOSED);
	assert_int_equal(msg_send(pair[1], 1, SPAN("x"), -1), MSG_E_CLOSED);
	pair[0] = -1;
}

/* Whose end closes before it has read all it was sent resets the pair: what it said before still
 * comes. */
static void what_was_said_before_a_reset_comes(void **state)
{
	uint8_t block[64];
	struct msg m;
	int ends[2];

	(void)state;
	assert_int_equal(msg_pair(ends), 0);
	assert_int_equal(msg_send(ends[0], 1, SPAN("unread"), -1), MSG_OK);
	assert_int_equal(msg_send(ends[1], 2, SPAN("last words"), -1), MSG_OK);
	close(ends[1]);
	assert_int_equal(msg_recv(ends[0], block, sizeof(block), &m), MSG_OK);
	assert_int_equal(m.type, 2);
	assert_int_equal(msg_recv(ends[0], block, sizeof(block), &m), MSG_E_CLOSED);
	close(ends[0]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(a_message_arrives_with_type_body_and_descriptor),
		TEST(the_largest_body_passes),
		TEST(what_is_no_message_is_dropped),
		TEST(descriptors_nobody_asked_for_are_closed),
		TEST(several_descriptors_arrive_in_their_order),
		TEST(a_full_socket_says_again_and_loses_nothing),
		TEST(the_end_is_told),
		cmocka_unit_test(what_was_said_before_a_reset_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
