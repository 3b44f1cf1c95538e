/* SPDX-License-Identifier: ISC */
#include "cli/behind.h"

#include <time.h>

#include "cli/sides.h"

#define LOGIN_MS    30000 /* ASK_MS of proxy/relay/ask.h */
#define LATE        SPAN("no answer in time")
#define TLS_VERSION "TLSv1.3" /* as the trace has it */
#define TLS_CIPHER  "TLS_AES_256_GCM_SHA384"

static void replies(struct player *p, struct span octets)
{
	octets_put(&p->from[SMTP_S2C], octets);
}

/* ---- the next hop, until it is ready ---- */

static bool is_greeted(const struct behind *b)
{
	return b->hop == BEHIND_GREETING || b->hop == BEHIND_SHAKING;
}

/* It is the next hop's turn. */
static void await(struct player *p, enum behind_hop hop)
{
	p->behind.hop = hop;
	p->behind.since_ms = p->clock_ms;
}

/* Each that fails has its record. */
static void failed(struct player *p)
{
	struct behind *b = &p->behind;

	b->left--;
	sides_note_code(p, b->hello.why, b->hello.said);
}

static void none_left(struct player *p)
{
	struct behind *b = &p->behind;

	b->hop = BEHIND_NOBODY;
	inner_hop_failed(&b->inner, inner_reply_of(b->hello.why));
}

static void dial(struct player *p)
{
	struct behind *b = &p->behind;

	while (p->down && b->left > 0) {
		b->hello.why = CODE_HOP_DOWN;
		b->hello.said = (struct span){ 0 };
		failed(p);
	}
	if (b->left == 0) {
		none_left(p);
		return;
	}
	p->dials++;
	p->server_open = true;
	octets_drop(&b->heard);
	sides_happens(p, '>', ITEM_DIALLED);
	hop_hello_begin(&b->hello);
	await(p, BEHIND_GREETING);
}

static void act(struct player *p, enum hop_hello_next next, struct span line)
{
	struct behind *b = &p->behind;

	if (next != HOP_HELLO_HEAR)
		octets_drop(&b->heard);
	switch (next) {
	case HOP_HELLO_HEAR: return;
	case HOP_HELLO_SAY:
		await(p, BEHIND_GREETING);
		sides_give(p, '>', line);
		return;
	case HOP_HELLO_SHAKE: await(p, BEHIND_SHAKING); return;
	case HOP_HELLO_READY:
		b->hop = BEHIND_TAKEN;
		inner_hop_ready(&b->inner, &b->hello.offer);
		return;
	case HOP_HELLO_FAILED:
	case HOP_HELLO_AGAIN: break;
	}
	sides_end_server(p, ITEM_RESET);
	if (next == HOP_HELLO_FAILED) {
		b->hello.clear = false;
		failed(p);
	}
	dial(p);
}

/* Return: was it spoken to? */
static bool greet(struct player *p)
{
	struct behind *b = &p->behind;
	const struct span heard = octets_left(&b->heard);
	uint8_t block[HOP_HELLO_LINE_MAX];
	enum hop_hello_next next;
	struct out line;

	if (heard.n == 0)
		return false;
	out_init(&line, block, sizeof block);
	if (b->hop == BEHIND_SHAKING)
		next = hop_hello_unsecured(&b->hello, SPAN("what it sends is no TLS"));
	else if (b->hop == BEHIND_GREETING)
		next = hop_hello_hear(&b->hello, heard, &line);
	else
		return false;
	act(p, next, out_span(&line));
	return next != HOP_HELLO_HEAR;
}

/* ---- taking and leaving it ---- */

static void leave(struct player *p, bool reset)
{
	struct behind *b = &p->behind;

	if (b->hop == BEHIND_TAKEN && !reset)
		sides_give(p, '>', SPAN("QUIT\r\n"));
	sides_end_server(p, reset ? ITEM_RESET : ITEM_CLOSED);
	octets_drop(&b->heard);
	b->hop = BEHIND_NOBODY;
}

static void release(struct player *p)
{
	struct behind *b = &p->behind;
	const bool in_step = octets_left(&b->heard).n == 0;

	if (in_step && !b->exclusive)
		b->hop = BEHIND_IDLE;
	else
		leave(p, !in_step);
	inner_hop_gone(&b->inner);
}

static bool idle_one_will_do(const struct behind *b)
{
	return b->hop == BEHIND_IDLE && !b->inner.exclusive && b->route == b->inner.route &&
	       span_eq(span_of(b->domain, b->domain_n),
		       span_of(b->inner.domain, b->inner.domain_n));
}

static void take(struct player *p)
{
	struct behind *b = &p->behind;
	const bool idle = idle_one_will_do(b);
	uint8_t block[HOP_HELLO_LINE_MAX];
	struct out line;

	b->route = b->inner.route;
	b->domain_n = b->inner.domain_n;
	memcpy(b->domain, b->inner.domain, b->inner.domain_n);
	b->exclusive = b->inner.exclusive;
	b->left = b->route->mx ? 1 : b->route->n_hops;
	if (idle) {
		out_init(&line, block, sizeof block);
		hop_hello_ask(&b->hello, &line);
		act(p, HOP_HELLO_SAY, out_span(&line));
		return;
	}
	hop_hello_init(&b->hello, b->route->tls, b->inner.conf.hostname);
	dial(p);
}

