/* SPDX-License-Identifier: ISC */
/*
 * Replies: the same at any cut; what is printed reads back as the same reply; a rewritten EHLO
 * reply offers what was read, nothing that was not allowed, and hides nothing more when it is read
 * again
 */
#include "filter/smtp/ehlo.h"
#include "test/fuzz/fuzz.h"

#define ALL ((1u << SMTP_EXT_COUNT) - 1)

struct told {
	enum reply_end end;
	enum smtp_fault fault;
	struct smtp_reply reply;
};

/* The first reply, when octets come as @cuts says; @whole: all at once. */
static struct told read_cut(struct span text, uint32_t cuts, bool whole)
{
	struct told t = { .end = REPLY_MORE };
	struct reply_reader r;

	reply_init(&r);
	for (size_t come = 0; t.end == REPLY_MORE && come < text.n;) {
		uint8_t *p;

		come += whole ? text.n : fuzz_cut(&cuts);
		come = come < text.n ? come : text.n;
		p = fuzz_window(span_sub(text, 0, come));
		t.end = reply_next(&r, p, come, &t.reply, &t.fault);
		HOLDS(t.end != REPLY_MORE || come < SMTP_REPLY_MAX); /* what waits has a bound */
		t.reply.octets.p = text.p;
		free(p);
	}
	return t;
}

static void same(const struct told *a, const struct told *b)
{
	HOLDS(a->end == b->end && a->fault == b->fault);
	if (a->end == REPLY_WHOLE)
		HOLDS(a->reply.code == b->reply.code && a->reply.lines == b->reply.lines &&
			a->reply.octets.n == b->reply.octets.n);
}

/* Reads what was printed: one whole reply and nothing behind it, clean text. */
static struct smtp_reply read_printed(const struct out *o)
{
	struct told t = read_cut(out_span(o), 0, true);

	HOLDS(!o->full && t.end == REPLY_WHOLE && t.reply.octets.n == o->n);
	for (size_t i = 0; i < o->n; i++)
		HOLDS((o->p[i] >= ' ' && o->p[i] <= '~') || o->p[i] == '\t' || o->p[i] == '\r' ||
			o->p[i] == '\n');
	return t.reply;
}

static void check_print(const struct smtp_reply *reply)
{
	static uint8_t block[SMTP_REPLY_MAX], block2[SMTP_REPLY_MAX];
	struct smtp_reply again;
	struct out o, o2;

	out_init(&o, block, sizeof block);
	out_init(&o2, block2, sizeof block2);
	reply_print(&o, reply);
	HOLDS(o.n <= reply->octets.n); /* printing adds nothing */
	again = read_printed(&o);
	HOLDS(again.code == reply->code && again.lines == reply->lines);
	reply_print(&o2, &again);
	HOLDS(span_eq(out_span(&o), out_span(&o2)));
}

static void check_ehlo(const struct smtp_reply *reply, uint8_t choice)
{
	static const uint32_t allow[] = { ALL, 0, ALL & ~SMTP_EXT_BIT(CHUNKING),
		SMTP_EXT_BIT(SIZE) | SMTP_EXT_BIT(AUTH) };
	static uint8_t block[SMTP_REPLY_MAX + 300];
	struct ehlo_rules rules = {
		.allow = allow[choice % 4],
		.max_size = choice & 4 ? 1000 : 0,
		.name = choice & 8 ? "gw.in.test" : NULL,
	};
	struct ehlo_offer offer, again;
	struct smtp_reply printed;
	struct out o;

	out_init(&o, block, sizeof block);
	ehlo_read(reply, &rules, &offer);
	ehlo_print(&o, reply, &rules);
	printed = read_printed(&o);
	ehlo_read(&printed, &rules, &again);
	HOLDS(again.extensions == offer.extensions && again.size == offer.size);
	HOLDS(again.hidden == 0 && !again.starttls && !again.xclient);
	HOLDS((offer.extensions & ~rules.allow) == 0);
	HOLDS(!(offer.extensions & SMTP_EXT_BIT(BINARYMIME)) ||
		offer.extensions & SMTP_EXT_BIT(CHUNKING));
	HOLDS(rules.max_size == 0 || offer.size <= rules.max_size);
	HOLDS(printed.lines <= SMTP_EXT_COUNT + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct told whole;

	if (!fuzz_open(data, size, &in))
		return 0;
	whole = read_cut(in.text, 0, true);
	for (uint32_t i = 0; i < 3; i++) {
		struct told cut = read_cut(in.text, in.cuts + i, false);
		same(&whole, &cut);
	}
	HOLDS((whole.end == REPLY_FAULT) == (whole.fault != SMTP_FAULT_NONE));
	if (whole.end != REPLY_WHOLE)
		return 0;
	HOLDS(whole.reply.lines <= SMTP_REPLY_LINES && whole.reply.octets.n <= SMTP_REPLY_MAX);
	HOLDS(whole.reply.code >= 200 && whole.reply.code <= 599);
	check_print(&whole.reply);
	if (whole.reply.code == 250)
		check_ehlo(&whole.reply, in.choice);
	for (unsigned v = 0; v < SMTP_VERB_COUNT; v++)
		HOLDS(whole.reply.code < 400 || reply_fits((enum smtp_verb)v, whole.reply.code));
	return 0;
}
