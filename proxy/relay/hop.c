/* SPDX-License-Identifier: ISC */
#include "proxy/relay/hop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proxy/part.h"
#include "proxy/relay/hop_inside.h"
#include "proxy/sockets.h"

#define TARGETS_MAX 64 /* next hops of a route that are tried: bits of @tried */

static void on_io(struct ev_loop *loop, ev_io *io, int events);
static void on_time(struct wheel_entry *e);

/* ---- next hops that rest ---- */

/* Those of a route stand together, in the order of the routes. */
static struct server_state *rest_of(
	const struct hops *hops, const struct route *route, size_t target)
{
	const struct ruleset *rs = hops->proxy->rules;
	size_t at = 0;

	for (size_t i = 0; i < rs->n_routes && rs->routes[i] != route; i++)
		at += rs->routes[i]->n_hops;
	return &hops->rests[at + target];
}

static void note_failure(struct hop *h)
{
	struct server_state *s = rest_of(h->hops, h->route, h->target);
	const uint64_t now = h->hops->proxy->now_ms;

	if (s->retry_ms > now) /* others met it at the same time */
		return;
	s->rest_ms = s->rest_ms == 0 ? HOP_REST_MIN_MS : 2 * s->rest_ms;
	if (s->rest_ms > HOP_REST_MAX_MS)
		s->rest_ms = HOP_REST_MAX_MS;
	s->retry_ms = now + s->rest_ms;
}

static bool seek(struct hop *h, bool resting)
{
	const size_t n = h->route->n_hops < TARGETS_MAX ? h->route->n_hops : TARGETS_MAX;

	for (h->target = 0; h->target < n; h->target++)
		if (!(h->tried >> h->target & 1) &&
			(resting || rest_of(h->hops, h->route, h->target)->retry_ms <=
					    h->hops->proxy->now_ms))
			return true;
	return false;
}

/* ---- connections ---- */

static void disconnect(struct hop *h, bool reset)
{
	struct proxy *p = h->hops->proxy;
	const int fd = h->io.fd;

	if (fd < 0)
		return;
	ev_io_stop(p->loop, &h->io);
	ev_io_set(&h->io, -1, EV_READ);
	if (h->tls && !reset)
		tls_bye(h->tls);
	tls_free(h->tls);
	h->tls = NULL;
	if (reset)
		sockets_reset(fd);
	else
		part_with(p, fd, NULL);
}

static int bind_to(int fd, const struct ip *ip)
{
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(&(struct ip_port){ *ip, 0 }, &sa);

	return bind(fd, (struct sockaddr *)&sa, n) == 0 ? 0 : errno;
}

/* Return: 0 or errno: the connection is under way. */
static int dial(struct hop *h)
{
	struct proxy *p = h->hops->proxy;
	const struct route *route = h->route;
	struct sockaddr_storage sa;
	socklen_t n;
	int fd, error = 0;

	h->facts = (struct hop_facts){ .peer = route->hops[h->target].addr.addr };
	h->uses = 0;
	fd = spare_take(&p->spare, h->facts.peer.ip.family, p->now_ms);
	if (fd < 0)
		return -fd;
	if (route->has_bind && route->bind.family == h->facts.peer.ip.family)
		error = bind_to(fd, &route->bind);
	n = sockets_to_kernel(&h->facts.peer, &sa);
	if (!error && connect(fd, (struct sockaddr *)&sa, n) < 0 && errno != EINPROGRESS)
		error = errno;
	if (error) {
		sockets_close(fd);
		return error;
	}
	ev_io_set(&h->io, fd, EV_WRITE);
	h->state = HOP_DIALLING;
	hop_wait(h, EV_WRITE, h->timeouts->connect);
	return 0;
}

/* The taker is told when the loop has come round: never from within a call of his. */
static void fail(struct hop *h)
{
	h->state = HOP_FAILED;
	wheel_cancel(&h->hops->proxy->wheel, &h->timer);
	ev_feed_event(h->hops->proxy->loop, &h->io, EV_CUSTOM);
}

