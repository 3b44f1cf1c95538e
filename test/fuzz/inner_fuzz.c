/* SPDX-License-Identifier: ISC */
/*
 * A relay's inner server between a hostile engine and a hostile hop
 *
 * Input: one octet that chooses a rule and what a hop offers, then octets of both sides. 0xFE is
 * followed by a letter: E or H (engine or hop, whose octets follow), l (the hop is lost), r (the
 * engine gives its message up), t (TLS begins), f (from now on there is no hop, or there is one
 * again), or 0xFE itself.
 *
 * What must hold, octets coming together or one by one: a hop gets commands that read back as
 * themselves and text without bare CR, LF or NUL, from who may send, for who may get; it is
 * released only where it is in step; no yes to a recipient, to message text, to the end of a
 * message or to a login is said that a hop (or the exchange) has not said before; each reply
 * answers one thing that was asked.
 */
#include "filter/relay/inner.h"
#include "rules/rules.h"
#include "rules/view.h"
#include "test/fuzz/fuzz.h"

#define RULES_TEXT(auth, more)                                                                     \
	"version 1\nset home { members in.test, mx.in.test }\n"                                    \
	"certificate c { chain \"c.pem\"; key \"k.pem\" }\n" auth                                  \
	"route one { domains in.test; next-hop 10.0.0.21:25 }\n"                                   \
	"route two { domains any; next-hop mx }\n"                                                 \
	"relay r { listen 198.51.100.3:587 starttls required certificate c; recipients in home; "  \
	"deliver one, two; limit message 64KiB; " more " }\n"

static const char *const texts[] = {
	RULES_TEXT("", ""),
	RULES_TEXT("auth a { via file \"p\"; mechanisms PLAIN, LOGIN }\n", "auth required a"),
	RULES_TEXT("auth a { via next-hop; mechanisms PLAIN, LOGIN }\n", "auth required a"),
	RULES_TEXT("auth a { via next-hop; mechanisms PLAIN }\n", "auth a"),
};
#define N_TEXTS (sizeof texts / sizeof *texts)

enum choice { /* bits behind the rule's two */
	CHOICE_PIPELINING = 4,
	CHOICE_ALL = 8, /* what else a hop may offer */
	CHOICE_SECURED = 16,
	CHOICE_POSTMASTER = 32,
};

static const struct relay *rule(size_t i)
{
	static uint8_t blocks[N_TEXTS][1 << 20];
	static const struct relay *built[N_TEXTS];
	const struct source source = {
		.kind = SOURCE_RULES, .name = "fuzz.conf", .text = span_str(texts[i])
	};
	const struct ruleset *rs = NULL;
	struct arena arena;
	struct diags diags;

	if (built[i] != NULL)
		return built[i];
	arena_init(&arena, blocks[i], sizeof blocks[i]);
	diags_init(&diags, &arena);
	if (rules_build(&arena, &source, 1, &diags, &rs) != RULES_OK) {
		fprintf(stderr, "inner_fuzz: rules %zu:%u: %s\n", i, diags.first->at.line,
			diags.first->text);
		abort();
	}
	return built[i] = rs->rules[0].relay;
}

/* ---- a strict hop ---- */

enum asked {
	ASKED_OTHER,
	ASKED_MAIL,
	ASKED_RCPT,
	ASKED_DATA,
	ASKED_END,
	ASKED_AUTH,
	ASKED_MAX = 64
};

struct asks { /* what awaits its reply, in order */
	size_t at, n;
	enum asked asked[ASKED_MAX];
};

static void ask(struct asks *a, enum asked what)
{
	HOLDS(a->n < ASKED_MAX);
	a->asked[(a->at + a->n++) % ASKED_MAX] = what;
}

static enum asked answered(struct asks *a)
{
	const enum asked what = a->asked[a->at];

	HOLDS(a->n > 0);
	a->at = (a->at + 1) % ASKED_MAX;
	a->n--;
	return what;
}

struct yes { /* by kind of what was asked: how often it was granted */
	size_t n[ASKED_AUTH + 1];
};

struct hop {
	bool there, text, response, logged_in;
	bool mail, taken; /* MAIL was said; and answered by yes */
	uint8_t line[SMTP_COMMAND_MAX];
	size_t n;
	uint8_t last; /* octet of text */
	struct asks asks;
};

struct run {
	struct inner inner;
	const struct relay *rule;
	uint8_t choice;
	bool no_hops, greeted, bare_end;
	bool secured, logged_in; /* as the replies say */
	struct hop hop;
	struct asks asks; /* of the engine */
	struct yes said, granted;
	uint8_t *in[2]; /* unread octets: engine, hop */
	size_t n[2], room[2];
};

