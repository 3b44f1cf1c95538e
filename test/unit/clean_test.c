/* SPDX-License-Identifier: ISC */
#include "filter/smtp/clean.h"

#include "test/unit/support.h"

static size_t naive_text(const uint8_t *p, size_t n, bool dots)
{
	for (size_t i = 0; i < n; i++) {
		bool behind_cr = i > 0 && p[i - 1] == '\r';

		if (p[i] == '\0' || (p[i] == '\n') != behind_cr)
			return i - (behind_cr && p[i] != '\n');
		if (dots && p[i] == '.' && i > 0 && p[i - 1] == '\n')
			return i;
	}
	return n > 0 && p[n - 1] == '\r' ? n - 1 : n;
}

static size_t naive_line(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\r' && p[i] != '\n' && p[i] != '\0')
		i++;
	return i;
}

static void expect(const uint8_t *p, size_t n)
{
	for (int dots = 0; dots < 2; dots++) {
		size_t want = naive_text(p, n, dots);
		assert_int_equal(clean_text(p, n, dots), want);
		assert_int_equal(clean_text_portable(p, n, dots), want);
	}
	assert_int_equal(clean_line(p, n), naive_line(p, n));
	assert_int_equal(clean_line_portable(p, n), naive_line(p, n));
}

/* The window ends at an unreadable page, then begins behind one. */
static void expect_fenced(struct fence *f, const uint8_t *p, size_t n)
{
	expect(fence_at_end(f, span_of(p, n)), n);
	expect(fence_at_start(f, span_of(p, n)), n);
}

static void every_octet_in_every_place_of_a_window(void **state)
{
	uint8_t text[130];
	struct fence f;

	(void)state;
	fence_init(&f, sizeof text);
	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at < sizeof text; at++) {
			memset(text, 'a', sizeof text);
			text[at] = (uint8_t)c;
			expect_fenced(&f, text, sizeof text);
		}
	}
	fence_deinit(&f);
}

static void windows_of_every_size_with_every_pair(void **state)
{
	static const char pairs[][4] = { "\r\n", "\n\r", "\r\r", "\n\n", "\r\n.", "\n.", "\r.",
		".\r\n", "a.", "..\r" };
	uint8_t text[200];
	struct fence f;

	(void)state;
	fence_init(&f, sizeof text);
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		size_t len = strlen(pairs[i]);
		for (size_t n = len; n < sizeof text; n++) {
			for (size_t at = n < 70 ? 0 : n - 70; at + len <= n; at++) {
				memset(text, '.', n); /* dots in lines stop nothing */
				memcpy(text + at, pairs[i], len);
				expect_fenced(&f, text, n);
			}
		}
	}
	fence_deinit(&f);
}

static void clean_text_is_passed_over_in_one_go(void **state)
{
	static uint8_t text[70000];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'a' + i % 26);
	for (size_t n = sizeof text - 100; n < sizeof text; n++) {
		size_t want = n % 78 == 77 ? n - 1 : n;
		assert_int_equal(clean_text(text, n, true), want);
		assert_int_equal(clean_text_portable(text, n, true), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet_in_every_place_of_a_window),
		cmocka_unit_test(windows_of_every_size_with_every_pair),
		cmocka_unit_test(clean_text_is_passed_over_in_one_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
