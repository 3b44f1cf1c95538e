/* SPDX-License-Identifier: ISC */
/*
 * Lines: at any cut the same lines, flaws and places as an octet-wise reading gives
 */
#include "filter/smtp/line.h"
#include "test/fuzz/fuzz.h"

struct told {
	size_t octets; /* 0: endless */
	uint32_t flaw_at;
	uint8_t flaws;
};

struct lines {
	struct told *line;
	size_t n;
};

static const struct {
	uint32_t max, drop;
} limits[] = { { 512, 65536 }, { 8, 16 }, { 2, 2 }, { 64, 100 } };

static void flaw(struct told *t, uint8_t bit, size_t at)
{
	if (t->flaws == 0 || at < t->flaw_at)
		t->flaw_at = (uint32_t)at;
	t->flaws |= bit;
}

/* The first line of @s, octet by octet; false: it has no end yet. */
static bool naive(struct span s, uint32_t max, uint32_t drop, struct told *t)
{
	*t = (struct told){ 0 };
	for (size_t i = 0; i < s.n && i < drop; i++) {
		if (s.p[i] == '\r' && i + 1 < s.n && i + 1 < drop && s.p[i + 1] == '\n') {
			t->octets = i + 2;
			if (t->octets > max)
				flaw(t, LINE_FLAW_LONG, max);
			return true;
		}
		if (s.p[i] == '\r')
			flaw(t, LINE_FLAW_CR, i);
		else if (s.p[i] == '\n')
			flaw(t, LINE_FLAW_LF, i);
		else if (s.p[i] == '\0')
			flaw(t, LINE_FLAW_NUL, i);
	}
	return s.n >= drop;
}

static void naive_lines(struct span text, uint32_t max, uint32_t drop, struct lines *out)
{
	struct told t;

	for (out->n = 0; naive(text, max, drop, &t); text = span_from(text, t.octets)) {
		out->line[out->n++] = t;
		if (t.octets == 0)
			return;
	}
}

/* What one window says: octets used up, lines added; false at the end. */
static bool take(
	struct line_reader *r, struct span win, size_t *usedp, size_t *droppedp, struct lines *out)
{
	for (*usedp = 0;;) {
		struct span s = span_from(win, *usedp);
		uint8_t *p = fuzz_window(s);
		size_t size;
		enum line_end end = line_next(r, p, s.n, &size);

		free(p);
		*usedp += size;
		HOLDS(size <= s.n);
		switch (end) {
		case LINE_MORE: HOLDS(size == 0); return true;
		case LINE_DROP:
			HOLDS(size > 0);
			*droppedp += size;
			break;
		case LINE_CRLF:
			out->line[out->n++] =
				(struct told){ *droppedp + size, r->flaw_at, r->flaws };
			*droppedp = 0;
			line_done(r);
			break;
		case LINE_ENDLESS: out->line[out->n++] = (struct told){ 0 }; return false;
		}
	}
}

static void cut_lines(
	struct span text, uint32_t max, uint32_t drop, uint32_t cuts, bool whole, struct lines *out)
{
	struct line_reader r;
	size_t at = 0, come = 0, used, dropped = 0;
	bool more = true;

	line_init(&r, max, drop);
	out->n = 0;
	while (more && come < text.n) {
		come += whole ? text.n : fuzz_cut(&cuts);
		come = come < text.n ? come : text.n;
		more = take(&r, span_sub(text, at, come - at), &used, &dropped, out);
		at += used;
		HOLDS(come - at < max || !more); /* what waits has a bound */
	}
}

static void same(const struct lines *a, const struct lines *b)
{
	HOLDS(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		HOLDS(a->line[i].octets == b->line[i].octets);
		if (a->line[i].octets == 0)
			continue;
		HOLDS(a->line[i].flaws == b->line[i].flaws);
		HOLDS(a->line[i].flaws == 0 || a->line[i].flaw_at == b->line[i].flaw_at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	struct lines want, got;
	uint32_t max, drop;

	if (!fuzz_open(data, size, &in))
		return 0;
	max = limits[in.choice % 4].max;
	drop = limits[in.choice % 4].drop;
	want.line = calloc(2 * (in.text.n + 1), sizeof *want.line);
	got.line = want.line + in.text.n + 1;
	naive_lines(in.text, max, drop, &want);
	for (unsigned i = 0; i < 3; i++) {
		cut_lines(in.text, max, drop, in.cuts + i, i == 0, &got);
		same(&got, &want);
	}
	free(want.line);
	return 0;
}
