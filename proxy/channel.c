/* SPDX-License-Identifier: ISC */
#include "proxy/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/transparent.h"

int channel_init(struct channel *c, int fd, enum ip_family family)
{
	int octets = CHANNEL_BUFFER;

	*c = (struct channel){ .fd = fd, .family = family };
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets)) == 0)
		return 0;
	octets = -errno;
	channel_deinit(c);
	return octets;
}

static void drop_batch(struct channel *c)
{
	while (c->n > 0)
		close(c->batch[--c->n]);
}

void channel_deinit(struct channel *c)
{
	drop_batch(c);
	close(c->fd);
	c->fd = -1;
}

static int make_batch(struct channel *c, uint32_t mark)
{
	while (c->n < SPARE_BATCH) {
		int fd = transparent_socket(c->family, mark);

		if (fd < 0)
			return fd;
		c->batch[c->n++] = fd;
	}
	return 0;
}

int channel_send(struct channel *c, uint32_t mark)
{
	int r = make_batch(c, mark);

	if (r < 0 && c->n == 0)
		return r;
	/* fewer than a batch are better than none */
	r = msg_send_fds(c->fd, SPARE_MESSAGE, (struct span){ 0 }, c->batch, c->n);
	if (r == MSG_E_CLOSED)
		return CHANNEL_E_GONE;
	if (r == MSG_E_AGAIN)
		return -ENOBUFS; /* it was writable: the kernel has no memory */
	if (r == MSG_OK)
		drop_batch(c);
	return r;
}