/* ---- logins ---- */

static bool by_next_hop(const struct behind *b)
{
	return b->inner.conf.relay->auth->via == AUTH_NEXT_HOP;
}

static void challenge(struct player *p, struct span base64)
{
	uint8_t block[INNER_CHALLENGE + 16];
	struct out o;

	out_init(&o, block, sizeof block);
	inner_login_challenge(&p->behind.inner, base64, &o);
	replies(p, out_span(&o));
}

static void note_login(struct player *p, unsigned reply)
{
	sides_note_code(p,
		reply == 235   ? CODE_LOGIN_OK
		: reply == 454 ? CODE_LOGIN_UNKNOWN
			       : CODE_LOGIN_FAILED,
		(struct span){ 0 });
}

/* A next hop judges for itself: whether the client may ask it is no question here. */
static void login(struct player *p, unsigned want, struct span text)
{
	struct behind *b = &p->behind;

	inner_login_told(&b->inner);
	b->asked = (want & (INNER_LOGIN | INNER_LOGIN_MORE)) && !by_next_hop(b);
	b->asked_ms = p->clock_ms;
	if (b->asked || !by_next_hop(b))
		return;
	if (want & INNER_LOGIN)
		challenge(p, (struct span){ 0 });
	if (want & INNER_LOGIN_MORE)
		note_login(p, span_eq(text, SPAN("235")) ? 235 : 535);
}

static void end_login(struct player *p, unsigned reply)
{
	uint8_t block[SMTP_LOCAL_REPLY_MAX];
	struct out o;

	p->behind.asked = false;
	note_login(p, reply);
	out_init(&o, block, sizeof block);
	inner_login_done(&p->behind.inner, inner_login_reply(reply), &o);
	replies(p, out_span(&o));
}

bool behind_login(struct player *p, struct span says)
{
	struct behind *b = &p->behind;
	uint64_t code;

	if (!b->asked || !span_u64(span_sub(says, 0, 3), 999, &code) ||
		(says.n > 3 && says.p[3] != ' ') ||
		(code != 334 && inner_login_reply((unsigned)code).code != code))
		return false;
	if (code != 334) {
		end_login(p, (unsigned)code);
	} else if (span_from(says, 4).n > INNER_CHALLENGE) {
		end_login(p, 454);
	} else {
		b->asked = false;
		challenge(p, span_from(says, 4));
	}
	return true;
}

/* ---- the inner server ---- */

#define LOGIN_WANTS (INNER_LOGIN | INNER_LOGIN_MORE | INNER_LOGIN_CANCEL)

static void obey(struct player *p, struct span text)
{
	struct behind *b = &p->behind;

	if (b->inner.want & LOGIN_WANTS)
		login(p, b->inner.want, text);
	if (b->inner.want & INNER_ABORT) {
		leave(p, true);
		inner_hop_gone(&b->inner);
	}
	if (b->inner.want & INNER_RELEASE)
		release(p);
	if ((b->inner.want & INNER_HOP) && (b->hop == BEHIND_NOBODY || b->hop == BEHIND_IDLE))
		take(p);
}

static bool serve(struct player *p)
{
	static uint8_t to_engine[INNER_OUT_MAX], to_hop[INNER_OUT_MAX];
	struct behind *b = &p->behind;
	const struct span hop =
		b->hop == BEHIND_TAKEN ? octets_left(&b->heard) : (struct span){ 0 };
	struct inner_step step;
	struct out engine, server;
	unsigned want;
	bool more;

	out_init(&engine, to_engine, sizeof to_engine);
	out_init(&server, to_hop, sizeof to_hop);
	b->inner.now_ns = (int64_t)time(NULL) * 1000000000;
	more = inner_step(&b->inner, octets_left(&b->printed), hop, &engine, &server, &step);
	replies(p, out_span(&engine));
	sides_give(p, '>', out_span(&server));
	sides_give(p, '>', step.forward);
	if (step.why != CODE_COUNT)
		sides_note_code(p, step.why, step.said);
	b->printed.at += step.engine;
	b->heard.at += step.hop;
	want = b->inner.want;
	obey(p, step.text);
	return more || b->inner.want != want;
}

bool behind_run(struct player *p)
{
	if (p->behind.hop == BEHIND_IDLE && octets_left(&p->behind.heard).n > 0)
		leave(p, true); /* it says what nobody asked */
	return greet(p) || serve(p);
}

/* ---- what the filter wants ---- */

/* What was printed and not taken is void. */
static void forget(struct player *p)
{
	struct behind *b = &p->behind;

	octets_drop(&p->from[SMTP_S2C]);
	octets_drop(&b->printed);
	inner_reset(&b->inner);
}

/* Is its connection of use to anybody? */
static bool must_abort(const struct behind *b)
{
	return is_greeted(b) || (b->inner.want & INNER_ABORT);
}

