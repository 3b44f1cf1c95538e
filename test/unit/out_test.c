/* SPDX-License-Identifier: ISC */
#include "base/out.h"

#include "test/unit/support.h"

static void numbers_are_decimal_or_hex(void **state)
{
	uint8_t block[160];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof block);
	out_u64(&o, 0);
	out_str(&o, " ");
	out_u64(&o, UINT64_MAX);
	out_str(&o, " ");
	out_u64w(&o, 7, 3);
	out_str(&o, " ");
	out_u64w(&o, 1234, 3);
	out_str(&o, " ");
	out_u64w(&o, 1, 99);
	out_str(&o, " ");
	out_hex(&o, 0xbeef, 4);
	out_str(&o, " ");
	out_hex(&o, 0xbeef, 2);
	out_str(&o, " ");
	out_hex(&o, UINT64_MAX, 18);
	out_str(&o, NULL);
	assert_string_equal(out_cstr(&o), "0 18446744073709551615 007 1234 00000000000000000001 "
					  "beef ef 00ffffffffffffffff");
}

static void case_is_that_of_ascii(void **state)
{
	uint8_t block[32];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof block);
	out_str(&o, "Ab");
	out_lower(&o, SPAN("Ab@[\xc9Z"));
	out_upper(&o, SPAN("aB`{\xe9z"));
	assert_string_equal(out_cstr(&o), "Abab@[\xc9zAB`{\xe9Z");
}

static void a_piece_is_written_whole_or_not_at_all(void **state)
{
	uint8_t block[4];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof block);
	out_str(&o, "abc");
	assert_false(o.full);
	out_str(&o, "de");
	assert_true(o.full);
	expect_octets(out_span(&o), SPAN("abc"), "piece too long", "kept");
	out_str(&o, "f"); /* would fit, but "abcf" was never meant */
	expect_octets(out_span(&o), SPAN("abc"), "piece behind it", "kept");
	assert_string_equal(out_cstr(&o), "");
}

static void the_block_may_be_filled_to_its_end(void **state)
{
	uint8_t block[5] = { 0, 0, 0, 0, 'x' };
	struct out o;

	(void)state;
	out_init(&o, block, 4);
	out_str(&o, "abcd");
	assert_false(o.full);
	assert_int_equal(out_room(&o), 0);
	out_put(&o, NULL, 0);
	assert_false(o.full);
	assert_string_equal(out_cstr(&o), ""); /* no room for the NUL */
	assert_true(o.full);
	assert_int_equal(block[4], 'x');
}

static void no_block_at_all_is_full_at_once(void **state)
{
	struct out o;

	(void)state;
	out_init(&o, NULL, 0);
	out_put(&o, "", 0);
	assert_false(o.full);
	out_octet(&o, 'a');
	assert_true(o.full);
	assert_string_equal(out_cstr(&o), "");
}

static void peers_octets_are_escaped(void **state)
{
	static const struct {
		struct span s;
		size_t max;
		const char *escaped, *json;
	} cases[] = {
#define CASE(lit, max, escaped, json)                                                              \
	{ { (const uint8_t *)(lit), sizeof(lit) - 1 }, max, escaped, json }
		CASE("", 9, "", "\"\""),
		CASE("plain text~", 99, "plain text~", "\"plain text~\""),
		CASE("a\r\n\t\0b", 99, "a\\r\\n\\t\\0b", "\"a\\\\r\\\\n\\\\t\\\\0b\""),
		CASE("\x1b[2J\x7f", 99, "\\x1b[2J\\x7f", "\"\\\\x1b[2J\\\\x7f\""),
		CASE("\xe2\x80\xae", 99, "\\xe2\\x80\\xae", "\"\\\\xe2\\\\x80\\\\xae\""), /* bidi */
		CASE("\"", 99, "\\\"", "\"\\\"\""),
		CASE("\\", 99, "\\\\", "\"\\\\\\\\\""),
		CASE("\\n", 99, "\\\\n", "\"\\\\\\\\n\""), /* not the same as a newline */
		CASE("abcdef", 6, "abcdef", "\"abcdef\""),
		CASE("abcdef", 5, "abcde...", "\"abcde...\""),
		CASE("\n\n", 1, "\\n...", "\"\\\\n...\""),
		CASE("abc", 0, "...", "\"...\""),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t block[64];
		struct out o;

		out_init(&o, block, sizeof block);
		out_escaped(&o, cases[i].s, cases[i].max);
		expect_str(out_cstr(&o), cases[i].escaped, "out_escaped", cases[i].escaped);
		out_init(&o, block, sizeof block);
		out_json(&o, cases[i].s, cases[i].max);
		expect_str(out_cstr(&o), cases[i].json, "out_json", cases[i].escaped);
	}
}

static void every_octet_becomes_printable_ascii(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t octet = (uint8_t)c, block[16];
		struct out o;

		out_init(&o, block, sizeof block);
		out_json(&o, span_of(&octet, 1), 1);
		assert_false(o.full);
		for (size_t i = 0; i < o.n; i++)
			assert_in_range(block[i], 0x20, 0x7e);
		assert_in_range(o.n, 3, 7);
	}
}

static void nothing_is_written_outside_any_block(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 64);
	for (size_t size = 0; size <= 64; size++) {
		struct out o;

		out_init(&o, f.room + f.size - size, size);
		out_json(&o, SPAN("a\r\n\"\\\x80 abc"), 8);
		out_u64w(&o, 12345, 20);
		out_hex(&o, 1, 16);
		out_cstr(&o);
		assert_in_range(o.n, 0, size);
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_decimal_or_hex),
		cmocka_unit_test(case_is_that_of_ascii),
		cmocka_unit_test(a_piece_is_written_whole_or_not_at_all),
		cmocka_unit_test(the_block_may_be_filled_to_its_end),
		cmocka_unit_test(no_block_at_all_is_full_at_once),
		cmocka_unit_test(peers_octets_are_escaped),
		cmocka_unit_test(every_octet_becomes_printable_ascii),
		cmocka_unit_test(nothing_is_written_outside_any_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
