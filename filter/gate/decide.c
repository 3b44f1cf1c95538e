/* SPDX-License-Identifier: ISC */
#include "filter/gate/gate.h"

/* The lane's bits replace those that stand there; the others are somebody else's. */
static void answer(struct gate *g, const struct queued *q, unsigned lane)
{
	const struct hostconf *host = &g->book.current->rs->host;
	const struct gate_verdict v = {
		.packet = q->id,
		.queue = q->queue,
		.what = lane ? VERDICT_REPEAT : VERDICT_DROP,
		.mark = (q->mark & ~host->lane_mask) | lane_mark(host, lane),
	};

	out_verdict(g, &v);
}

/* A client that is led to the listener of `default refuse` is counted and told of there. */
static bool told_by_proxy(const struct gate *g, const struct ruling *r)
{
	return r->why == CODE_SESSION_UNPUBLISHED &&
	       r->lane == lane_refuse(&g->book.current->rs->host);
}

static void tell(struct gate *g, const struct packet *p, const struct ruling *r)
{
	struct log_session session = { .client = p->client, .to = p->asked, .rule = r->rule };

	if (r->why == CODE_COUNT || told_by_proxy(g, r))
		return;
	g->counted.refused++;
	ident_session(&g->ident, g->now.wall_ns, session.id);
	if (r->why == CODE_SESSION_UNPUBLISHED)
		log_unpublished(&g->log, g->now.wall_ns, &session, g->book.current->rs, 0);
	else
		log_refused(&g->log, g->now.wall_ns, &session, r->why, 0, 0, &r->at);
}

static unsigned judge_anew(struct gate *g, const struct packet *p)
{
	const struct ruling r =
		judge(&g->judge, g->book.current, p, g->now.wall_ns / 1000000000, g->now.now_ms);

	tell(g, p, &r);
	answers_put(&g->answers, p, g->now.now_ms, r.lane);
	return r.lane;
}

void decide(struct gate *g, const struct queued *q)
{
	struct packet p;
	unsigned lane = 0;

	if (packet_read(q->octets, &p) != PACKET_OK || !packet_begins(&p))
		g->lost.malformed++;
	else if (!answers_find(&g->answers, &p, g->now.now_ms, &lane))
		lane = judge_anew(g, &p);
	answer(g, q, lane);
}
