/* SPDX-License-Identifier: ISC */
#include "cli/stage.h"

#include <stdlib.h>

/* ---- queues ---- */

static void *grow(void *p, size_t *sizep, size_t need, size_t unit)
{
	while (*sizep < need)
		*sizep = *sizep > 0 ? *sizep * 2 : 4096;
	p = reallocarray(p, *sizep, unit);
	if (p == NULL)
		abort();
	return p;
}

void items_put(struct items *q, uint16_t item)
{
	if (q->n == q->size)
		q->p = grow(q->p, &q->size, q->n + 1, sizeof *q->p);
	q->p[q->n++] = item;
}

void octets_put(struct octets *q, uint8_t octet)
{
	if (q->n == q->size)
		q->p = grow(q->p, &q->size, q->n + 1, 1);
	q->p[q->n++] = octet;
}

/* ---- telling ---- */

void stage_tell(struct player *p, const struct step *s)
{
	if (p->story != NULL && p->story->step != NULL)
		p->story->step(p->story->context, s);
}

void stage_give(struct player *p, char side, struct span octets)
{
	struct items *q = side == '<' ? &p->to_client : &p->to_server;

	for (size_t i = 0; i < octets.n; i++)
		items_put(q, octets.p[i]);
	if (octets.n > 0 && p->story != NULL && p->story->octets != NULL)
		p->story->octets(p->story->context, side, octets);
}

void stage_happens(struct player *p, char side, uint16_t item)
{
	static const char *const names[] = { "closed", "reset", "dialled" };

	if (item != ITEM_DIALLED || p->dials > 1)
		items_put(side == '<' ? &p->to_client : &p->to_server, item);
	if (p->story != NULL && p->story->happens != NULL)
		p->story->happens(p->story->context, side, names[item - ITEM_CLOSED]);
}

static void on_note(void *context, const struct inspect_note *note)
{
	struct player *p = context;

	p->codes[note->code] = true;
	if (p->story != NULL && p->story->note != NULL)
		p->story->note(p->story->context, note);
}

static uint32_t on_incident(void *context)
{
	struct player *p = context;

	return ++p->incidents;
}

/* Of its rule and its client this session is the only one. */
static struct limit_answer on_room(void *context, enum tally_what what, uint64_t n, bool take)
{
	struct player *p = context;

	return window_room((struct window_slots){ &p->of_client, &p->whole }, &p->rule->limits,
		what, n, take, p->clock_ms);
}

static void on_count(void *context, enum tally_what what, uint64_t n)
{
	struct player *p = context;

	window_count((struct window_slots){ &p->of_client, &p->whole }, &p->rule->limits, what, n,
		p->clock_ms);
}

const struct inspect_ops stage_ops = {
	.note = on_note,
	.incident = on_incident,
	.room = on_room,
	.count = on_count,
};

/* ---- the adapter: what proxy/flow.c does with sockets ---- */

