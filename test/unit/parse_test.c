/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "rules/rules.h"
#include "rules/tree.h"

#include "test/unit/support.h"
#include "test/unit/tree_print.h"

static uint8_t block[64 << 20];

/* The tree, then each error as LINE:COLUMN: TEXT. */
static const char *parsed(struct span text)
{
	static uint8_t said[1 << 16];
	struct source source = { .name = "x", .text = text };
	struct arena a;
	struct diags d;
	struct out o;

	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	out_init(&o, said, sizeof said);
	tree_print(&o, tree_parse(&a, &source, &d));
	for (const struct diag *diag = d.first; diag != NULL; diag = diag->next) {
		out_u64(&o, diag->at.line);
		out_octet(&o, ':');
		out_u64(&o, diag->at.column);
		out_str(&o, ": ");
		out_str(&o, diag->text);
		out_octet(&o, '\n');
	}
	assert_false(a.full);
	return out_cstr(&o);
}

struct parse_case {
	const char *name, *text, *want;
};

static void parse_each(const struct parse_case *cases, size_t n)
{
	struct fence f;

	fence_init(&f, 4096);
	for (size_t i = 0; i < n; i++) {
		struct span text = span_str(cases[i].text);

		expect_str(parsed(span_of(fence_at_end(&f, text), text.n)), cases[i].want,
			cases[i].name, "parsed");
	}
	fence_deinit(&f);
}

static void statements_are_lines_of_words(void **state)
{
	static const struct parse_case cases[] = {
		{ "nothing", "", "" },
		{ "blank lines and comments", "\n  # x\n\t\n#", "" },
		{ "one a line", "version 1\ndefault reset\n", "version 1; default reset; " },
		{ "no newline at the end", "version 1", "version 1; " },
		{ "CRLF", "version 1\r\n\r\ndefault reset\r\n", "version 1; default reset; " },
		{ "semicolons", ";a;;b ; c;", "a; b; c; " },
		{ "tabs", "\ta\t\tb\t", "a b; " },
		{ "comment behind a word", "a b#c d\ne # f", "a b; e; " },
		{ "every octet of a word", "a:/-_*[]$@+%=<>|!?'`~^&()\\.",
			"a:/-_*[]$@+%=<>|!?'`~^&()\\\\.; " },
		{ "UTF-8", "a m\xc3\xbcnchen.example", "a m\\xc3\\xbcnchen.example; " },
		{ "lists", "a b,c ,d, e", "a b , c , d , e; " },
		{ "a list goes on behind a comma", "a b,\n  c, # why\n\n# d\n d\ne",
			"a b , c , d; e; " },
		{ "text", "a \"b c\" \"\"", "a \"b c\" \"\"; " },
		{ "text keeps what divides words", "a \"b,c;d{e}f#g $h\"",
			"a \"b,c;d{e}f#g $h\"; " },
		{ "text with backslashes", "a \"b\\\"c\\\\d\"", "a \"b\\\"c\\\\d\"; " },
	};

	(void)state;
	parse_each(cases, COUNT_OF(cases));
}

static void braces_hold_blocks(void **state)
{
	static const struct parse_case cases[] = {
		{ "empty", "a {}", "a { }; " },
		{ "one line", "a b { c; d e }", "a b { c; d e; }; " },
		{ "lines", "a b {\n c\n d e\n}\nf", "a b { c; d e; }; f; " },
		{ "no blank", "a b{c}", "a b { c; }; " },
		{ "semicolons and comments", "a { # x\n ; c ; # } \n } ; b", "a { c; }; b; " },
	};

	(void)state;
	parse_each(cases, COUNT_OF(cases));
}

