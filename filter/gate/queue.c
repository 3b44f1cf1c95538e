/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>

#include "filter/gate/gate.h"

#define EACH 1024 /* octets: GATE_COPY of a packet and what is said of it */

static _Alignas(struct nlmsghdr) uint8_t room[VERDICTS_MAX][EACH];

/* Up to @id everything has its answer on the way, or will have none. */
static void drop_older(struct gate *g, uint32_t id)
{
	const struct gate_verdict v = {
		.packet = id, .queue = g->queue.number, .what = VERDICT_OLDER
	};

	g->queue.older_id = id;
	out_verdict(g, &v);
}

/* Ids have no gaps but those of packets for which the socket had no room. */
static void follow(struct gate *g, const struct queued *q)
{
	struct queue_state *s = &g->queue;

	if (!s->begun) { /* what a gate before this one read is lost with it */
		s->begun = true;
		s->number = q->queue;
		s->tick_id = q->id;
		drop_older(g, q->id - 1);
	} else {
		g->lost.packets += (uint32_t)(q->id - s->last_id - 1);
	}
	s->last_id = q->id;
}

/* A verdict that came to nothing. ENOENT: the packet is gone, as after VERDICT_OLDER. */
static void on_error(struct gate *g, const struct nlmsghdr *m)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);

	if (mnl_nlmsg_get_payload_len(m) < sizeof(*e) || e->error == 0 || e->error == -ENOENT ||
		e->error == g->queue.told)
		return;
	g->queue.told = e->error;
	fprintf(stderr, "postern-gate: the kernel refuses a verdict: %s\n", strerror(-e->error));
}

static void on_message(void *context, const struct nlmsghdr *m)
{
	struct gate *g = context;
	struct queued q;

	switch (queued_read(m, &q)) {
	case QUEUED_OK:
		follow(g, &q);
		decide(g, &q);
		break;
	case QUEUED_E_FOREIGN:
		follow(g, &q);
		q.octets = (struct span){ 0 };
		decide(g, &q);
		break;
	case QUEUED_E_OTHER:
		if (m->nlmsg_type == NLMSG_ERROR)
			on_error(g, m);
		break;
	case QUEUED_E_NO_ID: g->lost.malformed++; break;
	}
}

/* One call brings as many packets as one message to the writer holds verdicts. */
static void on_packets(struct ev_loop *loop, ev_io *w, int events)
{
	struct gate *g = w->data;
	unsigned n;
	int r;

	(void)events;
	gate_now(g);
	if (!out_flush(g))
		return;
	r = inbox_fill(&g->queue.inbox, w->fd, &n);
	if (r < 0) {
		fprintf(stderr, "postern-gate: the queue cannot be read: %s\n", strerror(-r));
		ev_break(loop, EVBREAK_ALL);
	}
	g->lost.overruns += r == INBOX_E_OVERRUN;
	for (unsigned i = 0; i < n; i++)
		if (!inbox_each(&g->queue.inbox, i, on_message, g))
			g->lost.malformed++;
	out_flush(g);
}

void queue_begin(struct gate *g, int fd)
{
	g->held = true;
	inbox_init(&g->queue.inbox, room, EACH, VERDICTS_MAX);
	ev_io_init(&g->packets, on_packets, fd, EV_READ);
	g->packets.data = g;
}

void queue_hold(struct gate *g)
{
	g->held = true;
	ev_io_stop(g->loop, &g->packets);
}

void queue_go(struct gate *g)
{
	g->held = false;
	if (!ev_is_active(&g->writer)) /* else once there is room */
		ev_io_start(g->loop, &g->packets);
}

/* A verdict may have been lost with a writer that was killed: its packet would take the place of
 * another in the queue for ever. A tick later none that was sent is still on its way. */
void queue_tick(struct gate *g)
{
	struct queue_state *s = &g->queue;

	if (s->begun && s->tick_id != s->older_id && g->n_verdicts == 0) {
		drop_older(g, s->tick_id);
		out_flush(g);
	}
	s->tick_id = s->last_id;
}
