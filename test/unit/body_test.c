/* SPDX-License-Identifier: ISC */
#include "filter/smtp/body.h"

#include <stdio.h>

#include "test/unit/body_model.h"
#include "test/unit/support.h"

struct scan {
	struct body_scan b;
	struct body_limits limits;
	bool whole;   /* BDAT: the input is all of a message */
	bool stopped; /* at a stop that body_mend() does not take */
};

static void begin(void *ctx)
{
	struct scan *s = ctx;

	body_init(&s->b);
	s->stopped = false;
}

/* One run and what stopped it; the octets used up. */
static size_t once(struct scan *s, const uint8_t *win, size_t n, bool last, enum body_stop *stopp,
	struct seen *seen)
{
	size_t run;

	*stopp = body_next(&s->b, &s->limits, win, n, last && s->whole, &run);
	assert_in_range(run, 0, n);
	seen_text(seen, span_of(win, run));
	if (*stopp == BODY_RUN)
		return run;
	seen_fact(seen, "%s", body_stop_name(*stopp));
	if (*stopp == BODY_DOT || *stopp >= BODY_LINE_LONG) {
		s->stopped = true;
		return *stopp == BODY_DOT ? run + 3 : run;
	}
	body_mend(&s->b, &s->limits, *stopp);
	return *stopp == BODY_BARE_CR && !s->limits.dots ? run : run + 1;
}

static size_t take(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen)
{
	struct scan *s = ctx;
	enum body_stop stop = BODY_NUL;
	size_t used = 0;

	if (s->stopped)
		return CUT_STOP;
	while (stop != BODY_RUN && !s->stopped)
		used += once(s, n > used ? win + used : NULL, n - used, last, &stop, seen);
	return used == 0 && s->stopped ? CUT_STOP : used;
}

static const struct cut_test test = { begin, take };

struct row {
	const char *name;
	struct span input;
	const char *want;
};

static void run_rows(const struct row *rows, size_t n, struct body_limits limits, bool whole)
{
	struct scan s = { .limits = limits, .whole = whole };

	for (size_t i = 0; i < n; i++)
		cut_every(&test, &s, rows[i].input, rows[i].name, rows[i].want);
}

#define ROW(name, input, want)                                                                     \
	{                                                                                          \
		name, OCTETS(input), want                                                          \
	}
/* "body" V, then the smuggled tail, then the real end, as in CASES.md. */
#define EOD(name, v, want) ROW(name, "b" v "MAIL\r\n.\r\n", want)