static void a_mistake_is_told_once_and_the_rest_is_read(void **state)
{
	static const struct parse_case cases[] = {
		{ "open text", "a \"b\nc",
			"!a; c; "
			"1:3: text is not closed: \" is missing before the end of the line\n" },
		{ "open text at the end of the file", "a \"b",
			"!a; "
			"1:3: text is not closed: \" is missing before the end of the line\n" },
		{ "open text before a brace", "a \"b {\n c\n}\nd",
			"!a { c; }; d; "
			"1:3: text is not closed: \" is missing before the end of the line\n" },
		{ "open text before the last brace", "a { b \"c }\nd",
			"a { !b; }; d; "
			"1:7: text is not closed: \" is missing before the end of the line\n" },
		{ "open text around a block", "a \"b { c }\nd",
			"!a; d; "
			"1:3: text is not closed: \" is missing before the end of the line\n" },
		{ "backslash", "a \"b\\n\"\nc",
			"!a; c; "
			"1:5: only \\\" and \\\\ may follow a backslash in text\n" },
		{ "words without a blank", "a \"b\"c\nd \"e\"\"f\"\ng h\"i\"",
			"!a \"b\" c; !d \"e\" \"f\"; !g h \"i\"; "
			"1:6: a blank is missing before this word\n"
			"2:6: a blank is missing before this word\n"
			"3:4: a blank is missing before this word\n" },
		{ "no value between commas", "a b,,c",
			"!a b , c; "
			"1:5: two commas, and no value between them\n" },
		{ "no value behind a comma", "a { b c,\n}\nd",
			"a { !b c ,; }; d; "
			"1:8: a value is missing behind the comma\n" },
		{ "comma first", ", a\nb",
			"b; 1:1: a statement begins with a word, not with a comma\n" },
		{ "control character",
			"a b\x01"
			"c\nd",
			"!a; d; 1:4: control character\n" },
		{ "control character in a comment", "a # \x1b[2J\nd",
			"!a; d; 1:5: control character\n" },
		{ "control character in text", "a \"\x7f\"", "!a; 1:4: control character\n" },
		{ "C1 control", "a \xc2\x9b", "!a; 1:3: control character\n" },
		{ "right to left", "a \xe2\x80\xae", "!a; 1:3: control character\n" },
		{ "lone CR", "a\rb\nc", "c; 1:2: control character\n" },
		{ "no UTF-8", "a # caf\xe9\nb",
			"!a; b; "
			"1:8: this is no UTF-8: save the file in that encoding\n" },
		{ "UTF-8 cut short", "a \xe2\x82",
			"!a; "
			"1:3: this is no UTF-8: save the file in that encoding\n" },
		{ "UTF-8 too long", "a \xc0\xaf\nb \xe0\x80\xaf\nc \xf0\x80\x80\xaf",
			"!a; !b; !c; "
			"1:3: this is no UTF-8: save the file in that encoding\n"
			"2:3: this is no UTF-8: save the file in that encoding\n"
			"3:3: this is no UTF-8: save the file in that encoding\n" },
		{ "surrogate", "a \xed\xa0\x80",
			"!a; "
			"1:3: this is no UTF-8: save the file in that encoding\n" },
		{ "past Unicode", "a \xf4\x90\x80\x80",
			"!a; "
			"1:3: this is no UTF-8: save the file in that encoding\n" },
		{ "two in one statement", "a \"b\"\"c\" \"d",
			"!a \"b\" \"c\"; "
			"1:6: a blank is missing before this word\n" },
	};

	(void)state;
	parse_each(cases, COUNT_OF(cases));
}

static void a_wrong_brace_does_not_swallow_what_follows(void **state)
{
	static const struct parse_case cases[] = {
		{ "not closed", "a b {\n c\n",
			"!a b { c; }; "
			"1:1: block \"a b\" is not closed: \"}\" is missing\n" },
		{ "closing brace forgotten", "a b {\n c\nd e {\n f\n}\ng h {\n i\n}",
			"a b { c; }; d e { f; }; g h { i; }; "
			"3:1: a block inside of block \"a b\"; is \"}\" missing before it?\n" },
		{ "forgotten twice", "a {\n b\nc {\n d\ne {\n f\n}",
			"a { b; }; c { d; }; e { f; }; "
			"3:1: a block inside of block \"a\"; is \"}\" missing before it?\n"
			"5:1: a block inside of block \"c\"; is \"}\" missing before it?\n" },
		{ "block in block", "a b {\n c {\n d\n }\n}\ne",
			"a b { }; c { d; }; e; "
			"2:2: a block inside of block \"a b\"; is \"}\" missing before it?\n" },
		{ "stray", "a\n}\nb }",
			"a; b; 2:1: \"}\" closes no block\n3:3: \"}\" closes no block\n" },
		{ "brace on the next line", "a b\n{\n c\n}\nd",
			"a b { c; }; d; "
			"2:1: \"{\" belongs at the end of the line before\n" },
		{ "brace on the next line, not closed before", "a\n{\n b\nc {\n d\n}",
			"a { b; }; c { d; }; "
			"2:1: \"{\" belongs at the end of the line before\n"
			"4:1: a block inside of block \"a\"; is \"}\" missing before it?\n" },
		{ "no name", "{ a }\nb",
			"b; 1:1: a block has no name: words are missing before \"{\"\n" },
		{ "no name inside a block", "a {\n {\n b\n }\n}\nc",
			"a { b; }; c; "
			"2:2: a block has no name: words are missing before \"{\"\n" },
		{ "words behind", "a { b } c { d }",
			"a { b; }; c { d; }; "
			"1:9: a new line or \";\" is expected behind \"}\"\n" },
	};

	(void)state;
	parse_each(cases, COUNT_OF(cases));
}

