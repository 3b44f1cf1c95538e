/* SPDX-License-Identifier: ISC */
#include "test/unit/support.h"

#include <signal.h>
#include <string.h>

/* A module to try the support with: reads words that end with a blank; '!' ends everything. */
struct words {
	unsigned count;
};

static void words_begin(void *ctx)
{
	((struct words *)ctx)->count = 0;
}

static size_t words_take(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen)
{
	struct words *w = ctx;
	size_t end = span_chr(span_of(win, n), ' ');

	(void)last;
	if (n > 0 && win[0] == '!') {
		seen_fact(seen, "end");
		return CUT_STOP;
	}
	if (end == n)
		return 0;
	seen_fact(seen, "word %u", ++w->count);
	seen_text(seen, span_of(win, end));
	return end + 1;
}

static void words_are_told_at_every_cut(void **state)
{
	static const struct cut_test test = { words_begin, words_take };
	struct words w = { 0 };

	(void)state;
	cut_every(&test, &w, SPAN("ab c d"), "words", "word 1 'ab' word 2 'c' left 1");
	cut_every(&test, &w, SPAN("ab !c d"), "stop", "word 1 'ab' end");
	cut_every(&test, &w, SPAN(""), "empty", "");
	cut_every(&test, &w, SPAN("a b "), "against the run in one piece", NULL);
}

static void text_is_joined_and_escaped(void **state)
{
	static struct seen s;

	(void)state;
	seen_init(&s);
	seen_text(&s, SPAN("a\r"));
	seen_text(&s, SPAN(""));
	seen_text(&s, SPAN("\n\0"));
	seen_fact(&s, "stop %d", 3);
	seen_text(&s, SPAN("b"));
	assert_string_equal(seen_str(&s), "'a\\r\\n\\0' stop 3 'b'");
}

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

/* Is reading this octet a fault? */
static bool unreadable(const volatile uint8_t *p)
{
	struct sigaction catch = { .sa_handler = on_fault }, old_segv, old_bus;
	bool faulted = true;

	sigaction(SIGSEGV, &catch, &old_segv);
	sigaction(SIGBUS, &catch, &old_bus);
	if (sigsetjmp(fault, 1) == 0) {
		(void)*p;
		faulted = false;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return faulted;
}

static void a_fence_stops_reading_past_it(void **state)
{
	struct fence f;
	const uint8_t *p;

	(void)state;
	fence_init(&f, 4096);
	p = fence_at_end(&f, SPAN("abc"));
	assert_memory_equal(p, "abc", 3);
	assert_true(unreadable(p + 3));
	p = fence_at_start(&f, SPAN("abc"));
	assert_memory_equal(p, "abc", 3);
	assert_true(unreadable(p - 1));
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_told_at_every_cut),
		cmocka_unit_test(text_is_joined_and_escaped),
		cmocka_unit_test(a_fence_stops_reading_past_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
