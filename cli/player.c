/* SPDX-License-Identifier: ISC */
#include "cli/player.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Events in a queue of items; octets are 0 to 255. */
enum { ITEM_CLOSED = 256, ITEM_RESET, ITEM_DIALLED };

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

static void put_item(struct items *q, uint16_t item)
{
	if (q->n == q->size)
		q->p = grow(q->p, &q->size, q->n + 1, sizeof *q->p);
	q->p[q->n++] = item;
}

static void put_octet(struct octets *q, uint8_t octet)
{
	if (q->n == q->size)
		q->p = grow(q->p, &q->size, q->n + 1, 1);
	q->p[q->n++] = octet;
}

static size_t left(const struct items *q)
{
	return q->n - q->at;
}

/* ---- telling ---- */

static void tell_step(struct player *p, const struct step *s)
{
	if (p->story != NULL && p->story->step != NULL)
		p->story->step(p->story->context, s);
}

static void give(struct player *p, char side, struct span octets)
{
	struct items *q = side == '<' ? &p->to_client : &p->to_server;

	for (size_t i = 0; i < octets.n; i++)
		put_item(q, octets.p[i]);
	if (octets.n > 0 && p->story != NULL && p->story->octets != NULL)
		p->story->octets(p->story->context, side, octets);
}

static void happens(struct player *p, char side, uint16_t item)
{
	static const char *const names[] = { "closed", "reset", "dialled" };

	if (item != ITEM_DIALLED || p->dials > 1)
		put_item(side == '<' ? &p->to_client : &p->to_server, item);
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

static const struct inspect_ops ops = { .note = on_note, .incident = on_incident };

/* ---- the adapter: what proxy/flow.c does with sockets ---- */

static void lose_server(struct player *p, enum code code)
{
	uint8_t block[SMTP_OUT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	inspect_server_lost(&p->inspect, code, &o);
	give(p, '<', out_span(&o));
}

static void dial(struct player *p)
{
	if (p->down) {
		lose_server(p, CODE_SERVER_DOWN);
		return;
	}
	p->dials++;
	p->server_open = true;
	p->from[SMTP_S2C].at = p->from[SMTP_S2C].n;
	happens(p, '>', ITEM_DIALLED);
	inspect_dialled(&p->inspect);
}

static void end_server(struct player *p, uint16_t how)
{
	if (p->server_open)
		happens(p, '>', how);
	p->server_open = false;
}

/* Return: was something done? */
static bool fulfil(struct player *p)
{
	const unsigned want = p->inspect.want;

	if (want & INSPECT_RESET_SERVER) {
		end_server(p, ITEM_RESET);
		inspect_reset_done(&p->inspect);
	}
	if (want & INSPECT_END) {
		end_server(p, ITEM_CLOSED);
		if (p->client_open)
			happens(p, '<', ITEM_CLOSED);
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
	give(p, '<', out_span(&to_client));
	if (p->server_open) {
		give(p, '>', out_span(&to_server));
		give(p, '>', taken.forward);
	}
	q->at += taken.size;
	return more;
}

static void pump(struct player *p)
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

	give(p, dir == SMTP_C2S ? '>' : '<', span_of(q->p + q->at, q->n - q->at));
	q->at = q->n;
}

static void run(struct player *p, enum smtp_dir dir)
{
	if (p->rule != NULL && p->rule->pass)
		splice(p, dir);
	else
		pump(p);
}

/* ---- what time does; the proxy has timers ---- */

/* A command's time is for all of it: octets that trickle in win none (DOS-03). */
static bool within_line(const struct player *p)
{
	return p->rule != NULL && inspect_phase(&p->inspect) == INSPECT_PHASE_COMMAND &&
	       p->from[SMTP_C2S].at < p->from[SMTP_C2S].n;
}

static void let_pass(struct player *p)
{
	const uint64_t ms = p->quiet_ms;
	const struct rule_timeouts *t = &p->rule->timeouts;
	const bool partial = within_line(p);
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
	case INSPECT_PHASE_END: break;
	}
	out_init(&o, block, sizeof block);
	if (cut != CODE_COUNT)
		inspect_cut(&p->inspect, cut, &o);
	give(p, '<', out_span(&o));
	if (lost != CODE_COUNT)
		lose_server(p, lost);
	pump(p);
}

/* ---- steps ---- */

static bool fail(struct player *p, const struct step *s, const char *why)
{
	p->failed = s;
	snprintf(p->why, sizeof p->why, "%s", why);
	return false;
}

/* What a side has waiting, for a message. */
static bool fail_saw(struct player *p, const struct step *s, const struct items *q)
{
	uint8_t seen[96];
	struct out o;
	size_t n = 0;

	while (n < sizeof seen && n < left(q) && q->p[q->at + n] < ITEM_CLOSED) {
		seen[n] = (uint8_t)q->p[q->at + n];
		n++;
	}
	p->failed = s;
	out_init(&o, p->why, sizeof p->why);
	out_str(&o, q == &p->to_client ? "the client got " : "the server got ");
	if (n > 0) {
		out_octet(&o, '"');
		out_escaped(&o, span_of(seen, n), 80);
		out_octet(&o, '"');
	} else {
		out_str(&o, left(q) == 0                 ? "nothing"
			    : q->p[q->at] == ITEM_CLOSED ? "[closed]"
			    : q->p[q->at] == ITEM_RESET  ? "[reset]"
							 : "[dialled]");
	}
	out_cstr(&o);
	return false;
}

static void deliver(struct player *p, enum smtp_dir dir, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put_octet(&p->from[dir], octets[i]);
		if (p->cut == PLAY_OCTETS)
			run(p, dir);
	}
	run(p, dir);
}

