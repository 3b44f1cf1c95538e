/* SPDX-License-Identifier: ISC */
/*
 * Message text: at any cut what the octet-wise model says; and what `normalise` sends holds no line
 * end but CRLF and no end of data
 */
#include "test/fuzz/fuzz.h"
#include "test/unit/body_model.h"

static const struct body_limits limits[] = {
	{ .dots = true },
	{ .dots = false },
	{ .dots = true, .max_line = 70, .max_header = 200, .header_lines = 4 },
	{ .dots = false, .max_line = 9, .max_header = 64 },
	{ .dots = true, .max_line = 5 },
	{ .dots = true, .header_lines = 2 },
	{ .dots = true, .max_header = 30 },
	{ .binary = true },
};

static void same(const struct body_stops *a, const struct body_stops *b)
{
	HOLDS(a->n == b->n && a->end == b->end);
	for (size_t i = 0; i < a->n; i++)
		HOLDS(a->stop[i].at == b->stop[i].at && a->stop[i].stop == b->stop[i].stop);
}

/* What goes inward before the message ends or is refused; its octets. */
static size_t mended(struct span text, const struct body_stops *stops, uint8_t *to)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i <= stops->n; i++) {
		size_t end = i < stops->n ? stops->stop[i].at : stops->end;

		if (end > at)
			memcpy(to + n, text.p + at, end - at);
		n += end - at;
		if (i == stops->n ||
			(stops->stop[i].stop != BODY_BARE_LF && stops->stop[i].stop != BODY_STUFF))
			return n;
		memcpy(to + n, stops->stop[i].stop == BODY_STUFF ? ".." : "\r\n", 2);
		n += 2;
		at = end + 1;
	}
	return n;
}

static void check_sent(const uint8_t *p, size_t n, bool dots)
{
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		HOLDS(p[i] != '\0');
		HOLDS((p[i] == '\n') == (i > 0 && p[i - 1] == '\r'));
		if (p[i] != '\n')
			continue;
		HOLDS(!dots || i - start != 2 || p[start] != '.');
		start = i + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	const struct body_limits *l;
	struct body_stops want, got;
	bool last;
	uint8_t *sent;

	if (!fuzz_open(data, size, &in))
		return 0;
	l = &limits[in.choice % 8];
	last = !l->dots && in.choice & 8;
	want.max = got.max = in.text.n + 2;
	want.stop = calloc(2 * want.max, sizeof *want.stop);
	got.stop = want.stop + want.max;
	body_model(in.text, l, last, &want);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t cuts = in.cuts + i;
		size_t first = i == 0 ? in.text.n : fuzz_cut(&cuts);

		body_windows(in.text, l, last, first, fuzz_cut(&cuts), &got);
		same(&got, &want);
	}
	sent = malloc(2 * in.text.n + 2);
	if (l->dots)
		check_sent(sent, mended(in.text, &want, sent), true);
	free(sent);
	free(want.stop);
	return 0;
}
