/* SPDX-License-Identifier: ISC */
#include "filter/gate/inbox.h"

#include <assert.h>
#include <errno.h>

void inbox_init(struct inbox *b, void *room, size_t each, unsigned n)
{
	assert(n <= INBOX_PACKETS);
	*b = (struct inbox){ .n = n };
	for (unsigned i = 0; i < n; i++) {
		b->parts[i] = (struct iovec){ (uint8_t *)room + i * each, each };
		b->packets[i].msg_hdr = (struct msghdr){
			.msg_name = &b->from[i],
			.msg_iov = &b->parts[i],
			.msg_iovlen = 1,
		};
	}
}

int inbox_fill(struct inbox *b, int fd, unsigned *np)
{
	int r;

	*np = 0;
	for (unsigned i = 0; i < b->n; i++)
		b->packets[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
	do
		r = recvmmsg(fd, b->packets, b->n, MSG_DONTWAIT, NULL);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		*np = (unsigned)r;
	else if (errno == ENOBUFS)
		return INBOX_E_OVERRUN;
	else if (errno != EAGAIN)
		return -errno;
	return 0;
}

bool inbox_each(const struct inbox *b, unsigned i,
	void (*each)(void *context, const struct nlmsghdr *m), void *context)
{
	const struct msghdr *h = &b->packets[i].msg_hdr;
	const struct nlmsghdr *m = b->parts[i].iov_base;
	int left = (int)b->packets[i].msg_len;

	if (h->msg_flags & MSG_TRUNC || b->from[i].nl_pid != 0)
		return false;
	for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
		each(context, m);
	return left <= 0;
}