/* Sends step @at and those joined with it as one; returns how many. */
static size_t send_group(struct player *p, size_t at)
{
	const struct step *s = &p->transcript->steps[at];
	const enum smtp_dir dir = s->side == 'C' ? SMTP_C2S : SMTP_S2C;
	struct octets group = { 0 };
	size_t steps = 0;

	if (!within_line(p))
		p->quiet_ms = 0;
	for (; at + steps < p->transcript->n && s[steps].kind == STEP_SEND &&
		s[steps].side == s->side;
		steps++) {
		tell_step(p, &s[steps]);
		for (size_t i = 0; i < s[steps].n; i++)
			put_octet(&group, (uint8_t)s[steps].pattern[i]);
	}
	if (p->cut > PLAY_WHOLE && p->cut < group.n) {
		deliver(p, dir, group.p, p->cut);
		deliver(p, dir, group.p + p->cut, group.n - p->cut);
	} else {
		deliver(p, dir, group.p, group.n);
	}
	free(group.p);
	return steps;
}

static void act(struct player *p, const struct step *s)
{
	if (s->word == WORD_DOWN) {
		p->down = true;
	} else if (s->side == 'S') {
		pump(p);
		p->server_open = false; /* the script ended it: no end of ours is expected */
		lose_server(p, smtp_owed(&p->inspect.smtp) == SMTP_VERB_BANNER
				       ? CODE_SERVER_GREETING
				       : CODE_SERVER_LOST);
		pump(p);
	} else {
		p->client_done = true;
		inspect_client_lost(&p->inspect);
		if (p->rule != NULL && p->rule->pass)
			end_server(p, ITEM_CLOSED);
		pump(p);
	}
}

static bool octet_fits(uint16_t want, uint16_t got)
{
	return got < ITEM_CLOSED && want == got;
}

/* How many items of @q the pattern takes; SIZE_MAX: it does not fit. A star takes what it can, up
 * to the line's end. */
static size_t match(const struct step *s, const struct items *q)
{
	size_t star = SIZE_MAX, star_at = 0, at = 0, i = 0;

	while (i < s->n) {
		const bool here = at < left(q);
		const uint16_t got = here ? q->p[q->at + at] : ITEM_CLOSED;

		if (s->pattern[i] == STEP_ANY) {
			star = i++;
			star_at = at;
		} else if (here && octet_fits(s->pattern[i], got)) {
			i++;
			at++;
		} else if (star != SIZE_MAX && star_at < left(q) &&
			   q->p[q->at + star_at] < ITEM_CLOSED && q->p[q->at + star_at] != '\n') {
			i = star + 1;
			at = ++star_at;
		} else {
			return SIZE_MAX;
		}
	}
	return at;
}

static bool expect(struct player *p, const struct step *s)
{
	struct items *q = s->side == '<' ? &p->to_client : &p->to_server;
	const size_t taken = match(s, q);

	p->first_claimed = p->first_claimed || s->side == '>';
	if (taken == SIZE_MAX)
		return fail_saw(p, s, q);
	q->at += taken;
	return true;
}

/* Octets before a reset, of a message that was refused: none of them is an end of data. */
static bool skip_loose(struct player *p, const struct step *s)
{
	static const char end[] = "\r\n.\r\n";
	struct items *q = &p->to_server;
	size_t matched = 0;

	for (; left(q) > 0 && q->p[q->at] < ITEM_CLOSED; q->at++) {
		matched = q->p[q->at] == (uint8_t)end[matched] ? matched + 1 : q->p[q->at] == '\r';
		if (matched == sizeof end - 1)
			return fail(p, s, "the server got an end of data");
	}
	return true;
}

static bool expect_event(struct player *p, const struct step *s)
{
	struct items *q = s->side == '<' ? &p->to_client : &p->to_server;
	const uint16_t want = s->word == WORD_CLOSED  ? ITEM_CLOSED
			      : s->word == WORD_RESET ? ITEM_RESET
						      : ITEM_DIALLED;

	if (s->word == WORD_TEXT) {
		p->loose = true;
		return true;
	}
	if (s->word == WORD_DIALLED && p->dials > 0 && !p->first_claimed)
		return p->first_claimed = true;
	p->first_claimed = p->first_claimed || s->side == '>';
	if (p->loose && !skip_loose(p, s))
		return false;
	p->loose = false;
	if (left(q) == 0 || q->p[q->at] != want)
		return fail_saw(p, s, q);
	q->at++;
	return true;
}

