/* SPDX-License-Identifier: ISC */
#include "filter/smtp/greet.h"

#include "filter/smtp/command.h"

void greet_init(struct smtp_greet *g, bool replay)
{
	*g = (struct smtp_greet){ .step = GREET_BANNER, .replay = replay };
	reply_init(&g->reader);
}

static void say_hello(struct out *o, enum smtp_verb verb, struct span name)
{
	const struct smtp_command hello = { .verb = verb, .arg = name };

	command_print(o, &hello);
}

static void say_xclient(struct out *o, struct span attributes)
{
	out_str(o, "XCLIENT ");
	out_bytes(o, attributes);
	out_str(o, "\r\n");
}

/* The server greeted whom we say we speak for: now bring it to where the session is. */
static enum greet_end greeted(
	struct smtp_greet *g, const struct greet_words *w, struct out *to_server)
{
	if (!g->replay || w->hello.n == 0)
		return GREET_DONE;
	say_hello(to_server, w->extended ? SMTP_VERB_EHLO : SMTP_VERB_HELO, w->hello);
	g->step = GREET_REPLAY;
	return GREET_MORE;
}

static enum greet_end took_banner(
	struct smtp_greet *g, const struct greet_words *w, struct out *to_server)
{
	if (w->xclient.n == 0)
		return greeted(g, w, to_server);
	say_hello(to_server, SMTP_VERB_EHLO, span_str(w->hostname));
	g->step = GREET_EHLO;
	return GREET_MORE;
}

static enum greet_end took_ehlo(struct smtp_greet *g, const struct greet_words *w,
	const struct smtp_reply *reply, struct out *to_server)
{
	struct ehlo_offer offer;

	ehlo_read(reply, &w->rules, &offer);
	if (!offer.xclient)
		return GREET_NO_XCLIENT;
	say_xclient(to_server, w->xclient);
	g->step = GREET_XCLIENT;
	return GREET_MORE;
}

static enum greet_end took_replay(
	struct smtp_greet *g, const struct greet_words *w, const struct smtp_reply *reply)
{
	g->offer = (struct ehlo_offer){ 0 };
	if (w->extended)
		ehlo_read(reply, &w->rules, &g->offer);
	return GREET_DONE;
}

static enum greet_end took(struct smtp_greet *g, const struct greet_words *w,
	const struct smtp_reply *reply, struct out *to_server)
{
	const bool greeting = g->step == GREET_BANNER || g->step == GREET_XCLIENT;

	if (reply->code != (greeting ? 220 : 250)) {
		g->reply_code = (uint16_t)reply->code;
		return g->step == GREET_XCLIENT ? GREET_NO_XCLIENT : GREET_REFUSED;
	}
	switch (g->step) {
	case GREET_BANNER: return took_banner(g, w, to_server);
	case GREET_EHLO: return took_ehlo(g, w, reply, to_server);
	case GREET_XCLIENT: return greeted(g, w, to_server);
	case GREET_REPLAY: return took_replay(g, w, reply);
	}
	return GREET_FAULT;
}

enum greet_end greet_next(struct smtp_greet *g, const struct greet_words *words, const uint8_t *win,
	size_t n, size_t *usedp, struct out *to_server)
{
	const bool relayed =
		g->step == GREET_XCLIENT && !g->replay; /* this greeting is the client's */
	struct smtp_reply reply;
	enum smtp_fault fault;

	*usedp = 0;
	switch (reply_next(&g->reader, win, n, &reply, &fault)) {
	case REPLY_MORE: return GREET_MORE;
	case REPLY_FAULT: return GREET_FAULT;
	case REPLY_WHOLE: break;
	}
	reply_init(&g->reader);
	if (!relayed)
		*usedp = reply.octets.n;
	return took(g, words, &reply, to_server);
}
