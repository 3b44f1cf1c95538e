/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "proxy/part.h"
#include "proxy/relay/hop_inside.h"
#include "proxy/sockets.h"

/* ---- one connection ---- */

void hop_disconnect(struct hop *h, bool reset)
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

void hop_connected(struct hop *h)
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

/* ---- from one to the next ---- */

static void keep_failure(struct hop *h, enum code code, int error, struct span said)
{
	struct out o;

	h->failure = (struct hop_failure){ .code = code, .peer = h->facts.peer, .error = error };
	out_init(&o, h->said, sizeof(h->said));
	out_bytes(&o, span_sub(said, 0, sizeof(h->said)));
	h->failure.said = out_span(&o);
}

/* The taker is told when the loop has come round: never from within a call of his. */
static void fail(struct hop *h)
{
	h->state = HOP_FAILED;
	wheel_cancel(&h->hops->proxy->wheel, &h->timer);
	ev_feed_event(h->hops->proxy->loop, &h->io, EV_CUSTOM);
}

void hop_set_aside(struct hop *h)
{
	h->target->tried = true;
	rests_failed(&h->hops->rests, &h->target->addr, h->hops->proxy->now_ms);
}

/* Return: one is being tried. */
static bool try(struct hop *h)
{
	int error;

	if (h->failure.code != CODE_COUNT)
		h->ops->passed_over(h->context, &h->failure);
	h->failure.code = CODE_COUNT;
	if (h->target->unknown) {
		hop_look_up(h);
		return true;
	}
	error = dial(h);
	if (error == 0)
		return true;
	keep_failure(h, CODE_HOP_DOWN, error, (struct span){ 0 });
	hop_set_aside(h);
	return false;
}

void hop_dial(struct hop *h)
{
	struct hops *hops = h->hops;

	do {
		h->target = targets_next(h->targets, &hops->rests, hops->proxy->now_ms);
		if (!h->target) {
			fail(h);
			return;
		}
	} while (!try(h));
}

void hop_unknown(struct hop *h, enum code code, struct span name)
{
	h->facts = (struct hop_facts){ 0 };
	keep_failure(h, code, 0, name);
	hop_dial(h);
}

void hop_target_failed(struct hop *h, enum code code, int error, struct span said)
{
	keep_failure(h, code, error, said);
	if (h->target)
		hop_set_aside(h);
	h->hello.clear = false;
	hop_disconnect(h, true);
	hop_dial(h);
}

void hop_target_again(struct hop *h)
{
	hop_disconnect(h, true);
	hop_dial(h);
}