static bool expect_code(struct player *p, const struct step *s)
{
	char text[7];

	for (unsigned c = 0; c < CODE_COUNT; c++) {
		struct items q = { 0 };
		bool fits;

		code_text((enum code)c, text);
		for (const char *t = text; *t != '\0'; t++)
			put_item(&q, (uint8_t)*t);
		fits = p->codes[c] && match(s, &q) == q.n;
		free(q.p);
		if (fits)
			return true;
	}
	return fail(p, s, "no such record was written");
}

/* Return: did it hold? *atp is moved behind what was played. */
static bool play_step(struct player *p, size_t *atp)
{
	const struct step *s = &p->transcript->steps[*atp];

	if (s->kind == STEP_SEND) {
		*atp += send_group(p, *atp);
		return true;
	}
	tell_step(p, s);
	++*atp;
	switch (s->kind) {
	case STEP_ACT: act(p, s); return true;
	case STEP_EXPECT: return expect(p, s);
	case STEP_HAPPENS: return expect_event(p, s);
	case STEP_CODE: return expect_code(p, s);
	case STEP_WAIT:
		p->quiet_ms += s->ms;
		if (p->rule != NULL && !p->rule->pass)
			let_pass(p);
		return true;
	case STEP_SEND: break;
	}
	return true;
}

/* ---- beginning and end ---- */

static void begin(struct player *p)
{
	const struct step *first = &p->transcript->steps[0];

	p->client_open = true;
	p->codes[CODE_SESSION_OPEN] = true;
	p->down = first->kind == STEP_ACT && first->word == WORD_DOWN;
	if (p->rule == NULL) {
		uint8_t block[SMTP_LOCAL_REPLY_MAX];
		struct out o;

		out_init(&o, block, sizeof block);
		if (p->unpublished != NULL)
			smtp_local_print(&o, p->unpublished);
		give(p, '<', out_span(&o));
		happens(p, '<', ITEM_CLOSED);
		p->codes[CODE_SESSION_UNPUBLISHED] = true;
		p->client_open = false;
		return;
	}
	p->codes[CODE_SESSION_PASSED] = p->rule->pass;
	inspect_init(&p->inspect, p->rule, &ops, p, &p->client);
	if (p->rule->pass) {
		p->dials = 1;
		p->server_open = true;
	} else {
		pump(p);
	}
}

static bool only_ends(const struct items *q)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->p[i] < ITEM_CLOSED)
			return false;
	return true;
}

/* What nobody expected: octets are a fault always, ends of connections before the client closes. */
static bool finish(struct player *p)
{
	const struct step *last = &p->transcript->steps[p->transcript->n - 1];

	if (!p->client_done && left(&p->to_client) > 0)
		return fail_saw(p, last, &p->to_client);
	if (!p->client_done && left(&p->to_server) > 0)
		return fail_saw(p, last, &p->to_server);
	if (!p->client_done && p->client_open) {
		inspect_client_lost(&p->inspect);
		pump(p);
	}
	if (!p->client_done && !only_ends(&p->to_client))
		return fail_saw(p, last, &p->to_client);
	return only_ends(&p->to_server) || fail_saw(p, last, &p->to_server);
}

static void reset(struct player *p)
{
	p->from[0].at = p->from[0].n = p->from[1].at = p->from[1].n = 0;
	p->to_client.at = p->to_client.n = p->to_server.at = p->to_server.n = 0;
	memset(p->codes, 0, sizeof p->codes);
	p->incidents = p->dials = 0;
	p->quiet_ms = 0;
	p->first_claimed = p->server_open = p->client_done = p->loose = false;
	p->failed = NULL;
}

bool player_run(struct player *p)
{
	size_t at = 0;

	reset(p);
	begin(p);
	while (at < p->transcript->n)
		if (!play_step(p, &at))
			return false;
	return !p->transcript->expects || finish(p);
}

size_t player_longest(const struct transcript *t)
{
	size_t longest = 0, group = 0;

	for (size_t i = 0; i < t->n; i++) {
		const bool joined = i > 0 && t->steps[i - 1].kind == STEP_SEND &&
				    t->steps[i].side == t->steps[i - 1].side;

		group = (joined ? group : 0) + (t->steps[i].kind == STEP_SEND ? t->steps[i].n : 0);
		longest = group > longest ? group : longest;
	}
	return longest;
}

void player_deinit(struct player *p)
{
	free(p->from[0].p);
	free(p->from[1].p);
	free(p->to_client.p);
	free(p->to_server.p);
}