static bool is_for_us(struct span domain)
{
	return span_ieq(domain, SPAN("in.test")) || span_ieq(domain, SPAN("mx.in.test"));
}

static void hop_mail(struct run *run)
{
	const struct auth *auth = run->rule->auth;

	HOLDS(!run->hop.mail);
	run->hop.mail = true;
	HOLDS(!run->rule->auth_required || run->logged_in);
	HOLDS(auth == NULL || auth->via != AUTH_NEXT_HOP || !run->logged_in || run->hop.logged_in);
}

static void hop_command(struct run *run, const struct smtp_command *cmd)
{
	struct hop *hop = &run->hop;

	switch ((unsigned)cmd->verb) {
	case SMTP_VERB_MAIL:
		hop_mail(run);
		ask(&hop->asks, ASKED_MAIL);
		return;
	case SMTP_VERB_RCPT:
		HOLDS(hop->mail);
		HOLDS(cmd->path.kind == DOMAIN_NONE || is_for_us(cmd->path.domain));
		ask(&hop->asks, ASKED_RCPT);
		return;
	case SMTP_VERB_DATA: ask(&hop->asks, ASKED_DATA); return;
	case SMTP_VERB_AUTH: ask(&hop->asks, ASKED_AUTH); return;
	case SMTP_VERB_RSET: hop->mail = hop->taken = false; break;
	default: HOLDS(!"a command for a hop");
	}
	ask(&hop->asks, ASKED_OTHER);
}

static void hop_line(struct run *run)
{
	const struct command_rules read = { .offered = UINT32_MAX,
		.line_max = run->rule->front.smtp.line_max,
		.utf8 = true,
		.local_tolerant = true };
	const struct span line = span_of(run->hop.line, run->hop.n - 2);
	uint8_t block[SMTP_COMMAND_MAX + 64];
	struct smtp_command cmd;
	struct out again;
	size_t at;

	if (run->hop.response) {
		run->hop.response = false;
		HOLDS(sasl_parse(line, &cmd, &at) == SMTP_DEFECT_NONE);
		ask(&run->hop.asks, ASKED_AUTH);
		return;
	}
	HOLDS(command_parse(line, &read, &cmd, &at) == SMTP_DEFECT_NONE);
	out_init(&again, block, sizeof block);
	command_print(&again, &cmd);
	HOLDS(span_eq(out_span(&again), span_of(run->hop.line, run->hop.n)));
	hop_command(run, &cmd);
}

static void hop_text_line(struct run *run)
{
	if (!span_eq(span_of(run->hop.line, run->hop.n), SPAN(".\r\n")))
		return;
	run->hop.text = false;
	ask(&run->hop.asks, ASKED_END);
}

static void hop_octet(struct run *run, uint8_t c)
{
	struct hop *hop = &run->hop;
	const bool after_cr = hop->n > 0 && hop->line[hop->n - 1] == '\r';

	HOLDS(hop->there);
	HOLDS(c != '\0' && after_cr == (c == '\n'));
	if (hop->n == sizeof hop->line) { /* of text: that it is no dot is all there is to know */
		HOLDS(hop->text);
		hop->n = 4;
	}
	hop->line[hop->n++] = c;
	if (c != '\n')
		return;
	if (hop->text)
		hop_text_line(run);
	else
		hop_line(run);
	hop->n = 0;
}

static void hop_take(struct run *run, struct span octets)
{
	for (size_t i = 0; i < octets.n; i++)
		hop_octet(run, octets.p[i]);
}

static unsigned code_of(struct span reply)
{
	uint64_t code = 0;

	HOLDS(span_u64(span_sub(reply, 0, 3), 599, &code));
	return (unsigned)code;
}

/* The inner server has read a reply. One to nothing is an error of the hop's. */
static void hop_said(struct run *run, struct span reply)
{
	const unsigned code = code_of(reply);
	enum asked what;

	if (run->hop.asks.n == 0)
		return;
	what = answered(&run->hop.asks);
	run->hop.taken |= what == ASKED_MAIL && code < 400;
	run->granted.n[what] += code < 400 && (what == ASKED_AUTH || run->hop.taken);
	run->hop.response = what == ASKED_AUTH && code == 334;
	run->hop.logged_in |= what == ASKED_AUTH && code == 235;
	run->hop.text = what == ASKED_DATA && code == 354;
	if (what == ASKED_END)
		run->hop.mail = run->hop.taken = false;
}

/* ---- what the engine hears ---- */

