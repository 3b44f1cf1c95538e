/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>

#include "filter/gate/gate.h"

#define PACKETS    16   /* at a call */
#define CALLS      64   /* at a time: others are to get their turn */
#define REST_MS    1000 /* between sweeps */
#define ASKED      1    /* the number of questions for one connection; of no sweep */
#define SILENCE_MS 5000 /* of a sweep: the writer was not there, or is gone */

static _Alignas(struct nlmsghdr) uint8_t room[PACKETS][INBOX_EACH_MAX];

/* ---- sweeps ---- */

/* The number tells the answers from those to a gate that is gone. */
static void begin_sweep(struct gate *g)
{
	struct sweep_state *s = &g->sweep;
	struct gate_verdict v = { .what = VERDICT_DUMP };

	do
		v.packet = ident_incident(&g->ident, 32);
	while (v.packet == s->question || v.packet == ASKED);
	s->question = v.packet;
	s->wanted = false;
	s->begun_ms = s->heard_ms = g->now.now_ms;
	track_sweep_begin(&g->track);
	out_verdict(g, &v);
	out_flush(g);
}

static bool may_begin(const struct gate *g)
{
	const struct sweep_state *s = &g->sweep;

	return g->book.current && s->wanted && s->question == 0 &&
	       (s->begun_ms == 0 || g->now.now_ms >= s->begun_ms + REST_MS);
}

void events_sweep(struct gate *g, bool told)
{
	g->sweep.wanted = true;
	g->sweep.told |= told;
	if (may_begin(g))
		begin_sweep(g);
}

/* What was lost while it ran may be what it would have mended. */
static void end_sweep(struct gate *g)
{
	struct sweep_state *s = &g->sweep;

	s->question = 0;
	if (s->wanted)
		return;
	track_sweep_end(&g->track, g->now);
	if (s->told)
		log_gate(&g->log, g->now.wall_ns, CODE_GATE_RESYNCED, NULL, g->track.found,
			g->track.gone);
	s->told = false;
}

/* EBUSY: one that a gate before this one asked for still has answers to give. */
static void fail_sweep(struct gate *g)
{
	g->sweep.question = 0;
	g->sweep.wanted = true;
}

bool events_wait(const struct gate *g)
{
	return g->sweep.wanted || g->sweep.question != 0;
}

void events_tick(struct gate *g)
{
	struct sweep_state *s = &g->sweep;

	events_ask(g);
	if (s->question != 0 && g->now.now_ms >= s->heard_ms + SILENCE_MS)
		fail_sweep(g);
	if (may_begin(g))
		begin_sweep(g);
}

/* ---- messages ---- */

static void lost(struct gate *g)
{
	g->lost.events++;
	events_sweep(g, true);
}

static void ask_for(struct gate *g, const struct ct *ct)
{
	struct gate_verdict v = {
		.packet = ASKED,
		.what = VERDICT_ASK,
		.client_port = ct->client.port,
		.asked_port = ct->asked.port,
		.family = ct->client.ip.family,
	};

	memcpy(v.client, ct->client.ip.octets, sizeof(v.client));
	memcpy(v.asked, ct->asked.ip.octets, sizeof(v.asked));
	if (g->questions.n < GATE_QUESTIONS)
		g->questions.list[g->questions.n++] = v;
	else
		out_verdict(g, &v);
}

void events_ask(struct gate *g)
{
	size_t n = 0;

	while (n < g->questions.n && (g->n_verdicts < VERDICTS_MAX || out_flush(g)))
		out_verdict(g, &g->questions.list[n++]);
	g->questions.n -= n;
	memmove(g->questions.list, g->questions.list + n,
		g->questions.n * sizeof(g->questions.list[0]));
	out_flush(g);
}

/* Events have the number 0. Answers of a sweep that is given up, or was another gate's, are none.
 */
static bool source_of(const struct gate *g, const struct nlmsghdr *m, enum track_from *fromp)
{
	if (m->nlmsg_seq == 0)
		*fromp = TRACK_EVENT;
	else if (m->nlmsg_seq == ASKED)
		*fromp = TRACK_ANSWER;
	else if (m->nlmsg_seq == g->sweep.question)
		*fromp = TRACK_DUMP;
	else
		return false;
	return true;
}

static void take(struct gate *g, const struct nlmsghdr *m)
{
	enum track_from from;
	struct ct ct;

	if (!source_of(g, m, &from))
		return;
	if (from == TRACK_DUMP)
		g->sweep.heard_ms = g->now.now_ms;
	switch (ct_read(m, g->book.current->rs->host.lane_mask, &ct)) {
	case CT_OK:
		if (track_take(&g->track, &ct, from, g->now))
			ask_for(g, &ct);
		break;
	case CT_E_MALFORMED: g->lost.events++; break; /* asking again would bring the same */
	case CT_E_OTHER: break;
	}
}

static void on_message(void *context, const struct nlmsghdr *m)
{
	struct gate *g = context;
	const bool answers = g->sweep.question != 0 && m->nlmsg_seq == g->sweep.question;

	if (m->nlmsg_type == NLMSG_DONE && answers)
		end_sweep(g);
	else if (m->nlmsg_type == NLMSG_ERROR && answers)
		fail_sweep(g);
	else if (m->nlmsg_type >= NLMSG_MIN_TYPE && g->book.current)
		take(g, m);
}

/* False: there was nothing more. */
static bool read_some(struct gate *g)
{
	unsigned n;
	const int r = inbox_fill(&g->sweep.inbox, g->events.fd, &n);

	if (r < 0) {
		fprintf(stderr, "postern-gate: connection tracking cannot be read: %s\n",
			strerror(-r));
		ev_break(g->loop, EVBREAK_ALL);
	}
	if (r == INBOX_E_OVERRUN)
		lost(g);
	for (unsigned i = 0; i < n; i++)
		if (!inbox_each(&g->sweep.inbox, i, on_message, g))
			lost(g);
	return n == PACKETS || r == INBOX_E_OVERRUN;
}

void events_read(struct gate *g)
{
	for (unsigned i = 0; i < CALLS && read_some(g); i++)
		;
}

static void on_events(struct ev_loop *loop, ev_io *w, int events)
{
	struct gate *g = w->data;

	(void)loop;
	(void)events;
	gate_now(g);
	read_some(g);
	if (copies_read(g))
		events_ask(g);
}

void events_begin(struct gate *g, int fd)
{
	inbox_init(&g->sweep.inbox, room, INBOX_EACH_MAX, PACKETS);
	ev_io_init(&g->events, on_events, fd, EV_READ);
	g->events.data = g;
	ev_io_start(g->loop, &g->events);
}