void behind_reset(struct player *p)
{
	struct behind *b = &p->behind;

	forget(p);
	if (must_abort(b))
		leave(p, true);
	if (b->inner.want & INNER_ABORT)
		inner_hop_gone(&b->inner);
	inspect_reset_kept(&p->inspect);
}

void behind_end(struct player *p)
{
	struct behind *b = &p->behind;

	b->asked = false;
	forget(p);
	if (must_abort(b))
		leave(p, true);
	else if (b->hop == BEHIND_TAKEN)
		release(p);
}

/* ---- what the script says ---- */

static void lose(struct player *p)
{
	uint8_t block[SMTP_QUEUE_MAX * SMTP_LOCAL_REPLY_MAX];
	struct out o;

	sides_note_code(p, CODE_HOP_LOST, (struct span){ 0 });
	out_init(&o, block, sizeof block);
	inner_hop_lost(&p->behind.inner, &o);
	replies(p, out_span(&o));
}

void behind_hop_ended(struct player *p)
{
	struct behind *b = &p->behind;
	const struct span why = SPAN("connection closed");

	switch (b->hop) {
	case BEHIND_NOBODY: return;
	case BEHIND_IDLE: b->hop = BEHIND_NOBODY; return;
	case BEHIND_GREETING: act(p, hop_hello_lost(&b->hello, why), why); return;
	case BEHIND_SHAKING: act(p, hop_hello_unsecured(&b->hello, why), why); return;
	case BEHIND_TAKEN: lose(p); return;
	}
}

bool behind_client_shakes(const struct player *p)
{
	return p->relay != NULL && (p->behind.at_once || (p->inspect.want & INSPECT_TLS));
}

static void secure_client(struct player *p)
{
	struct behind *b = &p->behind;

	sides_note_code(p, CODE_SESSION_TLS, (struct span){ 0 });
	inner_secured(&b->inner, TLS_VERSION, TLS_CIPHER);
	if (!b->at_once)
		inspect_secured(&p->inspect);
	b->at_once = false;
}

bool behind_secured(struct player *p, char side)
{
	struct behind *b = &p->behind;
	uint8_t block[HOP_HELLO_LINE_MAX];
	enum hop_hello_next next;
	struct out line;

	if (p->relay == NULL)
		return false;
	if (side == 'C' && behind_client_shakes(p)) {
		secure_client(p);
		return true;
	}
	if (side == 'C' || b->hop != BEHIND_SHAKING)
		return false;
	out_init(&line, block, sizeof block);
	next = hop_hello_secured(&b->hello, &line);
	act(p, next, out_span(&line));
	return true;
}

/* ---- time ---- */

static uint32_t of_state_ms(const struct player *p)
{
	const struct rule_timeouts *t = &p->rule->timeouts;
	const struct behind *b = &p->behind;

	if (b->hop == BEHIND_SHAKING)
		return t->connect;
	switch (b->hello.state) {
	case HOP_HELLO_BANNER: return t->greeting;
	case HOP_HELLO_ASKED: return HOP_HELLO_ASK_MS;
	case HOP_HELLO_EHLO:
	case HOP_HELLO_HELO:
	case HOP_HELLO_STARTTLS: break;
	}
	return t->command;
}

static bool hop_is_late(const struct player *p)
{
	const struct behind *b = &p->behind;
	const uint32_t ms = of_state_ms(p);
	const bool others = b->left > 1 && ms > HOP_HELLO_NEXT_MS;

	return is_greeted(b) && p->clock_ms - b->since_ms >= (others ? HOP_HELLO_NEXT_MS : ms);
}

void behind_let_pass(struct player *p)
{
	struct behind *b = &p->behind;

	if (hop_is_late(p))
		act(p, hop_hello_lost(&b->hello, LATE), LATE);
	if (b->asked && p->clock_ms - b->asked_ms >= LOGIN_MS)
		end_login(p, 454);
}

bool behind_late(struct player *p)
{
	struct behind *b = &p->behind;

	if (is_greeted(b)) {
		leave(p, true);
		b->hello.why = CODE_HOP_DOWN;
		b->hello.said = LATE;
		failed(p);
		none_left(p);
	} else if (b->hop == BEHIND_TAKEN) {
		lose(p);
	} else if (b->asked) {
		end_login(p, 454);
	} else {
		return false;
	}
	return true;
}

/* ---- beginning and end ---- */

void behind_begin(struct player *p, const struct relay_listen *listen)
{
	struct behind *b = &p->behind;
	const struct inner_conf conf = { .relay = p->relay,
		.hostname = p->rule->smtp.hostname,
		.postmaster = p->postmaster,
		.id = "replay",
		.client = p->client.ip };

	octets_clear(&b->printed);
	octets_clear(&b->heard);
	b->hop = BEHIND_NOBODY;
	b->asked = false;
	b->at_once = listen->tls == LISTEN_TLS;
	inner_init(&b->inner, &conf);
	inspect_init_relay(&p->inspect, policy_tls_at_first(listen->tls), p->relay->auth_required);
}

void behind_deinit(struct behind *b)
{
	octets_free(&b->printed);
	octets_free(&b->heard);
}