static void keep_words(struct hop *h, enum code code, int error, struct span said)
{
	struct out o;

	h->why = code;
	h->error = error;
	out_init(&o, h->said, sizeof(h->said));
	out_bytes(&o, span_sub(said, 0, sizeof(h->said)));
	h->said_n = o.n;
}

static void dial_next(struct hop *h)
{
	while (seek(h, false) || seek(h, true)) {
		const int error = dial(h);

		if (error == 0)
			return;
		keep_words(h, CODE_HOP_DOWN, error, (struct span){ 0 });
		h->tried |= UINT64_C(1) << h->target;
		note_failure(h);
	}
	fail(h);
}

void hop_target_failed(struct hop *h, enum code code, int error, struct span said)
{
	keep_words(h, code, error, said);
	h->tried |= UINT64_C(1) << h->target;
	h->clear = false;
	note_failure(h);
	disconnect(h, true);
	dial_next(h);
}

void hop_target_again(struct hop *h)
{
	disconnect(h, true);
	dial_next(h);
}

static void connected(struct hop *h)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(h->io.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error)
		hop_target_failed(h, CODE_HOP_DOWN, error, (struct span){ 0 });
	else
		hop_greet_begin(h);
}

/* ---- waiting ---- */

void hop_watch(struct hop *h, int events)
{
	struct ev_loop *loop = h->hops->proxy->loop;

	ev_io_stop(loop, &h->io);
	if (!events)
		return;
	ev_io_set(&h->io, h->io.fd, events);
	ev_io_start(loop, &h->io);
	if ((events & EV_READ) && h->tls && tls_pending(h->tls))
		ev_feed_event(loop, &h->io, EV_READ);
}

void hop_wait(struct hop *h, int events, uint32_t ms)
{
	struct wheel *wheel = &h->hops->proxy->wheel;

	hop_watch(h, events);
	wheel_cancel(wheel, &h->timer);
	if (ms)
		wheel_set(wheel, &h->timer, h->hops->proxy->now_ms + ms);
}

static void hop_free(struct hop *h)
{
	struct proxy *p = h->hops->proxy;

	assert(h->io.fd < 0);
	ev_clear_pending(p->loop, &h->io);
	wheel_cancel(&p->wheel, &h->timer);
	*h->pprev = h->next;
	if (h->next)
		h->next->pprev = h->pprev;
	free(h);
}

static void tell_failure(struct hop *h)
{
	const struct hop_ops *ops = h->ops;
	void *context = h->context;
	const struct ip_port peer = h->facts.peer;
	const enum code why = h->why;
	const int error = h->error;
	const size_t n = h->said_n;
	char said[sizeof(h->said)];

	memcpy(said, h->said, n);
	hop_free(h);
	ops->failed(context, why, &peer, span_of(said, n), error);
}

/* An unused one that is readable was closed, or says what nobody asked. */
static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct hop *h = io->data;

	(void)loop;
	switch (h->state) {
	case HOP_FAILED: tell_failure(h); return;
	case HOP_TAKEN: h->ops->event(h->context, h, events); return;
	case HOP_IDLE: hop_drop(h, true); return;
	case HOP_DIALLING: connected(h); return;
	case HOP_BANNER:
	case HOP_EHLO:
	case HOP_HELO:
	case HOP_STARTTLS:
	case HOP_SHAKING:
	case HOP_ASKED: hop_greet(h); return;
	}
}

static void on_time(struct wheel_entry *e)
{
	struct hop *h = (struct hop *)(void *)((char *)e - offsetof(struct hop, timer));

	if (h->state == HOP_IDLE)
		hop_drop(h, false);
	else if (h->state == HOP_ASKED)
		hop_target_again(h);
	else
		hop_target_failed(h, CODE_HOP_DOWN, ETIMEDOUT, (struct span){ 0 });
}

/* ---- taking and giving ---- */

void hop_ready(struct hop *h)
{
	if (h->facts.reused || h->state != HOP_ASKED)
		rest_of(h->hops, h->route, h->target)->rest_ms = 0;
	h->state = HOP_TAKEN;
	h->uses++;
	hop_wait(h, 0, 0);
	h->ops->ready(h->context, h);
}

