/* SPDX-License-Identifier: ISC */
#include "proxy/spare.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static_assert(SPARE_BATCH <= MSG_FDS_MAX, "a batch is one message");

void spare_init(struct spare *s, int channel4, int channel6)
{
	*s = (struct spare){ .v4 = { .channel = channel4 }, .v6 = { .channel = channel6 } };
}

static void pool_close(struct spare_pool *pool)
{
	while (pool->n > 0)
		close(pool->fds[--pool->n]);
}

void spare_deinit(struct spare *s)
{
	pool_close(&s->v4);
	pool_close(&s->v6);
}

/* Return: 0; <0 errno. */
static int receive(struct spare *s, struct spare_pool *pool)
{
	uint8_t block[MSG_HEAD];
	struct msg m;
	size_t n;
	int r = msg_recv_fds(pool->channel, block, sizeof(block), &m, pool->fds, SPARE_BATCH, &n);

	if (r == MSG_E_BAD)
		return -EMFILE; /* this process has no room for so many */
	if (r != MSG_OK || n == 0)
		return -EAGAIN; /* also when postern-socket is gone: another may come */
	pool->n = n;
	s->wait_again_ms = 0;
	return 0;
}

static int wait_for_batch(struct spare *s, struct spare_pool *pool, uint64_t now_ms)
{
	struct pollfd p = { pool->channel, POLLIN, 0 };

	if (now_ms < s->wait_again_ms)
		return -EAGAIN;
	s->wait_again_ms = now_ms + SPARE_GIVE_UP_MS;
	return poll(&p, 1, SPARE_WAIT_MS) > 0 ? receive(s, pool) : -EAGAIN;
}

static void await(struct spare *s, struct spare_pool *pool, int ms)
{
	struct pollfd p = { pool->channel, POLLIN, 0 };

	if (pool->channel >= 0 && pool->n == 0 && poll(&p, 1, ms) > 0)
		receive(s, pool);
}

void spare_await(struct spare *s, int ms)
{
	await(s, &s->v4, ms);
	await(s, &s->v6, s->v4.n > 0 ? SPARE_WAIT_MS : 0);
}

static int make(enum ip_family family)
{
	int one = 1, fd = socket(family == IP_V6 ? AF_INET6 : AF_INET,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int spare_take(struct spare *s, enum ip_family family, uint64_t now_ms)
{
	struct spare_pool *pool = family == IP_V6 ? &s->v6 : &s->v4;
	int r = 0;

	if (pool->channel < 0)
		return make(family);
	if (pool->n == 0)
		r = receive(s, pool);
	if (r == -EAGAIN)
		r = wait_for_batch(s, pool, now_ms);
	return r < 0 ? r : pool->fds[--pool->n];
}
