/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "rules/rules.h"
#include "rules/tree.h"

#include "test/unit/support.h"
#include "test/unit/tree_print.h"

static uint8_t block[16 << 20];

/* @text laid out, in @o. */
static int format(struct out *o, struct span text)
{
	struct source source = { .name = "x", .text = text };
	struct arena a;
	struct diags d;

	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	return rules_format(o, &a, &source, &d);
}

static void tree_of(struct out *o, struct span text)
{
	struct source source = { .name = "x", .text = text };
	struct arena a;
	struct diags d;

	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	tree_print(o, tree_parse(&a, &source, &d));
	assert_int_equal(d.errors, 0);
}

/* Laying out changes no meaning, and laying out again changes nothing. */
static void expect_stable(struct span text, const char *name)
{
	static uint8_t rooms[4][1 << 16];
	struct out once, twice, before, after;

	out_init(&once, rooms[0], sizeof rooms[0]);
	out_init(&twice, rooms[1], sizeof rooms[1]);
	out_init(&before, rooms[2], sizeof rooms[2]);
	out_init(&after, rooms[3], sizeof rooms[3]);
	assert_int_equal(format(&once, text), RULES_OK);
	assert_int_equal(format(&twice, out_span(&once)), RULES_OK);
	tree_of(&before, text);
	tree_of(&after, out_span(&once));
	expect_str(out_cstr(&twice), out_cstr(&once), name, "laid out twice");
	expect_str(out_cstr(&after), out_cstr(&before), name, "parsed again");
}

struct format_case {
	const char *name, *text, *want;
};

static const struct format_case cases[] = {
	{ "nothing", "", "" },
	{ "only blank lines", "\n\n  \n", "" },
	{ "blanks", "  version\t1  ", "version 1\n" },
	{ "CRLF", "version 1\r\n\r\ndefault reset\r\n", "version 1\n\ndefault reset\n" },
	{ "many blank lines", "\na\n\n\nb\n\n", "a\n\nb\n" },
	{ "one a line", "a; b ;; c", "a\nb\nc\n" },
	{ "commas", "a b ,c,d , e", "a b, c, d, e\n" },
	{ "text", "a \"b  c\\\"\\\\\"", "a \"b  c\\\"\\\\\"\n" },
	{ "a block", "a b{c;d e}", "a b {\n    c\n    d e\n}\n" },
	{ "an empty block", "a b{ }", "a b {\n}\n" },
	{ "no blank lines inside the braces", "a {\n\n b\n\n c\n\n}\n",
		"a {\n    b\n\n    c\n}\n" },
	{ "values below each other", "a {\n from x\n recipients in y\n pass\n}\n",
		"a {\n    from        x\n    recipients  in y\n    pass\n}\n" },
	{ "rows of one keyword", "a {\n verb x\n verb y z\n}\n",
		"a {\n    verb x\n    verb y z\n}\n" },
	{ "a keyword too long to count", "a {\n b c\n abcdefghijklmnopq d\n}\n",
		"a {\n    b c\n    abcdefghijklmnopq d\n}\n" },
	{ "definitions", "define a = b\ndefine long = $a\n\ndefine c = d\n",
		"define a    = b\ndefine long = $a\n\ndefine c = d\n" },
	{ "includes and macros", "include  \"a\"\nb $c:25", "include \"a\"\nb $c:25\n" },
	{ "comment lines", "#a\n\n  # b  \nc {\n#d\n}\n", "#a\n\n# b\nc {\n    #d\n}\n" },
	{ "comments behind lines", "a # b\ncc dd# e\n\nf # g\n",
		"a      # b\ncc dd  # e\n\nf  # g\n" },
	{ "comment columns count characters", "\xc3\xa9 # b\nab # c\n",
		"\xc3\xa9   # b\nab  # c\n" },
	{ "comment behind a brace", "a { # b\n c # d\n e f # g\n} # h\n",
		"a {  # b\n    c    # d\n    e f  # g\n}  # h\n" },
	{ "comment behind a block of one line", "a { b; c } # d\n", "a {  # d\n    b\n    c\n}\n" },
	{ "comment behind the last of two", "a; b # c\n", "a\nb  # c\n" },
	{ "a list keeps its lines", "a {\n from b, # c\n  # d\n\n  e,\nf g\n when h\n}\n",
		"a {\n    from b,  # c\n         # d\n         e,\n         f g\n    when h\n}\n" },
	{ "a list outside of blocks", "define a = b,\n c\n", "define a = b,\n        c\n" },
	{ "a list in a block's head", "a b,\nc { d }\n", "a b,\n        c {\n    d\n}\n" },
};

static void it_is_laid_out_as_the_manual_shows(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 4096);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t room[4096];
		struct out o;
		struct span text = span_str(cases[i].text);

		out_init(&o, room, sizeof room);
		text = span_of(fence_at_end(&f, text), text.n);
		assert_int_equal(format(&o, text), RULES_OK);
		expect_str(out_cstr(&o), cases[i].want, cases[i].name, "laid out");
		expect_stable(text, cases[i].name);
	}
	fence_deinit(&f);
}

static void the_examples_of_the_manual_are_stable(void **state)
{
	static const char *const names[] = { EXAMPLES "/A/rules.conf", EXAMPLES "/B/rules.conf",
		EXAMPLES "/C/rules.conf" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		static uint8_t text[1 << 16];
		FILE *file = fopen(names[i], "r");

		assert_non_null(file);
		expect_stable(span_of(text, fread(text, 1, sizeof text, file)), names[i]);
		fclose(file);
	}
}

static void a_text_with_faults_is_left_alone(void **state)
{
	uint8_t room[64];
	struct out o;

	(void)state;
	out_init(&o, room, sizeof room);
	assert_int_equal(format(&o, SPAN("a {\n")), RULES_E_FAULTY);
	assert_int_equal(o.n, 0);
}

static void too_little_room_is_told(void **state)
{
	struct source source = { .name = "x", .text = SPAN("a { b c # d\n}\n") };
	uint8_t room[64];
	struct diags d;
	struct arena a;
	struct out o;
	size_t size = 0;
	int r;

	(void)state;
	do {
		arena_init(&a, block, size++ * 16);
		diags_init(&d, &a);
		out_init(&o, room, sizeof room);
		r = rules_format(&o, &a, &source, &d);
		assert_true(r == RULES_OK || r == RULES_E_ARENA);
	} while (r != RULES_OK);
	assert_in_range(size * 16, 500, 16384);
	out_init(&o, room, 4);
	assert_int_equal(format(&o, source.text), RULES_OK);
	assert_true(o.full);
}

/* Every text of at most six tokens out of these. */
static void any_short_text_is_stable(void **state)
{
	static const char *const tokens[] = { "a ", "\"b\" ", ",", ";", "{", "}", "#c\n", "\n" };
	char text[64];

	(void)state;
	for (unsigned number = 0; number < 8 * 8 * 8 * 8 * 8 * 8; number++) {
		uint8_t room[256];
		struct out o;

		text[0] = '\0';
		for (unsigned n = number, i = 0; i < 6; i++, n /= 8)
			strcat(text, tokens[n % 8]);
		out_init(&o, room, sizeof room);
		if (format(&o, span_str(text)) == RULES_OK)
			expect_stable(span_str(text), text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_laid_out_as_the_manual_shows),
		cmocka_unit_test(the_examples_of_the_manual_are_stable),
		cmocka_unit_test(a_text_with_faults_is_left_alone),
		cmocka_unit_test(too_little_room_is_told),
		cmocka_unit_test(any_short_text_is_stable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