static void heard(struct run *run, unsigned code)
{
	enum asked what;

	if (!run->greeted) {
		HOLDS(code == 220);
		run->greeted = true;
		return;
	}
	if (run->asks.n == 0) { /* the hop that logged in for the client is gone */
		HOLDS(code == 421);
		return;
	}
	what = answered(&run->asks);
	run->said.n[what] += code < 400;
	HOLDS(what == ASKED_OTHER || run->said.n[what] <= run->granted.n[what]);
	run->logged_in |= what == ASKED_AUTH && code == 235;
}

static void engine_hears(struct run *run, struct span octets)
{
	while (octets.n > 0) {
		const size_t end = span_chr(octets, '\n');

		HOLDS(end < octets.n && end >= 4 && octets.p[end - 1] == '\r');
		if (octets.p[3] != '-')
			heard(run, code_of(octets));
		octets = span_from(octets, end + 1);
	}
}

/* ---- what the engine has said: the states of the server frame it ---- */

static bool is_text(enum inner_state state)
{
	return state == INNER_TEXT || state == INNER_TEXT_SWALLOW;
}

static bool is_chunk(enum inner_state state)
{
	return state == INNER_CHUNK || state == INNER_CHUNK_SWALLOW;
}

static enum asked asked_by(const struct run *run, enum inner_state before, struct span line)
{
	if (before == INNER_SASL || span_istarts(line, SPAN("AUTH ")))
		return ASKED_AUTH;
	if (span_istarts(line, SPAN("RCPT ")))
		return ASKED_RCPT;
	if (span_ieq(line, SPAN("DATA\r\n")))
		return ASKED_DATA;
	if (is_chunk(run->inner.state))
		return run->inner.chunk_last ? ASKED_END : ASKED_OTHER;
	return ASKED_OTHER;
}

/* Before the replies of that step are heard. */
static void engine_asked(struct run *run, enum inner_state before, struct span taken)
{
	if (is_text(before) && !is_text(run->inner.state))
		ask(&run->asks, ASKED_END);
	else if (!is_text(before) && !is_chunk(before) && taken.n > 0)
		ask(&run->asks, asked_by(run, before, taken));
}

/* ---- the adapter ---- */

static struct ehlo_offer offer_of(const struct run *run)
{
	return (struct ehlo_offer){
		.extensions = SMTP_EXT_BIT(AUTH) |
			      (run->choice & CHOICE_PIPELINING ? SMTP_EXT_BIT(PIPELINING) : 0) |
			      (run->choice & CHOICE_ALL
					      ? SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(8BITMIME) |
							SMTP_EXT_BIT(SMTPUTF8) | SMTP_EXT_BIT(DSN)
					      : 0),
		.size = 2048,
	};
}

static void hop_gone(struct run *run)
{
	run->hop = (struct hop){ 0 };
	run->n[1] = 0;
	inner_hop_gone(&run->inner);
}

static void login(struct run *run, const struct inner_step *step, struct out *to_engine)
{
	const bool good = step->text.n % 8 == 0;

	inner_login_told(&run->inner);
	if (run->inner.conf.relay->auth->via == AUTH_NEXT_HOP) { /* the hop grants it, or not */
		if (!step->has_text && span_ieq(step->mechanism, SPAN("PLAIN")))
			inner_login_challenge(&run->inner, SPAN(""), to_engine);
		else if (!step->has_text)
			inner_login_done(&run->inner,
				(struct smtp_local){ .code = 535, .text = "5.7.8 No" }, to_engine);
		return;
	}
	if (!step->has_text) {
		run->granted.n[ASKED_AUTH]++;
		inner_login_challenge(&run->inner, SPAN("VXNlcjo="), to_engine);
		return;
	}
	run->granted.n[ASKED_AUTH] += good;
	inner_login_done(&run->inner,
		good ? (struct smtp_local){ .code = 235, .text = "2.7.0 OK" }
		     : (struct smtp_local){ .code = 535, .text = "5.7.8 No" },
		to_engine);
}

static void fulfil(struct run *run, const struct inner_step *step, struct out *to_engine)
{
	const struct ehlo_offer offer = offer_of(run);
	const uint8_t want = run->inner.want;

	if (want & INNER_RELEASE)
		HOLDS(run->hop.there && !run->hop.text && run->hop.n == 0 && run->hop.asks.n == 0 &&
			!(want & INNER_ABORT));
	if (want & (INNER_RELEASE | INNER_ABORT))
		hop_gone(run);
	if ((want & INNER_HOP) && run->no_hops) {
		inner_hop_failed(
			&run->inner, (struct smtp_local){ .code = 451, .text = "4.4.1 No" });
	} else if (want & INNER_HOP) {
		run->hop = (struct hop){ .there = true };
		run->n[1] = 0; /* of the one before */
		inner_hop_ready(&run->inner, &offer);
	}
	if (want & (INNER_LOGIN | INNER_LOGIN_MORE))
		login(run, step, to_engine);
	else if (want & INNER_LOGIN_CANCEL)
		inner_login_told(&run->inner);
	HOLDS(run->inner.want == 0);
}

