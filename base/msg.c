/* SPDX-License-Identifier: ISC */
#include "base/msg.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK 0x5073 /* tells a message from any other packet */

struct head {
	uint16_t mark, type;
	uint32_t size; /* of the body */
};
static_assert(sizeof(struct head) == MSG_HEAD, "no holes in the head");

/* Also when none is wanted there is room for descriptors, so that they can be closed. */
union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(MSG_FDS_MAX * sizeof(int))];
};

int msg_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) ? -errno
											  : 0;
}

static void attach_fds(struct msghdr *hdr, union control *control, const int *fds, size_t n)
{
	struct cmsghdr *c;

	hdr->msg_control = control->octets;
	hdr->msg_controllen = CMSG_SPACE(n * sizeof(*fds));
	c = CMSG_FIRSTHDR(hdr);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(*fds));
	memcpy(CMSG_DATA(c), fds, n * sizeof(*fds));
}

int msg_send_fds(int socket, uint16_t type, struct span body, const int *fds, size_t n)
{
	struct head head = { .mark = MARK, .type = type, .size = (uint32_t)body.n };
	struct iovec parts[] = { { &head, sizeof head }, { (void *)body.p, body.n } };
	struct msghdr hdr = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control = { 0 };

	assert(body.n <= MSG_BODY_MAX && n <= MSG_FDS_MAX);
	if (n > 0)
		attach_fds(&hdr, &control, fds, n);
	while (sendmsg(socket, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS)
			return MSG_E_AGAIN;
		return errno == EPIPE || errno == ECONNRESET ? MSG_E_CLOSED : -errno;
	}
	return MSG_OK;
}

int msg_send(int socket, uint16_t type, struct span body, int fd)
{
	return msg_send_fds(socket, type, body, &fd, fd >= 0);
}

/* Takes all descriptors of a packet: the first @max into @fds, the others are closed. How many
 * came. */
static size_t take_fds(struct msghdr *hdr, int *fds, size_t max)
{
	size_t came = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c != NULL; c = CMSG_NXTHDR(hdr, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++, came++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (came < max)
				fds[came] = fd;
			else
				close(fd);
		}
	}
	return came;
}

static bool well_formed(const void *block, size_t n, const struct msghdr *hdr, struct msg *m)
{
	struct head head;

	if (n < sizeof head || hdr->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return false;
	memcpy(&head, block, sizeof head);
	if (head.mark != MARK || head.size > MSG_BODY_MAX || head.size != n - sizeof head)
		return false;
	m->type = head.type;
	m->body = span_of((const uint8_t *)block + sizeof head, head.size);
	return true;
}

/* Return: octets that came, 0 at the end; <0 errno. */
static ssize_t receive(int socket, struct msghdr *hdr)
{
	ssize_t n;

	do
		n = recvmsg(socket, hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR ||
				errno == ECONNRESET)); /* told once, before what was sent earlier */
	return n < 0 ? -errno : n;
}

int msg_recv_fds(
	int socket, void *block, size_t size, struct msg *m, int *fds, size_t max, size_t *np)
{
	struct iovec part = { block, size };
	union control control;
	struct msghdr hdr = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	struct msg got = { .fd = -1 };
	ssize_t n = receive(socket, &hdr);
	size_t came;

	if (n == -EAGAIN)
		return MSG_E_AGAIN;
	if (n < 0)
		return (int)n;
	if (n == 0) /* no message is empty: this is the end */
		return MSG_E_CLOSED;
	came = take_fds(&hdr, fds, max);
	if (!well_formed(block, (size_t)n, &hdr, &got) || came > max) {
		for (size_t i = 0; i < came && i < max; i++)
			close(fds[i]);
		return MSG_E_BAD;
	}
	*m = got;
	*np = came;
	return MSG_OK;
}

int msg_recv(int socket, void *block, size_t size, struct msg *m)
{
	size_t n;
	int fd, r = msg_recv_fds(socket, block, size, m, &fd, 1, &n);

	if (r == MSG_OK)
		m->fd = n > 0 ? fd : -1;
	return r;
}