/* TEXT, then PIECE @n times, then END. */
static struct span repeated(const char *text, const char *piece, size_t n, const char *end)
{
	static uint8_t room[SOURCE_RULES_MAX + 1024];
	struct out o;

	out_init(&o, room, sizeof room);
	out_str(&o, text);
	while (n-- > 0)
		out_str(&o, piece);
	out_str(&o, end);
	assert_false(o.full);
	return out_span(&o);
}

static const char *only_error(struct span text)
{
	static char said[256];
	struct source source = { .name = "x", .text = text };
	struct arena a;
	struct diags d;

	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	tree_parse(&a, &source, &d);
	assert_in_range(d.errors, 0, 1);
	snprintf(said, sizeof said, "%s", d.first != NULL ? d.first->text : "none");
	return said;
}

static void bounds_are_errors(void **state)
{
	(void)state;
	expect_str(
		only_error(repeated("a", " b", TREE_WORDS_MAX - 1, "\n")), "none", "words", "most");
	expect_str(only_error(repeated("a", " b", TREE_WORDS_MAX, " c\n")),
		"too many words in one statement; 4096 are allowed", "words", "one too many");
	expect_str(only_error(repeated("a ", "b", TREE_WORD_MAX, "\n")), "none", "octets", "most");
	expect_str(only_error(repeated("a ", "b", TREE_WORD_MAX + 1, "\n")),
		"word too long; 1024 octets are allowed", "octets", "one too many");
	expect_str(only_error(repeated("a \"", "\\\\", TREE_WORD_MAX, "\"\n")), "none",
		"octets of text, unquoted", "most");
	expect_str(only_error(repeated("a \"", "\\\\", TREE_WORD_MAX + 1, "\"\n")),
		"word too long; 1024 octets are allowed", "octets of text", "one too many");
	expect_str(only_error(repeated("", "a\n", 10, "")), "none", "file", "small");
	expect_str(only_error(repeated("", "#", SOURCE_RULES_MAX, "")), "none", "file", "largest");
	expect_str(only_error(repeated("", "#", SOURCE_RULES_MAX + 1, "")),
		"file too large; 4 MiB are allowed", "file", "too large");
}

static void a_file_of_faults_ends(void **state)
{
	static const char *const pieces[] = { "}", "{", "\"", "\\", ",", "\x01", "a{", "a\"\n",
		"\n{" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct source source = { .name = "x", .text = repeated("", pieces[i], 200000, "") };
		struct arena a;
		struct diags d;

		arena_init(&a, block, sizeof block);
		diags_init(&d, &a);
		tree_parse(&a, &source, &d);
		assert_true(d.errors > 0);
		assert_in_range(d.kept, 1, DIAG_MAX);
	}
}

static void any_arena_too_small_says_so(void **state)
{
	struct source source = { .name = "x",
		.text = SPAN("a b, \"c\\\"\" {\n d\n}\n}\norigin \"f\" 1\ne\n{\n") };
	struct arena a;
	struct diags d;
	size_t size;

	(void)state;
	for (size = 0;; size += 16) {
		arena_init(&a, block, size);
		diags_init(&d, &a);
		if (tree_parse(&a, &source, &d) != NULL)
			break;
		assert_true(a.full);
	}
	assert_in_range(size, 500, 4096);
}

