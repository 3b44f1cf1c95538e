/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/clock.h"
#include "proxy/relay/relayed_inside.h"

void relayed_hop_tell(struct relayed *r, enum code code, int error, struct span said)
{
	log_server(&proxy_of(r)->log, clock_wall_ns(), &r->s.flow.log, code, error, said);
}

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

void relayed_hop_drop(struct relayed *r, bool reset)
{
	struct hop *hop = r->hop;

	forget_hop(r);
	if (hop)
		hop_drop(hop, reset);
}

void relayed_hop_take(struct relayed *r)
{
	const struct publish *front = flow_rule(&r->s.flow);

	r->hop = hop_take(proxy_of(r)->relays->hops, r->inner.route,
		span_of(r->inner.domain, r->inner.domain_n), r->inner.exclusive, &front->timeouts,
		&hop_ops, r);
	if (!r->hop)
		inner_hop_failed(&r->inner, inner_reply_of(CODE_HOP_DOWN));
}

void relayed_hop_release(struct relayed *r)
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

void relayed_hop_give_up(struct relayed *r)
{
	struct hop *hop = r->hop;

	r->s.flow.log.internal = hop_facts(hop)->peer;
	relayed_hop_tell(r, CODE_HOP_DOWN, ETIMEDOUT, (struct span){ 0 });
	forget_hop(r);
	hop_give_up(hop);
	inner_hop_failed(&r->inner, inner_reply_of(CODE_HOP_DOWN));
}

/* ---- what the hop tells ---- */

static void on_ready(void *context, struct hop *hop)
{
	struct relayed *r = context;

	r->hop_ready = true;
	r->s.flow.log.internal = hop_facts(hop)->peer;
	r->s.flow.log.internal_tls = hop_facts(hop)->tls;
	inner_hop_ready(&r->inner, &hop_facts(hop)->offer);
	relayed_go_on(r);
}

static void on_passed_over(void *context, const struct hop_failure *failure)
{
	struct relayed *r = context;

	r->s.flow.log.internal = failure->peer;
	relayed_hop_tell(r, failure->code, failure->error, failure->said);
}

static void on_failed(void *context, const struct hop_failure *failure)
{
	struct relayed *r = context;

	on_passed_over(context, failure);
	forget_hop(r);
	inner_hop_failed(&r->inner, inner_reply_of(failure->code));
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

void relayed_hop_lost(struct relayed *r)
{
	struct out o;
	uint8_t block[SMTP_QUEUE_MAX * SMTP_LOCAL_REPLY_MAX];

	relayed_hop_tell(r, CODE_HOP_LOST, errno, (struct span){ 0 });
	out_init(&o, block, sizeof(block));
	inner_hop_lost(&r->inner, &o);
	relayed_keep(r, &r->replies, out_span(&o));
}

static void hop_readable(struct relayed *r)
{
	struct proxy *p = proxy_of(r);
	const ssize_t n = hop_read(r->hop, p->scratch, POOL_MIDDLE);

	if (n > 0) {
		r->s.activity |= ACT_S_OCTETS;
		relayed_keep(r, &r->hop_in, span_of(p->scratch, (size_t)n));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		errno = n == 0 ? 0 : errno;
		relayed_hop_lost(r);
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

static const struct hop_ops hop_ops = { on_ready, on_passed_over, on_failed, on_event };
