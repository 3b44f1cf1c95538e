/* SPDX-License-Identifier: ISC */
#include "cli/player.h"

#include <stdio.h>
#include <string.h>

#include "cli/sides.h"
#include "cli/stage.h"

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

	while (n < sizeof seen && n < items_left(q) && q->p[q->at + n] < ITEM_CLOSED) {
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
		out_str(&o, items_left(q) == 0           ? "nothing"
			    : q->p[q->at] == ITEM_CLOSED ? "[closed]"
			    : q->p[q->at] == ITEM_RESET  ? "[reset]"
							 : "[dialled]");
	}
	out_cstr(&o);
	return false;
}

static void deliver(struct player *p, enum smtp_dir dir, const uint8_t *octets, size_t n)
{
	const size_t by = p->cut == PLAY_OCTETS ? 1 : n;

	for (size_t i = 0; i < n; i += by)
		stage_take(p, dir, span_of(octets + i, by));
}

static void put_text(struct octets *q, const struct step *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t octet = (uint8_t)s->pattern[i];

		octets_put(q, span_of(&octet, 1));
	}
}

/* Sends step @at and those joined with it as one; returns how many. */
static size_t send_group(struct player *p, size_t at)
{
	const struct step *s = &p->transcript->steps[at];
	const enum smtp_dir dir = s->side == 'C' ? SMTP_C2S : SMTP_S2C;
	struct octets group = { 0 };
	size_t steps = 0;

	if (!stage_within_line(p))
		p->quiet_ms = 0;
	for (; at + steps < p->transcript->n && s[steps].kind == STEP_SEND &&
		s[steps].side == s->side;
		steps++) {
		sides_tell(p, &s[steps]);
		put_text(&group, &s[steps]);
	}
	if (p->cut > PLAY_WHOLE && p->cut < group.n) {
		deliver(p, dir, group.p, p->cut);
		deliver(p, dir, group.p + p->cut, group.n - p->cut);
	} else {
		deliver(p, dir, group.p, group.n);
	}
	octets_free(&group);
	return steps;
}

/* What the script cannot do now; NULL: it can. */
static const char *hindrance(const struct player *p, const struct step *s)
{
	if (s->side == 'C')
		return p->client_done ? "the client has closed its connection already" : NULL;
	if (s->word == WORD_DOWN)
		return s != p->transcript->steps ? "this stands first, or nowhere" : NULL;
	if (p->relay != NULL && !p->server_open)
		return "no next hop is connected: it was not dialled, or it is gone";
	return NULL;
}

static bool act(struct player *p, const struct step *s)
{
	if (s->word == WORD_DOWN) {
		p->down = true;
	} else if (s->word == WORD_TLS) {
		return stage_secured(p, s->side) || fail(p, s, "no handshake is awaited here");
	} else if (s->side == 'S') {
		stage_server_ended(p);
	} else {
		p->client_done = true;
		stage_client_ended(p);
	}
	return true;
}

/* What who checks logins says. */
static bool login(struct player *p, const struct step *s)
{
	const bool asked = p->relay != NULL && p->behind.asked;
	struct octets says = { 0 };
	bool taken;

	put_text(&says, s);
	taken = asked && behind_login(p, octets_left(&says));
	octets_free(&says);
	stage_pump(p);
	return taken || fail(p, s,
				asked ? "a login awaits 334 BASE64, 235, 454, 501, 504 or 535"
				      : "no login awaits this");
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
		const bool here = at < items_left(q);
		const uint16_t got = here ? q->p[q->at + at] : ITEM_CLOSED;

		if (s->pattern[i] == STEP_ANY) {
			star = i++;
			star_at = at;
		} else if (here && octet_fits(s->pattern[i], got)) {
			i++;
			at++;
		} else if (star != SIZE_MAX && star_at < items_left(q) &&
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

	for (; items_left(q) > 0 && q->p[q->at] < ITEM_CLOSED; q->at++) {
		matched = q->p[q->at] == (uint8_t)end[matched] ? matched + 1 : q->p[q->at] == '\r';
		if (matched == sizeof end - 1)
			return fail(p, s, "the server got an end of data");
	}
	return true;
}

/* The header field that a relay adds (RFC 5321 4.4), with the lines it is folded over. */
static bool expect_trace(struct player *p, const struct step *s)
{
	static const char name[] = "Received: ";
	struct items *q = &p->to_server;
	size_t n = 0;

	while (n < sizeof name - 1 && n < items_left(q) && q->p[q->at + n] == (uint8_t)name[n])
		n++;
	if (n < sizeof name - 1)
		return fail_saw(p, s, q);
	for (q->at += n; items_left(q) > 0 && q->p[q->at] < ITEM_CLOSED; q->at++)
		if (q->p[q->at] == '\n' && (items_left(q) == 1 || q->p[q->at + 1] != '\t'))
			return q->at++, true;
	return fail(p, s, "the trace has no end");
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
	if (s->word == WORD_RECEIVED)
		return expect_trace(p, s);
	if (s->word == WORD_DIALLED && p->dials > 0 && !p->first_claimed)
		return p->first_claimed = true;
	p->first_claimed = p->first_claimed || s->side == '>';
	if (p->loose && !skip_loose(p, s))
		return false;
	p->loose = false;
	if (items_left(q) == 0 || q->p[q->at] != want)
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
			items_put(&q, (uint8_t)*t);
		fits = p->codes[c] && match(s, &q) == q.n;
		items_free(&q);
		if (fits)
			return true;
	}
	return fail(p, s, "no such record was written");
}