static void only_crlf_dot_crlf_ends_a_message(void **state)
{
	static const struct row rows[] = {
		ROW("empty", "", ""),
		EOD("EOD-01", "\n.\n", "'b' bare-lf stuff bare-lf 'MAIL\\r\\n' dot"),
		EOD("EOD-02", "\n.\r\n", "'b' bare-lf stuff '\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-03", "\r\n.\n", "'b\\r\\n' stuff bare-lf 'MAIL\\r\\n' dot"),
		EOD("EOD-05", "\r.\n", "'b' bare-cr '.' bare-lf 'MAIL\\r\\n' dot"),
		EOD("EOD-07", "\r.\r\n", "'b' bare-cr '.\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-09", "\r\n.\r\r\n", "'b\\r\\n.' bare-cr '\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-11", "\r\r\n.\r\n", "'b' bare-cr '\\r\\n' dot"),
		EOD("EOD-13", "\r\n\0.\r\n", "'b\\r\\n' nul '.\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-15", "\r\n.\0\r\n", "'b\\r\\n.' nul '\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-17", "\r\n.\r\n\0", "'b\\r\\n' dot"),
		EOD("EOD-18 blank behind", "\r\n. \r\n", "'b\\r\\n. \\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-18 blank before", "\r\n .\r\n", "'b\\r\\n .\\r\\nMAIL\\r\\n' dot"),
		EOD("EOD-19", "\n\r.\n\r",
			"'b' bare-lf bare-cr '.' bare-lf bare-cr 'MAIL\\r\\n' dot"),
		EOD("EOD-20 C1", "\x85.\x85", "'b\\x85.\\x85MAIL\\r\\n' dot"),
		EOD("EOD-20 U+2028", "\xe2\x80\xa8.\xe2\x80\xa8",
			"'b\\xe2\\x80\\xa8.\\xe2\\x80\\xa8MAIL\\r\\n' dot"),
		EOD("EOD-20 high", "\x8d\x8a.\x8d\x8a", "'b\\x8d\\x8a.\\x8d\\x8aMAIL\\r\\n' dot"),
		EOD("EOD-20 VT", "\x0b.\x0b", "'b\\x0b.\\x0bMAIL\\r\\n' dot"),
		ROW("EOD-21", "S: T\n\nb\n.\nX\r\n.\r\n",
			"'S: T' bare-lf bare-lf 'b' bare-lf stuff bare-lf 'X\\r\\n' dot"),
		ROW("EOD-23", ".\nM\r\n.\r\n", "stuff bare-lf 'M\\r\\n' dot"),
		ROW("EOD-25", ".\r\nNOOP\r\n", "dot"),
		ROW("EOD-26", "..\r\n.x\r\n...\r\n.\r\n", "'..\\r\\n.x\\r\\n...\\r\\n' dot"),
		ROW("EOD-28", "b\r\n.x\r\n.\r\n", "'b\\r\\n.x\\r\\n' dot"),
		ROW("dot and dot behind a mended LF", "a\n..\r\n.\r\n",
			"'a' bare-lf stuff '.\\r\\n' dot"),
		ROW("end behind a mended LF", "a\n\r\n.\r\n", "'a' bare-lf '\\r\\n' dot"),
		ROW("LF CR LF", "a\n\r\n.\n", "'a' bare-lf '\\r\\n' stuff bare-lf"),
		ROW("half an end waits", "a\r\n.\r", "'a\\r\\n' left 2"),
		ROW("dot waits", "a\r\n.", "'a\\r\\n' left 1"),
		ROW("CR waits", "a\r", "'a' left 1"),
	};

	(void)state;
	run_rows(rows, COUNT_OF(rows), (struct body_limits){ .dots = true }, false);
}

static void a_chunk_has_no_end_of_its_own(void **state)
{
	static const struct row rows[] = {
		ROW("dots are text", "a\r\n.\r\nb\r\n", "'a\\r\\n.\\r\\nb\\r\\n'"),
		ROW("bare LF", "a\nb", "'a' bare-lf 'b'"),
		ROW("NUL", "a\0b", "'a' nul 'b'"),
		ROW("a bare CR passes, then stops", "a\rb", "'a\\r' bare-cr 'b'"),
		ROW("CRs", "\r\r\r\n", "'\\r' bare-cr '\\r' bare-cr '\\r\\n'"),
		ROW("no line end at the end", "a\r\nb", "'a\\r\\nb'"),
	};
	static const struct row ends[] = {
		ROW("CR at the end", "a\r", "'a\\r' bare-cr"),
		ROW("CRLF at the end", "a\r\n", "'a\\r\\n'"),
		ROW("BDT-07: nothing", "", ""),
	};
	static const struct row more[] = {
		ROW("CR at the end of a chunk", "a\r", "'a\\r'"),
	};

	(void)state;
	run_rows(rows, COUNT_OF(rows), (struct body_limits){ 0 }, false);
	run_rows(rows, COUNT_OF(rows), (struct body_limits){ 0 }, true);
	run_rows(ends, COUNT_OF(ends), (struct body_limits){ 0 }, true);
	run_rows(more, COUNT_OF(more), (struct body_limits){ 0 }, false);
}

static void binary_text_is_not_looked_at(void **state)
{
	static const struct row rows[] = {
		/* BDT-20 */
		ROW("anything", "\0\n\r.\r\n.\r\n\r", "'\\0\\n\\r.\\r\\n.\\r\\n\\r'"),
	};

	(void)state;
	run_rows(rows, COUNT_OF(rows), (struct body_limits){ .binary = true, .max_line = 1 }, true);
}