static void places_are_those_of_the_source(void **state)
{
	struct source source = { .name = "x", .text = SPAN("a\n  \"b\\\"\", c {\n\td\n }\n") };
	const struct statement *s;
	struct arena a;
	struct diags d;

	(void)state;
	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	s = tree_parse(&a, &source, &d)->next;
	assert_string_equal(s->first->at.file, "x");
	assert_int_equal(s->first->at.line, 2);
	assert_int_equal(s->first->at.column, 3);
	assert_int_equal(s->first->width, 5);
	assert_int_equal(s->first->next->next->at.column, 10);
	assert_int_equal(s->block->first->at.line, 3);
	assert_int_equal(s->block->first->at.column, 2);
	assert_int_equal(s->end_at.line, 4);
	assert_int_equal(s->end_at.column, 2);
}

static void an_origin_gives_its_place(void **state)
{
	struct source source = { .name = "bundle",
		.text = SPAN("origin \"rules.conf\" 12\npublish x {\n"
			     "    origin \"more.conf\" 3\n    pass\n    from any\n}\n") };
	const struct statement *s;
	struct arena a;
	struct diags d;

	(void)state;
	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	s = tree_parse(&a, &source, &d);
	assert_int_equal(d.errors, 0);
	assert_null(s->next);
	assert_string_equal(s->first->at.file, "rules.conf");
	assert_int_equal(s->first->next->at.line, 12);
	assert_string_equal(s->block->first->at.file, "more.conf");
	assert_int_equal(s->block->first->at.line, 3);
	assert_string_equal(s->block->next->first->at.file, "bundle");
	assert_int_equal(s->block->next->first->at.line, 5);
	expect_str(parsed(SPAN("origin x\norigin \"x\" y\norigin \"x\" 1 2\norigin \"x\" 1 {}")),
		"1:1: origin \"FILE\" LINE is expected\n2:1: origin \"FILE\" LINE is expected\n"
		"3:1: origin \"FILE\" LINE is expected\n4:1: origin \"FILE\" LINE is expected\n",
		"malformed", "parsed");
}

static void needs_are_found_without_resolving(void **state)
{
	struct source source = { .name = "x",
		.text = SPAN(
			"include \"conf.d/*.conf\"\nset a { members b; file \"a.txt\" optional }\n"
			"schedule s { timezone \"Europe/London\" }\n"
			"auth x { via file \"passwd\" }\nset b { file $c; file \"\" }\n"
			"file \"no\"\nset \"\x01 {\n file \"b.txt\"\n}\n") };
	static const struct {
		enum need_kind kind;
		const char *name;
	} want[] = {
		{ NEED_INCLUDE, "conf.d/*.conf" },
		{ NEED_SET, "a.txt" },
		{ NEED_TIMEZONE, "Europe/London" },
		{ NEED_SET, "b.txt" },
	};
	struct need *need;
	struct arena a;

	(void)state;
	arena_init(&a, block, sizeof block);
	assert_int_equal(rules_needs(&a, &source, &need), RULES_OK);
	for (size_t i = 0; i < COUNT_OF(want); i++, need = need->next) {
		assert_non_null(need);
		assert_int_equal(need->kind, want[i].kind);
		assert_string_equal(need->name, want[i].name);
	}
	assert_null(need);
	arena_init(&a, block, 300);
	assert_int_equal(rules_needs(&a, &source, &need), RULES_E_ARENA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_are_lines_of_words),
		cmocka_unit_test(braces_hold_blocks),
		cmocka_unit_test(a_mistake_is_told_once_and_the_rest_is_read),
		cmocka_unit_test(a_wrong_brace_does_not_swallow_what_follows),
		cmocka_unit_test(bounds_are_errors),
		cmocka_unit_test(a_file_of_faults_ends),
		cmocka_unit_test(any_arena_too_small_says_so),
		cmocka_unit_test(places_are_those_of_the_source),
		cmocka_unit_test(an_origin_gives_its_place),
		cmocka_unit_test(needs_are_found_without_resolving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
