/* SPDX-License-Identifier: ISC */
#include "filter/smtp/line.h"

#include "test/unit/support.h"

#define MAX  8
#define DROP 16

static void begin(void *ctx)
{
	line_init(ctx, MAX, DROP);
}

static void tell(const struct line_reader *r, struct seen *seen)
{
	seen_fact(seen, "crlf");
	if (r->flaws == 0)
		return;
	seen_fact(seen, "flaws");
	if (r->flaws & LINE_FLAW_CR)
		seen_fact(seen, "cr");
	if (r->flaws & LINE_FLAW_LF)
		seen_fact(seen, "lf");
	if (r->flaws & LINE_FLAW_NUL)
		seen_fact(seen, "nul");
	if (r->flaws & LINE_FLAW_LONG)
		seen_fact(seen, "long");
	seen_fact(seen, "at %u", r->flaw_at);
}

static size_t take(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen)
{
	struct line_reader *r = ctx;
	size_t size;

	(void)last;
	switch (line_next(r, n ? win : NULL, n, &size)) {
	case LINE_MORE: assert_int_equal(size, 0); return 0;
	case LINE_DROP:
		assert_in_range(size, 1, n);
		seen_text(seen, span_of(win, size));
		return size;
	case LINE_CRLF:
		assert_in_range(size, 2, n);
		seen_text(seen, span_of(win, size));
		tell(r, seen);
		line_done(r);
		return size;
	case LINE_ENDLESS: break;
	}
	return CUT_STOP;
}

static const struct cut_test test = { begin, take };

static void run(const char *name, struct span input, const char *want)
{
	struct line_reader r;

	cut_every(&test, &r, input, name, want);
}

static void lines_end_at_crlf_only(void **state)
{
	(void)state;
	run("nothing", SPAN(""), "");
	run("one line", SPAN("NOOP\r\n"), "'NOOP\\r\\n' crlf");
	run("empty line", SPAN("\r\n"), "'\\r\\n' crlf");
	run("two lines", SPAN("A\r\nB\r\nC"), "'A\\r\\n' crlf 'B\\r\\n' crlf left 1");
	run("CR waits", SPAN("A\r"), "left 2");
	run("bare LF", SPAN("A\nB\r\n"), "'A\\nB\\r\\n' crlf flaws lf at 1");
	run("bare LF first", SPAN("\n\r\n"), "'\\n\\r\\n' crlf flaws lf at 0");
	run("bare LF behind a line", SPAN("\r\n\n\r\n"),
		"'\\r\\n' crlf '\\n\\r\\n' crlf flaws lf at 0");
	run("bare LF alone ends nothing", SPAN("A\nB\n"), "left 4");
	run("bare CR", SPAN("A\rB\r\n"), "'A\\rB\\r\\n' crlf flaws cr at 1");
	run("CR CR LF", SPAN("A\r\r\n"), "'A\\r\\r\\n' crlf flaws cr at 1");
	run("NUL", SPAN("A\0B\r\n"), "'A\\0B\\r\\n' crlf flaws nul at 1");
	run("NUL first", SPAN("\0A\r\n"), "'\\0A\\r\\n' crlf flaws nul at 0"); /* CMD-08 */
	run("CR NUL LF", SPAN("\r\0\n\r\n"), "'\\r\\0\\n\\r\\n' crlf flaws cr lf nul at 0");
	run("high octets", SPAN("\x85\x8d\x8a\r\n"), "'\\x85\\x8d\\x8a\\r\\n' crlf"); /* EOD-20 */
}

static void a_long_line_is_dropped_to_its_end(void **state)
{
	(void)state;
	run("just fits", SPAN("123456\r\nA\r\n"),
		"'123456\\r\\n' crlf 'A\\r\\n' crlf"); /* CMD-23 */
	run("one over", SPAN("1234567\r\nA\r\n"),
		"'1234567\\r\\n' crlf flaws long at 8 'A\\r\\n' crlf");
	run("tail is no line", SPAN("12345678RSET\r\nA\r\n"), /* CMD-25 */
		"'12345678RSET\\r\\n' crlf flaws long at 8 'A\\r\\n' crlf");
	run("CR where it gets long", SPAN("1234567\r8\r\n"),
		"'1234567\\r8\\r\\n' crlf flaws cr long at 7");
	run("CRs", SPAN("\r\r\r\r\r\r\r\r\r\r\n"),
		"'\\r\\r\\r\\r\\r\\r\\r\\r\\r\\r\\n' crlf flaws cr long at 0");
	run("flaw in the tail", SPAN("123456789\n\r\n"),
		"'123456789\\n\\r\\n' crlf flaws lf long at 8");
	run("flaw before the tail", SPAN("12\n456789\r\n"),
		"'12\\n456789\\r\\n' crlf flaws lf long at 2");
	run("as long as may be dropped", SPAN("12345678901234\r\nA\r\n"),
		"'12345678901234\\r\\n' crlf flaws long at 8 'A\\r\\n' crlf");
}

/* How much was dropped before depends on the cuts: only the answer is looked at. */
static size_t take_quietly(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen)
{
	struct line_reader *r = ctx;
	size_t size;

	(void)last;
	switch (line_next(r, win, n, &size)) {
	case LINE_MORE:
		if (n >= MAX)
			fail_msg("%zu octets are kept waiting", n);
		return 0;
	case LINE_DROP: return size;
	case LINE_CRLF: return size;
	case LINE_ENDLESS: break;
	}
	seen_fact(seen, "endless");
	return CUT_STOP;
}

static void a_line_without_end_is_a_fault(void **state)
{
	static const struct cut_test quiet = { begin, take_quietly };
	struct line_reader r;

	(void)state;
	cut_every(&quiet, &r, SPAN("123456789012345\r\n"), "CRLF one too late", "endless");
	cut_every(&quiet, &r, SPAN("12345678901234\n\n\r\n"), "bare LFs", "endless");
	cut_every(
		&quiet, &r, SPAN("1234567890123456789012345678901234567890"), "no CRLF", "endless");
	cut_every(&quiet, &r, SPAN("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"), "LFs only", "endless");
	cut_every(&quiet, &r, SPAN("\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r"), "CRs only", "endless");
}

static void max_and_drop_may_be_equal(void **state)
{
	struct line_reader r;
	size_t size;

	(void)state;
	line_init(&r, 4, 4);
	assert_int_equal(line_next(&r, (const uint8_t *)"AB\r\n", 4, &size), LINE_CRLF);
	assert_int_equal(size, 4);
	assert_int_equal(r.flaws, 0);
	line_done(&r);
	assert_int_equal(line_next(&r, (const uint8_t *)"ABC\r\n", 5, &size), LINE_ENDLESS);
}

static void asking_again_gives_the_same_answer(void **state)
{
	static const uint8_t win[] = "A\rB\nC\r\nD";
	struct line_reader r;
	size_t size;

	(void)state;
	line_init(&r, 64, 64);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(line_next(&r, win, sizeof win - 1, &size), LINE_CRLF);
		assert_int_equal(size, 7);
		assert_int_equal(r.flaws, LINE_FLAW_CR | LINE_FLAW_LF);
		assert_int_equal(r.flaw_at, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_at_crlf_only),
		cmocka_unit_test(a_long_line_is_dropped_to_its_end),
		cmocka_unit_test(a_line_without_end_is_a_fault),
		cmocka_unit_test(max_and_drop_may_be_equal),
		cmocka_unit_test(asking_again_gives_the_same_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
