/* SPDX-License-Identifier: ISC */
#include "cli/stage.h"

#include "cli/sides.h"

/* ---- what the session asks for ---- */

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

static void on_note(void *context, const struct inspect_note *note)
{
	sides_note(context, note);
}

const struct inspect_ops stage_ops = {
	.note = on_note,
	.incident = on_incident,
	.room = on_room,
	.count = on_count,
};

/* ---- the adapter: what proxy/inspected.c does with sockets ---- */

static void lose_server(struct player *p, enum code code)
{
	uint8_t block[SMTP_OUT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	inspect_server_lost(&p->inspect, code, &o);
	sides_give(p, '<', out_span(&o));
}

static void dial(struct player *p)
{
	if (p->relay != NULL) {
		inspect_dialled(&p->inspect);
		return;
	}
	if (p->down) {
		lose_server(p, CODE_SERVER_DOWN);
		return;
	}
	p->dials++;
	p->server_open = true;
	octets_drop(&p->from[SMTP_S2C]);
	sides_happens(p, '>', ITEM_DIALLED);
	inspect_dialled(&p->inspect);
}

static void reset_server(struct player *p)
{
	if (p->relay != NULL) {
		behind_reset(p);
		return;
	}
	sides_end_server(p, ITEM_RESET);
	inspect_reset_done(&p->inspect);
}

/* Return: was something done? */
static bool fulfil(struct player *p)
{
	const unsigned want = p->inspect.want & ~(unsigned)INSPECT_TLS;

	if (want & INSPECT_RESET_SERVER)
		reset_server(p);
	if (want & INSPECT_END) {
		if (p->relay != NULL)
			behind_end(p);
		else
			sides_end_server(p, ITEM_CLOSED);
		if (p->client_open)
			sides_happens(p, '<', ITEM_CLOSED);
		p->client_open = false;
		return false;
	}
	if (want & INSPECT_DIAL)
		dial(p);
	return want != 0;
}

static void give_server(struct player *p, struct span octets)
{
	if (p->relay != NULL)
		octets_put(&p->behind.printed, octets);
	else if (p->server_open)
		sides_give(p, '>', octets);
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
	sides_give(p, '<', out_span(&to_client));
	give_server(p, out_span(&to_server));
	give_server(p, taken.forward);
	q->at += taken.size;
	if (dir == SMTP_S2C && taken.size > 0)
		p->answered_ms = p->clock_ms;
	return more;
}

/* Return: was something done? */
static bool steps(struct player *p)
{
	return (p->relay != NULL && behind_run(p)) || step(p, SMTP_C2S) || step(p, SMTP_S2C);
}

/* What a client sends in place of its handshake: the proxy's TLS library finds none in it. */
static void end_shaking(struct player *p)
{
	p->behind.at_once = false;
	octets_drop(&p->from[SMTP_C2S]);
	sides_note_code(p, CODE_C_TLS_FAILED, (struct span){ 0 });
	inspect_client_lost(&p->inspect);
}

/* Text that the inner server does not take waits for the hop's answer, not for more of it. */
static enum inspect_phase phase_of(const struct player *p)
{
	const enum inspect_phase phase = inspect_phase(&p->inspect);

	if (behind_client_shakes(p))
		return INSPECT_PHASE_TLS;
	if (phase == INSPECT_PHASE_TEXT && octets_left(&p->behind.printed).n > 0)
		return INSPECT_PHASE_REPLY;
	return phase;
}

/* A phase begins: what it waits for is measured from here. */
static void note_phase(struct player *p)
{
	const enum inspect_phase phase = phase_of(p);

	if (phase != p->phase)
		p->answered_ms = p->clock_ms;
	p->phase = phase;
}

void stage_pump(struct player *p)
{
	if (p->rule == NULL || p->rule->pass || !p->client_open)
		return;
	if (behind_client_shakes(p) && octets_left(&p->from[SMTP_C2S]).n > 0)
		end_shaking(p);
	if (p->relay != NULL && p->behind.at_once)
		return;
	do {
		while (steps(p))
			if (fulfil(p) || !p->client_open)
				break;
	} while (p->client_open && (fulfil(p) || steps(p)));
	note_phase(p);
}

void stage_take(struct player *p, enum smtp_dir dir, struct span octets)
{
	if (p->rule != NULL && p->rule->pass) {
		sides_give(p, dir == SMTP_C2S ? '>' : '<', octets);
		return;
	}
	octets_put(dir == SMTP_S2C && p->relay != NULL ? &p->behind.heard : &p->from[dir], octets);
	stage_pump(p);
}

void stage_server_ended(struct player *p)
{
	stage_pump(p);
	p->server_open = false; /* the script ended it: no end of ours is expected */
	if (p->relay != NULL)
		behind_hop_ended(p);
	else
		lose_server(p, smtp_owed(&p->inspect.smtp) == SMTP_VERB_BANNER
				       ? CODE_SERVER_GREETING
				       : CODE_SERVER_LOST);
	stage_pump(p);
}

void stage_client_ended(struct player *p)
{
	if (behind_client_shakes(p))
		end_shaking(p);
	else
		inspect_client_lost(&p->inspect);
	if (p->rule != NULL && p->rule->pass)
		sides_end_server(p, ITEM_CLOSED);
	stage_pump(p);
}

bool stage_secured(struct player *p, char side)
{
	if (!behind_secured(p, side))
		return false;
	stage_pump(p);
	return true;
}

/* ---- what time does; the proxy has timers ---- */

bool stage_within_line(const struct player *p)
{
	return p->rule != NULL && inspect_phase(&p->inspect) == INSPECT_PHASE_COMMAND &&
	       p->from[SMTP_C2S].at < p->from[SMTP_C2S].n;
}

/* Of a relay one reply is waited for while a next hop is greeted: the script's lines to it win no
 * time. */
static uint64_t waited_ms(const struct player *p, enum inspect_phase phase)
{
	const uint64_t answered = p->clock_ms - p->answered_ms;
	const bool reply = phase == INSPECT_PHASE_REPLY || phase == INSPECT_PHASE_DONE;

	return (p->relay != NULL && reply) || answered < p->quiet_ms ? answered : p->quiet_ms;
}

static void time_out(struct player *p)
{
	const enum inspect_phase phase = phase_of(p);
	const uint64_t ms = waited_ms(p, phase);
	const struct rule_timeouts *t = &p->rule->timeouts;
	const bool partial = stage_within_line(p);
	enum code cut = CODE_COUNT, lost = CODE_COUNT;
	uint8_t block[SMTP_OUT_MAX];
	struct out o;

	switch (phase) {
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
	case INSPECT_PHASE_TLS:
		if (ms >= t->connect)
			end_shaking(p);
		break;
	case INSPECT_PHASE_END: break;
	}
	out_init(&o, block, sizeof block);
	if (cut != CODE_COUNT)
		inspect_cut(&p->inspect, cut, &o);
	sides_give(p, '<', out_span(&o));
	if (lost != CODE_COUNT && (p->relay == NULL || !behind_late(p)))
		lose_server(p, lost);
}

#define TICK_MS 1000 /* so that one thing is over after the other */

void stage_let_pass(struct player *p, uint64_t ms)
{
	for (uint64_t left = ms, tick; left > 0; left -= tick) {
		tick = left < TICK_MS ? left : TICK_MS;
		p->quiet_ms += tick;
		p->clock_ms += tick;
		if (p->rule == NULL || p->rule->pass || !p->client_open)
			continue;
		if (p->relay != NULL)
			behind_let_pass(p);
		stage_pump(p);
		time_out(p);
		stage_pump(p);
	}
}
