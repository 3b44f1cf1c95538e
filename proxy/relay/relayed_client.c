/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/clock.h"
#include "proxy/relay/relayed_inside.h"
#include "proxy/sockets.h"

/* ---- octets ---- */

ssize_t relayed_read_client(struct inspected *s, void *to, size_t n)
{
	struct relayed *r = relayed_of(s);

	return r->tls ? tls_read(r->tls, to, n) : inspected_sockets.client_read(s, to, n);
}

ssize_t relayed_write_client(struct inspected *s, const struct iovec *pieces, int n)
{
	struct relayed *r = relayed_of(s);

	if (s->shaking || (r->tls && !r->inside)) { /* nothing in clear, nothing early */
		errno = EAGAIN;
		return -1;
	}
	return r->tls ? tls_write(r->tls, pieces, n) : inspected_sockets.client_write(s, pieces, n);
}

/* Records that were read ahead: no descriptor tells of them. */
void relayed_watch_client(struct relayed *r, int events)
{
	struct flow *f = &r->s.flow;

	flow_watch(f, &f->client, events);
	if ((events & EV_READ) && r->inside && tls_pending(r->tls))
		ev_feed_event(f->proxy->loop, &f->client, EV_READ);
}

/* ---- the handshake ---- */

static void fail(struct relayed *r)
{
	struct inspected *s = &r->s;
	struct proxy *p = proxy_of(r);

	log_tls_failed(
		&p->log, clock_wall_ns(), &s->flow.log, r->tls ? tls_why(r->tls) : "no memory");
	s->why = CODE_C_TLS_FAILED;
	s->by = LOG_END_FILTER;
	inspected_client_gone(s);
}

static void secured(struct relayed *r)
{
	struct inspected *s = &r->s;
	const struct log_tls facts = { .version = tls_version(r->tls),
		.cipher = tls_cipher(r->tls),
		.name = tls_name(r->tls),
		.resumed = tls_resumed(r->tls) };

	r->inside = true;
	log_tls(&proxy_of(r)->log, clock_wall_ns(), &s->flow.log, &facts);
	inner_secured(&r->inner, facts.version, facts.cipher);
	if (s->inspect.want & INSPECT_TLS) {
		inspect_secured(&s->inspect);
		s->flow.log.hello = (struct span){ 0 }; /* the engine forgot it */
	}
}

void relayed_shake(struct inspected *s)
{
	struct relayed *r = relayed_of(s);

	if (!r->tls)
		r->tls = tls_accept(proxy_of(r)->relays->tls, r->listen, s->flow.client.fd);
	s->shaking = 0;
	switch (r->tls ? tls_shake(r->tls) : TLS_FAILED) {
	case TLS_WANT_READ: s->shaking = EV_READ; break;
	case TLS_WANT_WRITE: s->shaking = EV_WRITE; break;
	case TLS_DONE: secured(r); break;
	case TLS_FAILED: fail(r); break;
	}
}

/* ---- beginning and end ---- */

void relayed_begin_client(struct relayed *r, bool login_required)
{
	const enum listen_tls tls = r->listen ? r->listen->tls : LISTEN_CLEAR;

	inspect_init_relay(&r->s.inspect, policy_tls_at_first(tls), login_required);
	if (tls == LISTEN_TLS)
		r->s.shaking = EV_READ;
}

/* What waits cannot be written in clear: it goes out inside TLS now, or never. */
static void part_inside(struct relayed *r)
{
	struct held *out = &r->s.c_out;
	const struct iovec piece = { out->block + out->from, out->n };

	if (r->inside && !r->s.aborted && r->s.flow.client.fd >= 0) {
		if (out->n)
			tls_write(r->tls, &piece, 1);
		tls_bye(r->tls);
	}
	held_drop(&proxy_of(r)->pool, out);
	tls_free(r->tls);
	r->tls = NULL;
	r->inside = false;
}

void relayed_close_client(struct relayed *r, bool unread)
{
	ev_clear_pending(proxy_of(r)->loop, &r->s.flow.client);
	if (r->tls)
		part_inside(r);
	inspected_sockets.close(&r->s, unread);
}
