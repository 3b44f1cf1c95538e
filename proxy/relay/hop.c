/* SPDX-License-Identifier: ISC */
#include "proxy/relay/hop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proxy/part.h"
#include "proxy/relay/hop_inside.h"
#include "proxy/sockets.h"

static void on_io(struct ev_loop *loop, ev_io *io, int events);
static void on_time(struct wheel_entry *e);

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

	h->facts = (struct hop_facts){ .peer = h->target->addr };
	memcpy(h->name, h->target->name, sizeof(h->name));
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

static void set_aside(struct hop *h)
{
	h->target->tried = true;
	rests_failed(&h->hops->rests, &h->target->addr, h->hops->proxy->now_ms);
}

static void dial_next(struct hop *h)
{
	struct hops *hops = h->hops;

	while ((h->target = targets_next(h->targets, &hops->rests, hops->proxy->now_ms))) {
		int error;

		if (h->target->unknown) {
			hop_look_up(h);
			return;
		}
		error = dial(h);
		if (error == 0)
			return;
		keep_words(h, CODE_HOP_DOWN, error, (struct span){ 0 });
		set_aside(h);
	}
	fail(h);
}

void hop_looked_up(struct hop *h)
{
	dial_next(h);
}

void hop_unknown(struct hop *h, enum code code, struct span name)
{
	h->facts = (struct hop_facts){ 0 };
	keep_words(h, code, 0, name);
	dial_next(h);
}

void hop_target_failed(struct hop *h, enum code code, int error, struct span said)
{
	keep_words(h, code, error, said);
	if (h->target)
		set_aside(h);
	h->hello.clear = false;
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

	if (!ev_is_active(&h->io) || (h->io.events & (EV_READ | EV_WRITE)) != events) {
		ev_io_stop(loop, &h->io);
		if (!events)
			return;
		ev_io_modify(&h->io, events);
		ev_io_start(loop, &h->io);
	}
	if ((events & EV_READ) && h->tls && tls_pending(h->tls))
		ev_feed_event(loop, &h->io, EV_READ);
}

void hop_wait(struct hop *h, int events, uint32_t ms)
{
	struct wheel *wheel = &h->hops->proxy->wheel;

	if (h->targets && ms > HOP_HELLO_NEXT_MS && targets_others(h->targets, h->target))
		ms = HOP_HELLO_NEXT_MS;
	hop_watch(h, events);
	wheel_cancel(wheel, &h->timer);
	if (ms)
		wheel_set(wheel, &h->timer, h->hops->proxy->now_ms + ms);
}

static void hop_free(struct hop *h)
{
	struct proxy *p = h->hops->proxy;

	assert(h->io.fd < 0);
	ask_end(&h->ask);
	free(h->targets);
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
	case HOP_LOOKING_UP: return; /* there is nothing yet that could be ready */
	case HOP_DIALLING: connected(h); return;
	case HOP_GREETING:
	case HOP_SHAKING: hop_greet(h); return;
	}
}

static void on_time(struct wheel_entry *e)
{
	struct hop *h = (struct hop *)(void *)((char *)e - offsetof(struct hop, timer));

	if (h->state == HOP_IDLE)
		hop_drop(h, false);
	else if (h->state == HOP_GREETING)
		hop_greet_lost(h, ETIMEDOUT, (struct span){ 0 });
	else
		hop_target_failed(h, CODE_HOP_DOWN, ETIMEDOUT, (struct span){ 0 });
}

/* ---- taking and giving ---- */

void hop_ready(struct hop *h)
{
	rests_served(&h->hops->rests, &h->facts.peer);
	free(h->targets);
	h->targets = NULL;
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

/* Taken for the same: what an address is known by may be another name for somebody else's mail. */
static struct hop *idle_one(const struct hops *hops, const struct route *route, struct span domain)
{
	for (struct hop *h = hops->list; h; h = h->next)
		if (h->state == HOP_IDLE && h->route == route &&
			span_eq(span_str(h->domain), domain))
			return h;
	return NULL;
}

static struct hop *idle_or_new(
	struct hops *hops, const struct route *route, struct span domain, bool exclusive)
{
	struct hop *idle = exclusive ? NULL : idle_one(hops, route, domain);
	struct targets *targets = malloc(sizeof(*targets));
	struct hop *h = !targets ? NULL : idle ? idle : hop_new(hops);

	if (!h) {
		free(targets);
		return NULL;
	}
	h->targets = targets;
	targets_init(targets, route, domain);
	return h;
}

struct hop *hop_take(struct hops *hops, const struct route *route, struct span domain,
	bool exclusive, const struct rule_timeouts *timeouts, const struct hop_ops *ops,
	void *context)
{
	struct hop *h;

	domain = span_sub(domain, 0, sizeof(h->domain) - 1);
	h = idle_or_new(hops, route, domain, exclusive);
	if (!h)
		return NULL;
	if (domain.n > 0)
		memcpy(h->domain, domain.p, domain.n);
	h->domain[domain.n] = '\0';
	h->route = route;
	h->exclusive = exclusive;
	h->timeouts = timeouts;
	h->ops = ops;
	h->context = context;
	h->target = NULL;
	if (h->state == HOP_IDLE) {
		hops->idle--;
		h->facts.reused = true;
		hop_ask(h);
	} else {
		hop_hello_init(&h->hello, route->tls, hops->hostname);
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

void hop_give_up(struct hop *h)
{
	if (h->target && !h->target->unknown)
		set_aside(h);
	hop_drop(h, true);
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

struct hops *hops_new(struct proxy *p, struct tls_client *tls, const char *hostname, int resolve)
{
	struct hops *hops = calloc(1, sizeof(*hops));

	if (!hops || asks_init(&hops->asks, p->loop, resolve) < 0) {
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
	asks_deinit(&hops->asks);
	tls_client_free(hops->tls);
	free(hops);
}
