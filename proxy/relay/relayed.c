/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/clock.h"
#include "proxy/relay/relayed_inside.h"
#include "rules/view.h"

#define PIECES_MAX  32
#define REPLIES_MAX POOL_MIDDLE /* beyond it the hop is not read */

/* ---- the hop's life ---- */

static const struct hop_ops hop_ops;

/* What was for it, or from it, is void. */
static void forget_hop(struct relayed *r)
{
	held_drop(&proxy_of(r)->pool, &r->hop_in);
	held_drop(&proxy_of(r)->pool, &r->hop_out);
	r->hop = NULL;
	r->hop_ready = false;
}

static void drop_hop(struct relayed *r, bool reset)
{
	struct hop *hop = r->hop;

	forget_hop(r);
	if (hop)
		hop_drop(hop, reset);
}

static void take_hop(struct relayed *r)
{
	const struct publish *front = flow_rule(&r->s.flow);

	r->hop = hop_take(proxy_of(r)->relays->hops, r->inner.route,
		span_of(r->inner.domain, r->inner.domain_n), r->inner.exclusive, &front->timeouts,
		&hop_ops, r);
	if (!r->hop)
		inner_hop_failed(&r->inner, inner_reply_of(CODE_HOP_DOWN));
}

static void release_hop(struct relayed *r)
{
	struct hop *hop = r->hop;
	const bool in_step = r->hop_ready && !r->hop_in.n && !r->hop_out.n;

	forget_hop(r);
	if (hop && in_step)
		hop_give_back(hop);
	else if (hop)
		hop_drop(hop, true);
	inner_hop_gone(&r->inner);
}

/* ---- one walk: what came from the filter and from the hop, through the inner server ---- */

struct walk {
	struct relayed *r;
	struct iovec pieces[PIECES_MAX]; /* for the hop, in order */
	int n;
	struct out to_engine, to_hop;
	size_t printed; /* of to_hop, already among the pieces */
	uint8_t engine_block[2 * INNER_OUT_MAX], hop_block[2 * INNER_OUT_MAX];
};

static void keep(struct relayed *r, struct held *h, struct span octets)
{
	if (octets.n > 0 && !held_add(&proxy_of(r)->pool, h, octets))
		r->s.aborted = true;
}

static void tell_hop(struct relayed *r, enum code code, int error, struct span said)
{
	log_server(&proxy_of(r)->log, clock_wall_ns(), &r->s.flow.log, code, error, said);
}

static void lose_hop(struct walk *w)
{
	struct relayed *r = w->r;

	tell_hop(r, CODE_HOP_LOST, errno, (struct span){ 0 });
	w->n = 0;
	w->printed = w->to_hop.n = 0;
	inner_hop_lost(&r->inner, &w->to_engine); /* which wants it aborted */
}

static void flush_hop(struct walk *w)
{
	struct relayed *r = w->r;
	ssize_t done = 0;

	if (w->n > 0 && r->hop_ready && !r->hop_out.n)
		done = hop_write(r->hop, w->pieces, w->n);
	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		lose_hop(w);
		return;
	}
	for (int i = 0; i < w->n; i++) {
		const struct span piece = span_of(w->pieces[i].iov_base, w->pieces[i].iov_len);
		const size_t gone = done > 0 ? (size_t)done < piece.n ? (size_t)done : piece.n : 0;

		done -= (ssize_t)gone;
		keep(r, &r->hop_out, span_from(piece, gone));
	}
	w->n = 0;
	w->printed = w->to_hop.n = 0;
}

static void add_piece(struct walk *w, struct span octets)
{
	if (octets.n > 0) /* iov_base is read only */
		w->pieces[w->n++] = (struct iovec){ (void *)(uintptr_t)octets.p, octets.n };
}

#define LOGIN_WANTS (INNER_LOGIN | INNER_LOGIN_MORE | INNER_LOGIN_CANCEL)

static void obey(struct walk *w, const struct inner_step *step)
{
	struct relayed *r = w->r;

	if (r->inner.want & LOGIN_WANTS)
		relayed_login(r, step);
	if (r->inner.want & INNER_ABORT) {
		w->n = 0;
		w->printed = w->to_hop.n = 0;
		drop_hop(r, true);
		inner_hop_gone(&r->inner);
	}
	if (r->inner.want & INNER_RELEASE) {
		flush_hop(w);
		if (r->inner.want & INNER_RELEASE)
			release_hop(r);
	}
	if ((r->inner.want & INNER_HOP) && !r->hop)
		take_hop(r);
}

static bool room(const struct walk *w)
{
	return w->n + 2 <= PIECES_MAX && out_room(&w->to_engine) >= INNER_OUT_MAX &&
	       out_room(&w->to_hop) >= INNER_OUT_MAX;
}

