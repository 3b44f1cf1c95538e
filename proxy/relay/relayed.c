/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/clock.h"
#include "proxy/relay/relayed_inside.h"
#include "rules/view.h"

/* ---- for the other parts ---- */

void relayed_keep(struct relayed *r, struct held *h, struct span octets)
{
	if (octets.n > 0 && !held_add(&proxy_of(r)->pool, h, octets))
		r->s.aborted = true;
}

void relayed_reply(struct relayed *r, struct span octets)
{
	relayed_keep(r, &r->replies, octets);
}

void relayed_go_on(struct relayed *r)
{
	r->stuck = false;
	relayed_walk(r, (struct span){ 0 });
	inspected_rest(&r->s);
}

/* ---- the ends of the session ---- */

static ssize_t server_read(struct inspected *s, void *to, size_t n)
{
	struct relayed *r = relayed_of(s);
	const struct span octets = span_sub(held_span(&r->replies), 0, n);

	if (octets.n == 0) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(to, octets.p, octets.n);
	held_take(&proxy_of(r)->pool, &r->replies, octets.n);
	return (ssize_t)octets.n;
}

static ssize_t server_write(struct inspected *s, const struct iovec *pieces, int n)
{
	size_t total = 0;

	for (int i = 0; i < n; i++) {
		const size_t took =
			relayed_walk(relayed_of(s), span_of(pieces[i].iov_base, pieces[i].iov_len));

		total += took;
		if (took < pieces[i].iov_len)
			break;
	}
	relayed_of(s)->stuck = total == 0;
	return (ssize_t)total;
}

static bool has_server(const struct inspected *s)
{
	return ((const struct relayed *)(const void *)s)->dialled;
}

/* The inner server takes a command when the hop is ready, or has answered the one before. */
static bool server_ponders(const struct inspected *s)
{
	const struct relayed *r = (const struct relayed *)(const void *)s;

	return r->stuck && !r->hop_out.n;
}

static void dial(struct inspected *s)
{
	struct relayed *r = relayed_of(s);

	r->dialled = true;
	inspect_dialled(&s->inspect);
	relayed_walk(r, (struct span){ 0 });
}

static void reset(struct inspected *s)
{
	struct relayed *r = relayed_of(s);

	held_drop(&proxy_of(r)->pool, &r->replies);
	inner_reset(&r->inner);
	if (!r->hop_ready || (r->inner.want & INNER_ABORT)) /* one that is in step stays */
		relayed_hop_drop(r, true);
	if (r->inner.want & INNER_ABORT)
		inner_hop_gone(&r->inner);
	inspect_reset_kept(&s->inspect);
}

static void server_late(struct inspected *s, enum code code)
{
	struct relayed *r = relayed_of(s);

	errno = ETIMEDOUT;
	r->stuck = false;
	if (r->hop && !r->hop_ready)
		relayed_hop_give_up(r);
	else if (r->hop)
		relayed_hop_lost(r);
	else if (r->login.asks)
		relayed_login_late(r);
	else
		inspected_server_lost(s, code); /* nobody else owes anything */
	relayed_walk(r, (struct span){ 0 });
}

/* No descriptor tells when the inner server has something to say, or takes more. */
static void watch(struct inspected *s, int client, int server)
{
	struct relayed *r = relayed_of(s);
	int ready = 0;

	relayed_watch_client(r, client);
	if ((server & EV_READ) && r->replies.n)
		ready |= EV_READ;
	if ((server & EV_WRITE) && !r->stuck)
		ready |= EV_WRITE;
	if (ready)
		ev_feed_event(s->flow.proxy->loop, &s->flow.server, ready);
}

static void close_all(struct inspected *s, bool unread)
{
	struct relayed *r = relayed_of(s);

	ev_clear_pending(s->flow.proxy->loop, &s->flow.server);
	relayed_login_end(r);
	held_drop(&proxy_of(r)->pool, &r->replies);
	inner_reset(&r->inner);
	if (r->hop_ready && !(r->inner.want & INNER_ABORT))
		relayed_hop_release(r);
	else
		relayed_hop_drop(r, true);
	relayed_close_client(r, unread);
}

static const struct inspected_kind relayed = {
	.size = sizeof(struct relayed),
	.client_read = relayed_read_client,
	.client_write = relayed_write_client,
	.server_read = server_read,
	.server_write = server_write,
	.has_server = has_server,
	.dial = dial,
	.reset = reset,
	.server_ponders = server_ponders,
	.server_late = server_late,
	.watch = watch,
	.close = close_all,
	.shake = relayed_shake,
};

/* ---- opening ---- */

static void on_server(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	inspected_server_ready(io->data, events);
}

void relayed_open(struct proxy *p, int client, const struct log_session *session, uint32_t counted)
{
	const struct relay *relay =
		(const struct relay *)(const void *)session->rule; /* its front */
	struct inspected *s = inspected_new(p, &relayed, client, session, counted);
	struct inner_conf conf = { .relay = relay,
		.hostname = p->relays->hostname,
		.postmaster = p->rules->host.postmaster,
		.client = session->client.ip };

	if (!s)
		return;
	conf.id = s->flow.log.id;
	relayed_of(s)->listen = relay_listen(relay, &session->to);
	inner_init(&relayed_of(s)->inner, &conf);
	ev_set_cb(&s->flow.server, on_server);
	relayed_begin_client(relayed_of(s), relay->auth_required);
	inspected_begin(s);
}