static void lines_have_a_limit(void **state)
{
	static const struct row rows[] = {
		ROW("just fits", "\r\n1234\r\n1234\r\n.\r\n", "'\\r\\n1234\\r\\n1234\\r\\n' dot"),
		ROW("one over", "\r\n12345\r\n.\r\n", "'\\r\\n1234' line-long"),
		ROW("in the header", "12345\r\n", "'1234' line-long"),
		ROW("the stuffed dot is none of it", "\r\n.1234\r\n", "'\\r\\n.1234\\r\\n'"),
		ROW("bare CR comes first", "\r\n1234\rx", "'\\r\\n1234' bare-cr line-long"),
		ROW("CR waits", "\r\n1234\r", "'\\r\\n1234' left 1"),
		ROW("mended lines", "\r\n123\n.123\r\n", "'\\r\\n123' bare-lf stuff '123\\r\\n'"),
		ROW("the mended dot counts", "\r\n\n.1234\r\n",
			"'\\r\\n' bare-lf stuff '123' line-long"),
	};

	(void)state;
	run_rows(rows, COUNT_OF(rows), (struct body_limits){ .dots = true, .max_line = 4 }, false);
}

static void the_header_has_limits(void **state)
{
	static const struct row octets[] = {
		/* ATK-19 */
		ROW("just fits", "123456\r\n\r\nbbbbbbbbbbbbbbbb\r\n",
			"'123456\\r\\n\\r\\nbbbbbbbbbbbbbbbb\\r\\n'"),
		ROW("one over", "1234567\r\n\r\n", "'1234567\\r\\n\\r' header-large"),
		ROW("two over", "12345678\r\n\r\n", "'12345678\\r\\n' header-large"),
		ROW("CR over", "1234567890\r\n", "'1234567890' header-large"),
		ROW("LF over", "123456789\r\n", "'123456789\\r' header-large"),
		ROW("text over", "12345678901\r\n", "'1234567890' header-large"),
		ROW("dots", "12345678\r\n.x\r\n", "'12345678\\r\\n' header-large"),
		ROW("an end is none", "12345678\r\n.\r\n", "'12345678\\r\\n' dot"),
	};
	static const struct row lines[] = {
		/* ATK-20 */
		ROW("two", "a\r\nb\r\n\r\nx\r\ny\r\nz\r\n",
			"'a\\r\\nb\\r\\n\\r\\nx\\r\\ny\\r\\nz\\r\\n'"),
		ROW("three", "a\r\nb\r\nc\r\n", "'a\\r\\nb\\r\\n' header-lines"),
		ROW("folded", "a\r\n b\r\n\tc\r\n", "'a\\r\\n b\\r\\n' header-lines"),
		ROW("controls", "a\r\nb\r\n\x01\r\n", "'a\\r\\nb\\r\\n' header-lines"),
		ROW("stuffed", "a\r\nb\r\n..c\r\n", "'a\\r\\nb\\r\\n' header-lines"),
		ROW("an end is none", "a\r\nb\r\n.\r\n", "'a\\r\\nb\\r\\n' dot"),
		ROW("mended", "a\n\n\nb", "'a' bare-lf bare-lf bare-lf 'b'"),
	};

	(void)state;
	run_rows(octets, COUNT_OF(octets), (struct body_limits){ .dots = true, .max_header = 10 },
		false);
	run_rows(octets, COUNT_OF(octets) - 2, (struct body_limits){ .max_header = 10 }, false);
	run_rows(lines, COUNT_OF(lines), (struct body_limits){ .dots = true, .header_lines = 2 },
		false);
}

static void a_refused_message_is_read_to_its_end(void **state)
{
	static const struct body_limits on = { .dots = true, .max_header = 2 },
					off = { .dots = true };
	static const uint8_t text[] = "a\r\nb\r\n.\r\n";
	struct body_scan b;
	size_t run;

	(void)state;
	body_init(&b);
	assert_int_equal(body_next(&b, &on, text, 9, false, &run), BODY_HEADER_LARGE);
	assert_int_equal(run, 2); /* between CR and LF */
	assert_int_equal(body_next(&b, &off, text + 2, 7, false, &run), BODY_DOT);
	assert_int_equal(run, 4);
	assert_int_equal(b.octets, 6);
}