/* Return: octets of @engine that were taken. */
static size_t walk(struct relayed *r, struct span engine)
{
	static struct walk w; /* large, and never two at a time */
	struct span rest = engine;
	bool more = true;

	w.r = r;
	w.n = 0;
	w.printed = 0;
	out_init(&w.to_engine, w.engine_block, sizeof(w.engine_block));
	out_init(&w.to_hop, w.hop_block, sizeof(w.hop_block));
	r->inner.now_ns = clock_wall_ns();
	while (more && !r->hop_out.n && out_room(&w.to_engine) >= INNER_OUT_MAX) {
		struct inner_step step;

		more = inner_step(
			&r->inner, rest, held_span(&r->hop_in), &w.to_engine, &w.to_hop, &step);
		add_piece(&w, span_from(out_span(&w.to_hop), w.printed));
		w.printed = w.to_hop.n;
		add_piece(&w, step.forward);
		rest = span_from(rest, step.engine);
		if (step.why != CODE_COUNT)
			tell_hop(r, step.why, 0, step.said);
		if (step.hop)
			held_take(&proxy_of(r)->pool, &r->hop_in, step.hop);
		if (r->inner.want)
			obey(&w, &step);
		if (!room(&w))
			flush_hop(&w);
	}
	flush_hop(&w);
	if (r->inner.want)
		obey(&w, &(struct inner_step){ 0 });
	keep(r, &r->replies, out_span(&w.to_engine));
	if (r->hop_ready)
		hop_watch(r->hop,
			(r->replies.n < REPLIES_MAX ? EV_READ : 0) | (r->hop_out.n ? EV_WRITE : 0));
	return engine.n - rest.n;
}

/* ---- what the hop tells ---- */

void relayed_reply(struct relayed *r, struct span octets)
{
	keep(r, &r->replies, octets);
}

void relayed_go_on(struct relayed *r)
{
	r->stuck = false;
	walk(r, (struct span){ 0 });
	inspected_rest(&r->s);
}

static void on_ready(void *context, struct hop *hop)
{
	struct relayed *r = context;

	r->hop_ready = true;
	r->s.flow.log.internal = hop_facts(hop)->peer;
	r->s.flow.log.internal_tls = hop_facts(hop)->tls;
	inner_hop_ready(&r->inner, &hop_facts(hop)->offer);
	relayed_go_on(r);
}

static void on_failed(
	void *context, enum code code, const struct ip_port *peer, struct span server, int error)
{
	struct relayed *r = context;

	forget_hop(r);
	r->s.flow.log.internal = *peer;
	tell_hop(r, code, error, server);
	inner_hop_failed(&r->inner, inner_reply_of(code));
	relayed_go_on(r);
}

static void hop_writable(struct relayed *r)
{
	const struct iovec piece = { r->hop_out.block + r->hop_out.from, r->hop_out.n };
	const ssize_t n = r->hop_out.n ? hop_write(r->hop, &piece, 1) : 0;

	if (n > 0) {
		held_take(&proxy_of(r)->pool, &r->hop_out, (size_t)n);
		r->s.activity |= ACT_S_WROTE;
	} /* an error is met again by reading */
}

static void lost_while_idle(struct relayed *r)
{
	struct out o;
	uint8_t block[SMTP_QUEUE_MAX * SMTP_LOCAL_REPLY_MAX];

	tell_hop(r, CODE_HOP_LOST, errno, (struct span){ 0 });
	out_init(&o, block, sizeof(block));
	inner_hop_lost(&r->inner, &o);
	keep(r, &r->replies, out_span(&o));
}

static void hop_readable(struct relayed *r)
{
	struct proxy *p = proxy_of(r);
	const ssize_t n = hop_read(r->hop, p->scratch, POOL_MIDDLE);

	if (n > 0) {
		r->s.activity |= ACT_S_OCTETS;
		keep(r, &r->hop_in, span_of(p->scratch, (size_t)n));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		errno = n == 0 ? 0 : errno;
		lost_while_idle(r);
	}
}

static void on_event(void *context, struct hop *hop, int events)
{
	struct relayed *r = context;

	(void)hop;
	if (events & EV_WRITE)
		hop_writable(r);
	if (events & EV_READ)
		hop_readable(r);
	relayed_go_on(r);
}

static const struct hop_ops hop_ops = { on_ready, on_failed, on_event };

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
			walk(relayed_of(s), span_of(pieces[i].iov_base, pieces[i].iov_len));

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
	walk(r, (struct span){ 0 });
}

static void reset(struct inspected *s)
{
	struct relayed *r = relayed_of(s);

	held_drop(&proxy_of(r)->pool, &r->replies);
	inner_reset(&r->inner);
	if (!r->hop_ready || (r->inner.want & INNER_ABORT)) /* one that is in step stays */
		drop_hop(r, true);
	if (r->inner.want & INNER_ABORT)
		inner_hop_gone(&r->inner);
	inspect_reset_kept(&s->inspect);
}

static void give_up_hop(struct relayed *r)
{
	struct hop *hop = r->hop;

	r->s.flow.log.internal = hop_facts(hop)->peer;
	tell_hop(r, CODE_HOP_DOWN, ETIMEDOUT, (struct span){ 0 });
	forget_hop(r);
	hop_give_up(hop);
	inner_hop_failed(&r->inner, inner_reply_of(CODE_HOP_DOWN));
}

static void server_late(struct inspected *s, enum code code)
{
	struct relayed *r = relayed_of(s);

	errno = ETIMEDOUT;
	r->stuck = false;
	if (r->hop && !r->hop_ready)
		give_up_hop(r);
	else if (r->hop)
		lost_while_idle(r);
	else if (r->login.asks)
		relayed_login_late(r);
	else
		inspected_server_lost(s, code); /* nobody else owes anything */
	walk(r, (struct span){ 0 });
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
		release_hop(r);
	else
		drop_hop(r, true);
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
