/* SPDX-License-Identifier: ISC */
/*
 * postern-verdict: carries out what the gate decided, since that takes a right the gate shall not
 * have. It reads records of fixed size and messages of posternd, nothing else. filter/gate/roles.h
 * tells how it is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/role.h"
#include "filter/gate/roles.h"
#include "filter/gate/verdict.h"

static int fds[VERDICT_FDS];
static int told; /* errno of the last failure told */

static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

/* What could not be said is not said again: those packets stay without an answer until the gate has
 * them dropped. */
static void say(int fd, const void *messages, size_t n)
{
	ssize_t r;

	if (n == 0)
		return;
	do
		r = sendto(fd, messages, n, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno != told) {
		told = errno;
		fprintf(stderr, "postern-verdict: cannot tell the kernel: %s\n", strerror(errno));
	}
}

static void carry_out(const struct gate_verdict *verdicts, size_t n)
{
	static _Alignas(struct nlmsghdr) uint8_t room[VERDICTS_MESSAGE];
	_Alignas(struct nlmsghdr) uint8_t question[VERDICT_QUESTION];
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		if (verdict_asks(&verdicts[i]))
			say(fds[VERDICT_FD_TRACK], question, verdict_put(&verdicts[i], question));
		else
			size += verdict_put(&verdicts[i], room + size);
	}
	say(fds[VERDICT_FD_QUEUE], room, size);
}

/* One packet, or @all that waits. False: nonsense, or the gate's end of the pair is gone for good.
 */
static bool serve_gate(bool all)
{
	struct gate_verdict verdicts[VERDICTS_MAX];
	uint8_t packet[sizeof(verdicts) + 1]; /* a longer one shows */
	ssize_t r;
	size_t n;

	do {
		r = recv(fds[VERDICT_FD_VERDICTS], packet, sizeof(packet), MSG_DONTWAIT);
		if (r < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!verdicts_read(span_of(packet, (size_t)r), verdicts, &n))
			return false;
		carry_out(verdicts, n);
	} while (all);
	return true;
}

/* False: it shall end. */
static bool serve_posternd(void)
{
	static const struct role_pong pong;
	uint8_t block[MSG_HEAD + 64];
	struct msg m;
	const int r = msg_recv(fds[VERDICT_FD_CONTROL], block, sizeof(block), &m);

	if (r == MSG_E_AGAIN)
		return true;
	if (r != MSG_OK)
		return false;
	if (m.fd >= 0)
		close(m.fd);
	/* what the gate said before posternd asked is done before it is answered */
	return m.type == ROLE_PING && serve_gate(true) &&
	       msg_send(fds[VERDICT_FD_CONTROL], ROLE_PONG, span_of(&pong, sizeof(pong)), -1) !=
		       MSG_E_CLOSED;
}

static void run(void)
{
	struct pollfd polled[] = { { .fd = fds[VERDICT_FD_CONTROL], .events = POLLIN },
		{ .fd = fds[VERDICT_FD_VERDICTS], .events = POLLIN } };

	for (;;) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return;
		if (polled[1].revents && !serve_gate(false))
			return;
		if (polled[0].revents && !serve_posternd())
			return;
	}
}

static bool read_start(struct role_place *place, int argc, char **argv)
{
	uint64_t n;

	if (argc != 2 + VERDICT_FDS || !role_place_parse(span_str(argv[1]), place))
		return false;
	for (int i = 0; i < VERDICT_FDS; i++) {
		if (!span_u64(span_str(argv[2 + i]), 65535, &n))
			return false;
		fds[i] = (int)n;
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct role_ready ready = { 0 };
	struct role_place place;

	role_close_strays();
	if (!read_start(&place, argc, argv)) {
		fputs("postern-verdict is started by posternd(8)\n", stderr);
		return EX_USAGE;
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (role_enter(ROLE_VERDICT, &place, &ready.layers) < 0)
		return EX_UNAVAILABLE;
	if (msg_send(fds[VERDICT_FD_CONTROL], ROLE_READY, span_of(&ready, sizeof(ready)), -1))
		return EX_UNAVAILABLE;
	run();
	return 0;
}
