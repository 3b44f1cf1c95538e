/* SPDX-License-Identifier: ISC */
#include "proxy/part.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/sockets.h"

struct parting {
	struct proxy *proxy; /* borrowed */
	ev_io client;
	struct wheel_entry timer;
	struct held out;
	uint32_t discarded;
};

static void parting_free(struct parting *t)
{
	struct proxy *p = t->proxy;

	ev_io_stop(p->loop, &t->client);
	wheel_cancel(&p->wheel, &t->timer);
	held_drop(&p->pool, &t->out);
	sockets_close(t->client.fd);
	p->partings--;
	free(t);
}

static void on_time(struct wheel_entry *e)
{
	parting_free((struct parting *)(void *)((char *)e - offsetof(struct parting, timer)));
}

static void watch(struct parting *t, int events)
{
	ev_io_stop(t->proxy->loop, &t->client);
	ev_io_modify(&t->client, events);
	ev_io_start(t->proxy->loop, &t->client);
}

/* False: the client is gone. */
static bool write_rest(struct parting *t)
{
	while (t->out.n) {
		struct span s = held_span(&t->out);
		ssize_t n = send(t->client.fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		held_take(&t->proxy->pool, &t->out, (size_t)n);
	}
	return shutdown(t->client.fd, SHUT_WR) == 0;
}

/* False: the client closed, or has sent enough. */
static bool discard(struct parting *t)
{
	ssize_t n = read(t->client.fd, t->proxy->scratch, PART_OCTETS);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	t->discarded += (uint32_t)n;
	return n > 0 && t->discarded < PART_OCTETS;
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct parting *t = io->data;

	(void)loop;
	(void)events;
	if (!(t->out.n ? write_rest(t) : discard(t)))
		parting_free(t);
	else if (t->out.n == 0 && !(t->client.events & EV_READ))
		watch(t, EV_READ);
}

void part_with(struct proxy *p, int client, struct held *out)
{
	struct parting *t = p->partings < PROXY_PARTINGS_MAX ? calloc(1, sizeof(*t)) : NULL;

	if (!t) {
		if (out)
			held_drop(&p->pool, out);
		sockets_close(client);
		return;
	}
	t->proxy = p;
	t->timer.fire = on_time;
	ev_io_init(&t->client, on_client, client, EV_READ);
	t->client.data = t;
	p->partings++;
	if (out) {
		t->out = *out;
		*out = (struct held){ 0 };
	}
	if (!write_rest(t)) {
		parting_free(t);
		return;
	}
	wheel_set(&p->wheel, &t->timer, p->now_ms + PART_MS);
	watch(t, t->out.n ? EV_WRITE : EV_READ);
}