void stage_lose_server(struct player *p, enum code code)
{
	uint8_t block[SMTP_OUT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	inspect_server_lost(&p->inspect, code, &o);
	stage_give(p, '<', out_span(&o));
}

static void dial(struct player *p)
{
	if (p->down) {
		stage_lose_server(p, CODE_SERVER_DOWN);
		return;
	}
	p->dials++;
	p->server_open = true;
	p->from[SMTP_S2C].at = p->from[SMTP_S2C].n;
	stage_happens(p, '>', ITEM_DIALLED);
	inspect_dialled(&p->inspect);
}

void stage_end_server(struct player *p, uint16_t how)
{
	if (p->server_open)
		stage_happens(p, '>', how);
	p->server_open = false;
}

/* Return: was something done? */
static bool fulfil(struct player *p)
{
	const unsigned want = p->inspect.want;

	if (want & INSPECT_RESET_SERVER) {
		stage_end_server(p, ITEM_RESET);
		inspect_reset_done(&p->inspect);
	}
	if (want & INSPECT_END) {
		stage_end_server(p, ITEM_CLOSED);
		if (p->client_open)
			stage_happens(p, '<', ITEM_CLOSED);
		p->client_open = false;
		return false;
	}
	if (want & INSPECT_DIAL)
		dial(p);
	return want != 0;
}

static bool step(struct player *p, enum smtp_dir dir)
{
	uint8_t client[SMTP_OUT_MAX], server[SMTP_OUT_MAX];
	struct octets *q = &p->from[dir];
	struct inspect_step taken;
	struct out to_client, to_server;
	bool more;

	out_init(&to_client, client, sizeof client);
	out_init(&to_server, server, sizeof server);
	more = inspect_step(
		&p->inspect, dir, q->p + q->at, q->n - q->at, &to_client, &to_server, &taken);
	stage_give(p, '<', out_span(&to_client));
	if (p->server_open) {
		stage_give(p, '>', out_span(&to_server));
		stage_give(p, '>', taken.forward);
	}
	q->at += taken.size;
	return more;
}

void stage_pump(struct player *p)
{
	if (p->rule == NULL || !p->client_open)
		return;
	do {
		while (step(p, SMTP_C2S) || step(p, SMTP_S2C))
			if (fulfil(p) || !p->client_open)
				break;
	} while (p->client_open && (fulfil(p) || step(p, SMTP_C2S) || step(p, SMTP_S2C)));
}

/* A rule that says pass: octets go through unread. */
static void splice(struct player *p, enum smtp_dir dir)
{
	struct octets *q = &p->from[dir];

	stage_give(p, dir == SMTP_C2S ? '>' : '<', span_of(q->p + q->at, q->n - q->at));
	q->at = q->n;
}

void stage_run(struct player *p, enum smtp_dir dir)
{
	if (p->rule != NULL && p->rule->pass)
		splice(p, dir);
	else
		stage_pump(p);
}

/* ---- what time does; the proxy has timers ---- */

bool stage_within_line(const struct player *p)
{
	return p->rule != NULL && inspect_phase(&p->inspect) == INSPECT_PHASE_COMMAND &&
	       p->from[SMTP_C2S].at < p->from[SMTP_C2S].n;
}

void stage_let_pass(struct player *p)
{
	const uint64_t ms = p->quiet_ms;
	const struct rule_timeouts *t = &p->rule->timeouts;
	const bool partial = stage_within_line(p);
	enum code cut = CODE_COUNT, lost = CODE_COUNT;
	uint8_t block[SMTP_OUT_MAX];
	struct out o;

	switch (inspect_phase(&p->inspect)) {
	case INSPECT_PHASE_DIAL:
		lost = ms >= t->greeting ? CODE_SERVER_GREETING : CODE_COUNT;
		break;
	case INSPECT_PHASE_COMMAND:
		if (partial ? ms >= t->command : ms >= t->idle)
			cut = partial ? CODE_TIMEOUT_COMMAND : CODE_TIMEOUT_IDLE;
		break;
	case INSPECT_PHASE_REPLY: lost = ms >= t->command ? CODE_SERVER_SILENT : CODE_COUNT; break;
	case INSPECT_PHASE_TEXT: cut = ms >= t->data_block ? CODE_TIMEOUT_DATA : CODE_COUNT; break;
	case INSPECT_PHASE_DONE: lost = ms >= t->data_done ? CODE_SERVER_SILENT : CODE_COUNT; break;
	case INSPECT_PHASE_TLS: /* no rule that is played here offers it */
	case INSPECT_PHASE_END: break;
	}
	out_init(&o, block, sizeof block);
	if (cut != CODE_COUNT)
		inspect_cut(&p->inspect, cut, &o);
	stage_give(p, '<', out_span(&o));
	if (lost != CODE_COUNT)
		stage_lose_server(p, lost);
	stage_pump(p);
}
