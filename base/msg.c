/* SPDX-License-Identifier: ISC */
#include "base/msg.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK 0x5073 /* tells a message from any other packet */
#define FDS  8      /* room for descriptors nobody asked for, so that they can be closed */

struct head {
	uint16_t mark, type;
	uint32_t size; /* of the body */
};
static_assert(sizeof(struct head) == MSG_HEAD, "no holes in the head");

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(FDS * sizeof(int))];
};

int msg_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) ? -errno
											  : 0;
}

static void attach_fd(struct msghdr *hdr, union control *control, int fd)
{
	struct cmsghdr *c;

	hdr->msg_control = control->octets;
	hdr->msg_controllen = CMSG_SPACE(sizeof fd);
	c = CMSG_FIRSTHDR(hdr);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

int msg_send(int socket, uint16_t type, struct span body, int fd)
{
	struct head head = { .mark = MARK, .type = type, .size = (uint32_t)body.n };
	struct iovec parts[] = { { &head, sizeof head }, { (void *)body.p, body.n } };
	struct msghdr hdr = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control = { 0 };

	assert(body.n <= MSG_BODY_MAX);
	if (fd >= 0)
		attach_fd(&hdr, &control, fd);
	while (sendmsg(socket, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS)
			return MSG_E_AGAIN;
		return errno == EPIPE || errno == ECONNRESET ? MSG_E_CLOSED : -errno;
	}
	return MSG_OK;
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

static bool well_formed(
	const void *block, size_t n, const struct msghdr *hdr, size_t came, struct msg *m)
{
	struct head head;

	if (n < sizeof head || came > 1 || hdr->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return false;
	memcpy(&head, block, sizeof head);
	if (head.mark != MARK || head.size > MSG_BODY_MAX || head.size != n - sizeof head)
		return false;
	m->type = head.type;
	m->body = span_of((const uint8_t *)block + sizeof head, head.size);
	return true;
}

int msg_recv(int socket, void *block, size_t size, struct msg *m)
{
	struct iovec part = { block, size };
	union control control;
	struct msghdr hdr = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	struct msg got = { 0 };
	int fd = -1;
	ssize_t n;
	size_t came;

	do
		n = recvmsg(socket, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return MSG_E_AGAIN;
	if (n < 0 && errno != ECONNRESET)
		return -errno;
	if (n <= 0) /* no message is empty: this is the end */
		return MSG_E_CLOSED;
	came = take_fds(&hdr, &fd, 1);
	if (!well_formed(block, (size_t)n, &hdr, came, &got)) {
		if (fd >= 0)
			close(fd);
		return MSG_E_BAD;
	}
	got.fd = fd;
	*m = got;
	return MSG_OK;
}
