/* SPDX-License-Identifier: ISC */
#include "proxy/relay/hop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proxy/relay/hop_inside.h"

static void on_io(struct ev_loop *loop, ev_io *io, int events);
static void on_time(struct wheel_entry *e);

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
	struct hop_failure failure = h->failure;
	uint8_t said[sizeof(h->said)];

	memcpy(said, h->said, failure.said.n);
	failure.said.p = said;
	hop_free(h);
	ops->failed(context, &failure);
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
	case HOP_DIALLING: hop_connected(h); return;
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
	h->failure.code = CODE_COUNT;
	if (h->state == HOP_IDLE) {
		hops->idle--;
		h->facts.reused = true;
		hop_ask(h);
	} else {
		hop_hello_init(&h->hello, route->tls, hops->hostname);
		hop_dial(h);
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
		hop_set_aside(h);
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
	hop_disconnect(h, reset || h->state == HOP_DIALLING || h->state == HOP_SHAKING);
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
