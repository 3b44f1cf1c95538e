/* SPDX-License-Identifier: ISC */
#include "test/unit/inner_play.h"

#include <stdio.h>

#include "test/unit/rule_of.h"
#include "test/unit/support.h"

static const char rules[] =
	"version 1\n"
	"set d { members example.org, example.com }\n"
	"certificate c { chain \"c.pem\"; key \"k.pem\" }\n"
	"auth a { via file \"p\"; mechanisms PLAIN, LOGIN }\n"
	"auth n { via next-hop; mechanisms PLAIN, LOGIN }\n"
	"route one { domains example.org; next-hop 10.0.0.21:25 }\n"
	"route two { domains any; next-hop mx }\n"
	"relay r { listen 198.51.100.3:587 starttls required certificate c\n%s\n"
	"deliver one, two; limit message 1MiB }\n";

/* ---- a hop that answers line by line ---- */

static void put(struct out *o, const char *text)
{
	out_str(o, text);
}

static void hop_says(struct play *p, const char *text)
{
	const size_t all = strlen(text), n = all < p->life ? all : p->life;

	assert_true(p->due_n + n < sizeof(p->due));
	p->life -= n;
	memcpy(p->due + p->due_n, text, n);
	p->due_n += n;
	p->in_text = strncmp(text, "354", 3) == 0;
}

/* Where the next thing that it answers ends; 0: not yet. */
static size_t unanswered(const struct play *p)
{
	const struct span s = span_from(out_span(&p->told), p->answered);
	const char *const end = p->in_text ? "\r\n.\r\n" : "\r\n";
	const size_t n = strlen(end);

	for (size_t i = 0; i + n <= s.n; i++)
		if (memcmp(s.p + i, end, n) == 0)
			return i + n;
	return 0;
}

static bool hop_answers(struct play *p)
{
	const char *reply = p->talk->replies[p->next];
	const size_t n = unanswered(p);

	if (n == 0 || p->due_n > 0 || reply == NULL)
		return false;
	p->answered += n;
	p->next++;
	if (strcmp(reply, "LOST") == 0)
		inner_hop_lost(&p->inner, &p->heard);
	else
		hop_says(p, reply);
	return true;
}

/* ---- an adapter ---- */

static void gone(struct play *p, const char *how)
{
	put(&p->told, how);
	p->answered = p->told.n;
	p->due_n = 0;
	p->in_text = false;
	inner_hop_gone(&p->inner);
}

static const struct smtp_local locked_out = { .code = 535, .text = "5.7.8 Locked" };

void play_obey(struct play *p, const struct inner_step *step)
{
	const struct ehlo_offer offer = { .extensions = p->talk->offer, .size = 1000 };
	struct inner *i = &p->inner;

	if (i->want & INNER_RELEASE)
		gone(p, "[release]");
	if (i->want & INNER_ABORT)
		gone(p, "[abort]");
	p->asked += (i->want & INNER_HOP) != 0;
	if ((i->want & INNER_HOP) && p->talk->offer == NONE)
		inner_hop_failed(i, (struct smtp_local){ .code = 451, .text = "4.4.1 None" });
	else if (i->want & INNER_HOP)
		inner_hop_ready(i, &offer);
	if (i->want & (INNER_LOGIN | INNER_LOGIN_MORE)) {
		const bool good = span_eq(step->text, SPAN("Z29vZA=="));

		put(&p->told, "[login ");
		out_bytes(&p->told, step->mechanism);
		put(&p->told, " ");
		out_bytes(&p->told, step->text);
		put(&p->told, "]");
		p->answered = p->told.n;
		inner_login_told(i);
		if (strcmp(p->talk->rule, PASSED) == 0 && span_eq(step->mechanism, SPAN("LOGIN")))
			inner_login_done(i, locked_out, &p->heard);
		else if (!step->has_text)
			inner_login_challenge(i, SPAN("VXNlcjo="), &p->heard);
		else
			inner_login_done(i,
				good ? (struct smtp_local){ .code = 235, .text = "2.7.0 OK" }
				     : (struct smtp_local){ .code = 535, .text = "5.7.8 No" },
				&p->heard);
	}
	if (i->want & INNER_LOGIN_CANCEL) {
		put(&p->told, "[cancel]");
		p->answered = p->told.n;
		inner_login_told(i);
	}
}

/* One step on windows of at most @cut octets. Return: did anything happen? */
static bool turn(struct play *p, struct span *engine, size_t seen, size_t hop_cut)
{
	const struct span window = span_sub(*engine, 0, seen);
	const size_t due = p->due_n < hop_cut ? p->due_n : hop_cut;
	struct inner_step step;
	const bool more =
		inner_step(&p->inner, window, span_of(p->due, due), &p->heard, &p->told, &step);

	assert_true(step.engine <= window.n && step.hop <= due);
	out_bytes(&p->told, step.forward);
	*engine = span_from(*engine, step.engine);
	memmove(p->due, p->due + step.hop, p->due_n - step.hop);
	p->due_n -= step.hop;
	play_obey(p, &step);
	return more;
}

void play_until(struct play *p, const struct talk *talk, size_t cut, size_t life)
{
	char text[4096];
	const struct inner_conf conf = {
		.hostname = "gw.test",
		.id = "S1",
		.client = { IP_V4, { 192, 0, 2, 9 } },
		.postmaster = talk->postmaster,
		.relay = (const struct relay *)(const void *)rule_of(
			span_of(text, (size_t)snprintf(text, sizeof(text), rules, talk->rule))),
	};
	struct span engine = span_str(talk->engine);
	size_t seen = 0, hop_cut = cut, idle = 0;

	memset(p, 0, sizeof(*p));
	p->talk = talk;
	p->life = life;
	out_init(&p->heard, p->heard_block, sizeof(p->heard_block));
	out_init(&p->told, p->told_block, sizeof(p->told_block));
	inner_init(&p->inner, &conf);
	if (talk->secured) {
		struct inner_step step;
		inner_step(&p->inner, engine, SPAN(""), &p->heard, &p->told, &step);
		inner_secured(&p->inner, "TLSv1.3", "AES");
	}
	while (idle < 3) {
		const size_t before = engine.n;
		bool more = turn(p, &engine, seen, hop_cut);

		seen -= before - engine.n;
		more = hop_answers(p) || more;
		if (!more && hop_cut < p->due_n) {
			hop_cut++;
			more = true;
		} else if (!more && seen < engine.n) {
			seen = seen + cut < engine.n ? seen + cut : engine.n;
			more = true;
		} else if (p->due_n == 0) {
			hop_cut = cut;
		}
		if (!more && p->life == 0 && p->due_n <= hop_cut) {
			p->life = SIZE_MAX;
			inner_hop_lost(&p->inner, &p->heard);
			more = true;
		}
		idle = more ? 0 : idle + 1;
	}
}

void play_talk(struct play *p, const struct talk *talk, size_t cut)
{
	play_until(p, talk, cut, SIZE_MAX);
}