/* Return: did it hold? *atp is moved behind what was played. */
static bool play_step(struct player *p, size_t *atp)
{
	const struct step *s = &p->transcript->steps[*atp];

	if ((s->kind == STEP_SEND || s->kind == STEP_ACT) && hindrance(p, s) != NULL)
		return fail(p, s, hindrance(p, s));
	if (s->kind == STEP_SEND) {
		*atp += send_group(p, *atp);
		return true;
	}
	sides_tell(p, s);
	++*atp;
	switch (s->kind) {
	case STEP_ACT: return act(p, s);
	case STEP_LOGIN: return login(p, s);
	case STEP_EXPECT: return expect(p, s);
	case STEP_HAPPENS: return expect_event(p, s);
	case STEP_CODE: return expect_code(p, s);
	case STEP_WAIT: stage_let_pass(p, s->ms); return true;
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
		sides_give(p, '<', out_span(&o));
		sides_happens(p, '<', ITEM_CLOSED);
		p->codes[CODE_SESSION_UNPUBLISHED] = true;
		p->client_open = false;
		return;
	}
	p->codes[CODE_SESSION_PASSED] = p->rule->pass;
	inspect_init(&p->inspect, p->rule, &stage_ops, p, &p->client);
	if (p->relay != NULL)
		behind_begin(p, p->listen);
	if (p->rule->pass) {
		p->dials = 1;
		p->server_open = true;
	} else {
		stage_pump(p);
	}
}

static bool only_ends(const struct items *q)
{
	for (size_t i = q->at; i < q->n; i++)
		if (q->p[i] < ITEM_CLOSED)
			return false;
	return true;
}

static bool fail_left(struct player *p, const struct items *q)
{
	const struct step *last = &p->transcript->steps[p->transcript->n - 1];
	size_t n;

	fail_saw(p, last, q);
	n = strlen(p->why);
	snprintf(p->why + n, sizeof p->why - n, ", which nobody expected");
	p->left_over = true;
	return false;
}

/* What nobody expected: octets are a fault always, ends of connections before the client closes. */
static bool finish(struct player *p)
{
	if (!p->client_done && items_left(&p->to_client) > 0)
		return fail_left(p, &p->to_client);
	if (!p->client_done && items_left(&p->to_server) > 0)
		return fail_left(p, &p->to_server);
	if (!p->client_done && p->client_open) {
		inspect_client_lost(&p->inspect);
		stage_pump(p);
	}
	if (!p->client_done && !only_ends(&p->to_client))
		return fail_left(p, &p->to_client);
	return only_ends(&p->to_server) || fail_left(p, &p->to_server);
}

/* A login that is left waiting hides what would come behind it. */
static bool login_is_done(struct player *p)
{
	if (p->relay == NULL || !p->behind.asked || p->client_done)
		return true;
	return fail(p, &p->transcript->steps[p->transcript->n - 1],
		"who checks logins was asked and said nothing: write what, such as \"A: 235\"");
}

static void reset(struct player *p)
{
	octets_clear(&p->from[0]);
	octets_clear(&p->from[1]);
	items_clear(&p->to_client);
	items_clear(&p->to_server);
	memset(p->codes, 0, sizeof p->codes);
	p->incidents = p->dials = 0;
	p->quiet_ms = p->clock_ms = 0;
	p->of_client = p->whole = (struct tally_slot){ 0 };
	p->first_claimed = p->server_open = p->client_done = p->loose = false;
	p->left_over = false;
	p->answered_ms = 0;
	p->phase = INSPECT_PHASE_DIAL;
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
	return login_is_done(p) && (!p->transcript->expects || finish(p));
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
	behind_deinit(&p->behind);
	octets_free(&p->from[0]);
	octets_free(&p->from[1]);
	items_free(&p->to_client);
	items_free(&p->to_server);
}