static uint32_t random_next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	return *seed ^= *seed << 5;
}

/* Text of which one octet in @rare is special. */
static struct span random_text(uint8_t *room, size_t n, uint32_t rare, uint32_t *seed)
{
	static const char *const pieces[] = { "\r\n", "\r\n.", "\r\n.\r\n", "\r", "\n", ".",
		"\r\n\r\n", "\n." };

	for (size_t i = 0; i < n; i++)
		room[i] = 'a';
	for (size_t i = 0; i < n;) {
		uint32_t r = random_next(seed);
		const char *piece = pieces[r % COUNT_OF(pieces)];
		size_t len = strlen(piece);

		if (r % 97 == 0)
			room[i] = '\0';
		else if (len <= n - i)
			memcpy(room + i, piece, len);
		i += len + random_next(seed) % rare;
	}
	return span_of(room, n);
}

static void expect_same(const struct body_stops *got, const struct body_stops *want,
	struct span text, const char *how)
{
	static struct seen a, b;

	seen_init(&a);
	seen_init(&b);
	for (size_t i = 0; i < got->n; i++)
		seen_fact(&a, "%s@%zu", body_stop_name(got->stop[i].stop), got->stop[i].at);
	for (size_t i = 0; i < want->n; i++)
		seen_fact(&b, "%s@%zu", body_stop_name(want->stop[i].stop), want->stop[i].at);
	seen_fact(&a, "end %zu", got->end);
	seen_fact(&b, "end %zu", want->end);
	if (strcmp(seen_str(&a), seen_str(&b)) != 0) {
		static struct seen t;

		seen_init(&t);
		seen_text(&t, text);
		print_error("%s\n", seen_str(&t));
	}
	expect_str(seen_str(&a), seen_str(&b), "random text", how);
}

#define TEXT_MAX 400

static void windows_agree_with_the_octetwise_model(void **state)
{
	static const struct body_limits limits[] = {
		{ .dots = true },
		{ .dots = false },
		{ .dots = true, .max_line = 70, .max_header = 150, .header_lines = 3 },
		{ .dots = false, .max_line = 9, .max_header = 64 },
		{ .dots = true, .max_line = 5 },
		{ .dots = true, .header_lines = 2 },
	};
	static struct body_stop_at a[TEXT_MAX + 1], b[TEXT_MAX + 1];
	uint8_t room[TEXT_MAX];
	uint32_t seed = 20261124;

	(void)state;
	for (unsigned round = 0; round < 6000; round++) {
		uint32_t r = random_next(&seed);
		struct span text =
			random_text(room, r % (TEXT_MAX + 1), 1 + r % 7 * (r % 31), &seed);
		const struct body_limits *l = &limits[round % COUNT_OF(limits)];
		struct body_stops want = { .stop = a, .max = TEXT_MAX },
				  got = { .stop = b, .max = TEXT_MAX };
		bool last = !l->dots && r & 64;
		char how[64];

		body_model(text, l, last, &want);
		for (unsigned i = 0; i < 4; i++) {
			size_t first = i == 0 ? text.n : random_next(&seed) % (text.n + 1);
			size_t step = 1 + random_next(&seed) % (i == 1 ? 3 : 150);

			snprintf(how, sizeof how, "round %u, first %zu, then %zu", round, first,
				step);
			body_windows(text, l, last, first, step, &got);
			expect_same(&got, &want, text, how);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_crlf_dot_crlf_ends_a_message),
		cmocka_unit_test(a_chunk_has_no_end_of_its_own),
		cmocka_unit_test(binary_text_is_not_looked_at),
		cmocka_unit_test(lines_have_a_limit),
		cmocka_unit_test(the_header_has_limits),
		cmocka_unit_test(a_refused_message_is_read_to_its_end),
		cmocka_unit_test(windows_agree_with_the_octetwise_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