static void consume(struct run *run, unsigned side, size_t n)
{
	run->n[side] -= n;
	if (n > 0)
		memmove(run->in[side], run->in[side] + n, run->n[side]);
}

static bool step(struct run *run)
{
	static uint8_t engine[INNER_OUT_MAX], hop[INNER_OUT_MAX];
	const enum inner_state before = run->inner.state;
	uint8_t *windows[2] = { fuzz_window(span_of(run->in[0], run->n[0])),
		fuzz_window(span_of(run->in[1], run->n[1])) };
	struct out to_engine, to_hop;
	struct inner_step taken;
	bool more;

	out_init(&to_engine, engine, sizeof engine);
	out_init(&to_hop, hop, sizeof hop);
	more = inner_step(&run->inner, span_of(windows[0], run->n[0]),
		span_of(windows[1], run->n[1]), &to_engine, &to_hop, &taken);
	HOLDS(taken.engine <= run->n[0] && taken.hop <= run->n[1]);
	if (taken.hop > 0)
		hop_said(run, span_of(windows[1], taken.hop));
	engine_asked(run, before, span_of(windows[0], taken.engine));
	hop_take(run, out_span(&to_hop));
	hop_take(run, taken.forward);
	consume(run, 0, taken.engine);
	consume(run, 1, taken.hop);
	fulfil(run, &taken, &to_engine);
	HOLDS(!to_engine.full && !to_hop.full);
	engine_hears(run, out_span(&to_engine));
	free(windows[0]);
	free(windows[1]);
	return more;
}

static void deliver(struct run *run, unsigned side, struct span octets, bool singly)
{
	for (size_t i = 0, n; i < octets.n; i += n) {
		n = singly ? 1 : octets.n;
		if (run->n[side] + n > run->room[side]) {
			run->room[side] = (run->n[side] + n) * 2;
			run->in[side] = realloc(run->in[side], run->room[side]);
			HOLDS(run->in[side] != NULL);
		}
		memcpy(run->in[side] + run->n[side], octets.p + i, n);
		run->n[side] += n;
		while (step(run))
			;
	}
}

/* What was asked is answered by the engine. In the middle of a chunk nothing was said to it yet. */
static void reset(struct run *run)
{
	run->asks = (struct asks){ 0 };
	run->n[0] = 0;
}

static void control(struct run *run, uint8_t letter)
{
	static uint8_t engine[INNER_OUT_MAX];
	struct out o;

	out_init(&o, engine, sizeof engine);
	if (letter == 'l' && run->hop.there) {
		inner_hop_lost(&run->inner, &o);
	} else if (letter == 'r') {
		reset(run);
		inner_reset(&run->inner);
	} else if (letter == 't' && !run->secured) {
		reset(run);
		run->secured = true;
		inner_secured(&run->inner, "TLSv1.3", "AES");
	} else if (letter == 'f') {
		run->no_hops = !run->no_hops;
	}
	fulfil(run, &(struct inner_step){ 0 }, &o);
	engine_hears(run, out_span(&o));
	while (step(run))
		;
}

static void play(uint8_t choice, struct span script, bool singly)
{
	static struct run run;
	const struct inner_conf conf = { .relay = rule(choice % N_TEXTS),
		.hostname = "gw.in.test",
		.postmaster = choice & CHOICE_POSTMASTER ? "admin@mx.in.test" : NULL,
		.id = "S1",
		.client = { IP_V4, { 203, 0, 113, 9 } } };
	unsigned side = 0;

	memset(&run, 0, sizeof run);
	run.rule = conf.relay;
	run.choice = choice;
	inner_init(&run.inner, &conf);
	if (choice & CHOICE_SECURED)
		control(&run, 't');
	while (script.n > 0) {
		const struct span octets = span_sub(script, 0, span_chr(script, 0xfe));

		deliver(&run, side, octets, singly);
		script = span_from(script, octets.n);
		if (script.n < 2)
			break;
		if (script.p[1] == 'E' || script.p[1] == 'H')
			side = script.p[1] == 'H';
		else if (script.p[1] == 0xfe)
			deliver(&run, side, span_sub(script, 0, 1), singly);
		else
			control(&run, script.p[1]);
		script = span_from(script, 2);
	}
	free(run.in[0]);
	free(run.in[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	play(data[0], span_of(data + 1, size - 1), false);
	play(data[0], span_of(data + 1, size - 1), true);
	return 0;
}