static struct hop *hop_new(struct hops *hops)
{
	struct hop *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->hops = hops;
	h->timer.fire = on_time;
	ev_io_init(&h->io, on_io, -1, EV_READ);
	h->io.data = h;
	h->next = hops->list;
	h->pprev = &hops->list;
	if (h->next)
		h->next->pprev = &h->next;
	hops->list = h;
	return h;
}

static struct hop *idle_one(const struct hops *hops, const struct route *route)
{
	for (struct hop *h = hops->list; h; h = h->next)
		if (h->state == HOP_IDLE && h->route == route)
			return h;
	return NULL;
}

struct hop *hop_take(struct hops *hops, const struct route *route, bool exclusive,
	const struct rule_timeouts *timeouts, const struct hop_ops *ops, void *context)
{
	struct hop *idle = exclusive ? NULL : idle_one(hops, route);
	struct hop *h = idle ? idle : hop_new(hops);

	if (!h)
		return NULL;
	h->route = route;
	h->exclusive = exclusive;
	h->timeouts = timeouts;
	h->ops = ops;
	h->context = context;
	h->tried = 0;
	h->clear = false;
	if (idle) {
		hops->idle--;
		h->facts.reused = true;
		hop_ask(h);
	} else {
		dial_next(h);
	}
	return h;
}

const struct hop_facts *hop_facts(const struct hop *h)
{
	return &h->facts;
}

ssize_t hop_read(struct hop *h, void *to, size_t n)
{
	return h->tls ? tls_read(h->tls, to, n) : recv(h->io.fd, to, n, 0);
}

ssize_t hop_write(struct hop *h, const struct iovec *pieces, int n)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)pieces,
		.msg_iovlen = (size_t)n };

	return h->tls ? tls_write(h->tls, pieces, n) : sendmsg(h->io.fd, &m, MSG_NOSIGNAL);
}

void hop_give_back(struct hop *h)
{
	struct hops *hops = h->hops;

	assert(h->state == HOP_TAKEN);
	if (h->exclusive || hops->draining || h->uses >= HOP_USES_MAX ||
		hops->idle >= HOP_IDLE_MAX) {
		hop_drop(h, false);
		return;
	}
	h->state = HOP_IDLE;
	h->ops = NULL;
	h->context = NULL;
	hops->idle++;
	hop_wait(h, EV_READ, HOP_IDLE_MS);
}

void hop_drop(struct hop *h, bool reset)
{
	static const char quit[] = "QUIT\r\n";
	const struct iovec piece = { (void *)(uintptr_t)quit, sizeof(quit) - 1 };

	if (h->state == HOP_IDLE)
		h->hops->idle--;
	if (h->io.fd >= 0 && !reset && (h->state == HOP_TAKEN || h->state == HOP_IDLE))
		(void)!hop_write(h, &piece, 1);
	disconnect(h, reset || h->state == HOP_DIALLING || h->state == HOP_SHAKING);
	hop_free(h);
}

/* ---- all ---- */

struct hops *hops_new(struct proxy *p, struct tls_client *tls, const char *hostname)
{
	struct hops *hops = calloc(1, sizeof(*hops));
	size_t n = 0;

	for (size_t i = 0; i < p->rules->n_routes; i++)
		n += p->rules->routes[i]->n_hops;
	if (hops)
		hops->rests = calloc(n + 1, sizeof(*hops->rests));
	if (!hops || !hops->rests) {
		free(hops);
		tls_client_free(tls);
		return NULL;
	}
	hops->proxy = p;
	hops->tls = tls;
	hops->hostname = hostname;
	return hops;
}

void hops_drain(struct hops *hops)
{
	struct hop *next;

	hops->draining = true;
	for (struct hop *h = hops->list; h; h = next) {
		next = h->next;
		if (h->state == HOP_IDLE)
			hop_drop(h, false);
	}
}

void hops_free(struct hops *hops)
{
	if (!hops)
		return;
	while (hops->list)
		hop_drop(hops->list, true);
	tls_client_free(hops->tls);
	free(hops->rests);
	free(hops);
}
