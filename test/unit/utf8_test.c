/* SPDX-License-Identifier: ISC */
#include "filter/smtp/utf8.h"

#include "test/unit/support.h"

/* RFC 3629 3 */
static size_t encode(uint32_t c, uint8_t *p)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		p[i] = (uint8_t)(0x80 | (c & 0x3f));
	p[0] = (uint8_t)(0xf00u >> n | c);
	return n;
}

static void every_character_is_read(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 8);
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		uint8_t octets[4];
		size_t n = encode(c, octets);
		struct span s = { fence_at_end(&f, span_of(octets, n)), n };
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		uint32_t point = 0;

		if (utf8_next(s, 0, &point) != (surrogate ? 0 : n) || (!surrogate && point != c))
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++) {
			s = (struct span){ fence_at_end(&f, span_of(octets, cut)), cut };
			assert_int_equal(utf8_next(s, 0, &point), 0);
		}
	}
	fence_deinit(&f);
}

static void ill_formed_octets_are_refused(void **state)
{
	static const struct span bad[] = {
		OCTETS("\x80"),
		OCTETS("\xbf"),
		OCTETS("\xff"),
		OCTETS("\xfe"),
		OCTETS("\xf5\x80\x80\x80"),
		OCTETS("\xc0\xaf"),
		OCTETS("\xc1\xbf"), /* overlong */
		OCTETS("\xe0\x80\xaf"),
		OCTETS("\xe0\x9f\xbf"),
		OCTETS("\xf0\x80\x80\xaf"),
		OCTETS("\xf0\x8f\xbf\xbf"),
		OCTETS("\xed\xa0\x80"),
		OCTETS("\xed\xbf\xbf"), /* surrogates */
		OCTETS("\xf4\x90\x80\x80"),
		OCTETS("\xf8\x88\x80\x80\x80"), /* past U+10FFFF */
		OCTETS("\xc3\x28"),
		OCTETS("\xc3"),
		OCTETS("\xe2\x82"),
		OCTETS("\xe2\x28\xa1"),
		OCTETS("\xe2\x82\x28"),
		OCTETS("ok\xc3"),
		OCTETS("\xc3\xa9\x80"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (utf8_valid(bad[i]) || utf8_text(bad[i]))
			fail_msg("row %zu", i);
	assert_true(utf8_valid(SPAN("")));
	assert_true(utf8_valid(SPAN("a\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7")));
}

static void controls_and_what_turns_text_round_are_no_text(void **state)
{
	static const uint32_t not [] = { 0, 9, 10, 13, 31, 127, 0x80, 0x85, 0x9f, 0x2028, 0x2029,
		0x202a, 0x202e, 0x2066, 0x2069, 0xfdd0, 0xfdef, 0xfffe, 0xffff, 0x1fffe, 0x10ffff };
	static const uint32_t is[] = { ' ', '~', 0xa0, 0xe9, 0x2027, 0x202f, 0x2065, 0x206a, 0x20ac,
		0xfffd, 0x1f4e7 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(not ); i++)
		if (utf8_is_text(not [i]))
			fail_msg("U+%04X", not [i]);
	for (size_t i = 0; i < COUNT_OF(is); i++)
		if (!utf8_is_text(is[i]))
			fail_msg("U+%04X", is[i]);
	assert_true(utf8_text(SPAN("r\xc3\xa9sum\xc3\xa9")));
	assert_false(utf8_text(SPAN("a\xe2\x80\xa8")));
}

static void a_domain_holds_no_disguised_dot_or_letter(void **state)
{
	static const uint32_t not [] = { 0xa0, 0xad, 0x200b, 0x200e, 0x2024, 0x2025, 0x2026, 0x202f,
		0x2060, 0x3000, 0x3002, 0xfe00, 0xfe52, 0xfeff, 0xff0e, 0xff21, 0xff61, 0x1d400,
		0x1d7ff, 0x2460, 0x24ff, 0x1f100, 0x1f1ff, 0xe0001, 0xe0041 };
	static const uint32_t is[] = { 0xe9, 0xdf, 0x3c2, 0x200c, 0x200d, 0x4e2d, 0x65e5, 0xac00,
		0x10437 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(not ); i++)
		if (utf8_in_domain(not [i]))
			fail_msg("U+%04X", not [i]);
	for (size_t i = 0; i < COUNT_OF(is); i++)
		if (!utf8_in_domain(is[i]))
			fail_msg("U+%04X", is[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_is_read),
		cmocka_unit_test(ill_formed_octets_are_refused),
		cmocka_unit_test(controls_and_what_turns_text_round_are_no_text),
		cmocka_unit_test(a_domain_holds_no_disguised_dot_or_letter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
