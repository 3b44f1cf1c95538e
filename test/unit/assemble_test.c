/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>

#include "rules/macro.h"
#include "rules/tree.h"

#include "test/unit/support.h"
#include "test/unit/tree_print.h"

static uint8_t block[64 << 20];

/* The statements of rules.conf, " | " and those of postern.conf; then each error as
 * FILE:LINE:COLUMN: TEXT. */
static const char *assembled(const struct source *sources, size_t n)
{
	static uint8_t said[1 << 16];
	struct tree tree;
	struct arena a;
	struct diags d;
	struct out o;

	arena_init(&a, block, sizeof block);
	diags_init(&d, &a);
	out_init(&o, said, sizeof said);
	tree_assemble(&a, sources, n, &d, &tree);
	tree_print(&o, tree.rules);
	if (tree.host != NULL) {
		out_str(&o, "| ");
		tree_print(&o, tree.host);
	}
	for (const struct diag *diag = d.first; diag != NULL; diag = diag->next) {
		out_str(&o, diag->at.file);
		out_octet(&o, ':');
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

struct macro_case {
	const char *name, *text, *want;
};

static void each(const struct macro_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct source source = { .name = "x", .text = span_str(cases[i].text) };

		expect_str(assembled(&source, 1), cases[i].want, cases[i].name, "assembled");
	}
}

static void macros_are_put_in(void **state)
{
	static const struct macro_case cases[] = {
		{ "a word", "define x = 10.0.0.1\na $x", "a 10.0.0.1; " },
		{ "inside a word", "define x = 10.0.0.1\na $x:25 [$x]:25 <$x,$x>",
			"a 10.0.0.1:25 [10.0.0.1]:25 <10.0.0.1 , 10.0.0.1>; " },
		{ "two in one word", "define a = b\ndefine c = d\ne $a.$c", "e b.d; " },
		{ "IPv6", "define x = 2001:db8::1\na [$x]:25 $x",
			"a [2001:db8::1]:25 2001:db8::1; " },
		{ "bracketed IPv6", "define x = [2001:db8::1]\na $x:25", "a [2001:db8::1]:25; " },
		{ "a list", "define x = a, b,\n c\nd $x\nd e, $x, f",
			"d a , b , c; d e , a , b , c , f; " },
		{ "quoted text", "define x = \"b c\"\na $x", "a \"b c\"; " },
		{ "a macro in a macro", "define x = 10.0.0\ndefine y = $x.1, $x.2\na $y",
			"a 10.0.0.1 , 10.0.0.2; " },
		{ "in a block", "define x = c\na b { d $x }", "a b { d c; }; " },
		{ "in a block's head", "define x = c\na $x { d }", "a c { d; }; " },
		{ "text is left alone", "define x = c\na \"$x\"", "a \"$x\"; " },
		{ "the name ends where it must", "define x-y_1 = c\na $x-y_1.z", "a c.z; " },
		{ "not used", "define x = c\na", "a; " },
	};

	(void)state;
	each(cases, COUNT_OF(cases));
}

static void macros_that_cannot_be_put_in_are_told(void **state)
{
	static const struct macro_case cases[] = {
		{ "undefined", "define mx_address = b\na c:$mx_addr:25",
			"!a; x:2:5: undefined macro \"$mx_addr\"; did you mean "
			"\"$mx_address\"?\n" },
		{ "undefined, nothing like it", "a $x", "!a; x:1:3: undefined macro \"$x\"\n" },
		{ "one error a statement", "a $x, $y\nb $z",
			"!a ,; !b; x:1:3: undefined macro \"$x\"\nx:1:7: undefined macro \"$y\"\n"
			"x:2:3: undefined macro \"$z\"\n" },
		{ "used above", "a $x\ndefine x = b",
			"!a; x:1:3: macro used above its definition\n" },
		{ "used in itself", "define x = $x\na $x",
			"!a; x:1:12: macro used above its definition\n" },
		{ "no name", "a $ $1",
			"!a; x:1:3: a macro's name is expected behind \"$\"\n"
			"x:1:5: a macro's name is expected behind \"$\"\n" },
		{ "a list in a word", "define x = b, c\na $x:25",
			"!a; x:2:3: the value of this macro is a list: it cannot be part of a "
			"word\n" },
		{ "text in a word", "define x = \"b\"\na $x:25",
			"!a; x:2:3: the value of this macro is quoted text: it cannot be part of a "
			"word\n" },
		{ "IPv6 without brackets", "define x = 2001:db8::1\na $x:25",
			"!a; x:2:3: the value of this macro is an IPv6 address: brackets are "
			"missing "
			"before the port\n" },
		{ "in place of a keyword", "define x = b\n$x c",
			"!$x c; x:2:1: a statement begins with a keyword, not with a macro\n" },
		{ "where the loader looks",
			"define x = \"b\"\nset a { file $x }\ns { timezone $x }",
			"set a { !file $x; }; s { !timezone $x; }; x:2:14: no macro can stand "
			"here\n"
			"x:3:14: no macro can stand here\n" },
	};

	(void)state;
	each(cases, COUNT_OF(cases));
}

static void a_bad_definition_is_told_once(void **state)
{
	static const char *const bad[] = { "define", "define x", "define x =", "define x=1",
		"define x 1", "define x = , 1", "define x { a }", "define x = 1 { a }",
		"define \"x\" = 1", "define 1x = 1", "define x == 1" };
	static const struct macro_case cases[] = {
		{ "twice", "define x = 1\ndefine x = 2\na $x",
			"a 1; x:2:8: macro defined twice\n" },
		{ "two words", "define x = 1 2\na $x",
			"!a; x:1:12: a macro's value is one word or one list with commas\n" },
		{ "its user is not told", "define x=1\na $x",
			"!a; x:1:1: define NAME = VALUE is expected, with blanks around \"=\"\n" },
		{ "its value's fault is not told twice", "define x = $y\na $x",
			"!a; x:1:12: undefined macro \"$y\"\n" },
		{ "nor that of its text", "define x = \"y\na $x",
			"!a; x:1:12: text is not closed: \" is "
			"missing before the end of the line\n" },
		{ "in a block", "a { define x = 1\n include \"b\" }",
			"a { !define x = 1; !include \"b\"; }; "
			"x:1:5: \"define\" and \"include\" stand outside of blocks\n"
			"x:2:2: \"define\" and \"include\" stand outside of blocks\n" },
	};

	(void)state;
	each(cases, COUNT_OF(cases));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct source source = { .name = "x", .text = span_str(bad[i]) };

		expect_str(assembled(&source, 1),
			"x:1:1: define NAME = VALUE is expected, with blanks around \"=\"\n",
			bad[i], "told");
	}
}

static void lists_in_lists_are_bounded(void **state)
{
	static uint8_t text[1 << 20];
	struct source source = { .name = "x" };
	struct out o;
	const char *said;

	(void)state;
	out_init(&o, text, sizeof text);
	out_str(&o, "define a = 1, 2, 3, 4\n");
	for (char c = 'b'; c <= 'h'; c++)
		for (int i = 0; i < 5; i++) {
			out_str(&o, i == 0 ? "define " : ", $");
			out_octet(&o, (uint8_t)(c - (i > 0)));
			out_str(&o, i == 0 ? " = 0" : i == 4 ? "\n" : NULL);
		}
	out_str(&o, "u $h\n");
	source.text = out_span(&o);
	said = assembled(&source, 1);
	assert_non_null(strstr(said, "macros make too much of this statement"));

	out_init(&o, text, sizeof text);
	out_str(&o, "define a = 1");
	for (int i = 0; i < 2000; i++)
		out_str(&o, ", 1");
	for (int i = 0; i < 1000; i++)
		out_str(&o, "\nu $a");
	source.text = out_span(&o);
	{
		struct tree tree;
		struct arena a;
		struct diags d;

		arena_init(&a, block, sizeof block);
		diags_init(&d, &a);
		tree_assemble(&a, &source, 1, &d, &tree);
		assert_false(a.full);
		assert_true(d.errors > 900);
		assert_in_range(a.used, 1, 16 << 20);
	}
}

static void a_word_stays_bounded_with_its_macros(void **state)
{
	static uint8_t text[4096];
	struct source source = { .name = "x" };
	struct out o;

	(void)state;
	out_init(&o, text, sizeof text);
	out_str(&o, "define a = ");
	for (int i = 0; i < 600; i++)
		out_octet(&o, 'a');
	out_str(&o, "\nu $a.$a");
	source.text = out_span(&o);
	expect_str(assembled(&source, 1),
		"!u; x:2:3: word too long with its macros put in; 1024 octets are allowed\n",
		"1201 octets", "assembled");
}

/* ---- includes ---- */

#define FILE_OF(file, octets, by, line)                                                            \
	{                                                                                          \
		.name = file, .text = { (const uint8_t *)(octets), sizeof(octets) - 1 },           \
		.included_by = by, .included_line = line                                           \
	}

static void includes_are_spliced_in_where_they_stand(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf", "a\ninclude \"conf.d/*.conf\"\nb $m\n", NULL, 0),
		FILE_OF("conf.d/1.conf", "define m = 7\nc\ninclude \"x\"\nd\n", "rules.conf", 2),
		FILE_OF("conf.d/x", "e { f }\n", "conf.d/1.conf", 3),
		FILE_OF("conf.d/2.conf", "g $m\n", "rules.conf", 2),
		FILE_OF("conf.d/3.conf", "", "rules.conf", 2),
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)), "a; c; e { f; }; d; g 7; b 7; ", "tree",
		"assembled");
}

static void a_file_may_be_included_twice(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf", "include \"a\"\ninclude \"a\"\n", NULL, 0),
		FILE_OF("a", "include \"b\"\n", "rules.conf", 1),
		FILE_OF("b", "c\n", "a", 1),
		FILE_OF("a", "include \"b\"\n", "rules.conf", 2),
		FILE_OF("b", "c\n", "a", 1),
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)), "c; c; ", "twice", "assembled");
}

static void a_wildcard_may_match_nothing(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf", "include \"conf.d/*.conf\"\na\n", NULL, 0),
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)), "a; ", "nothing", "assembled");
}

/* The bundle names the file of each rule in quotes: it would not parse. */
static void a_file_whose_name_no_text_can_hold_is_refused(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf", "include \"*.conf\"\na\n", NULL, 0),
		FILE_OF("b\x02.conf", "b\n", "rules.conf", 1),
		FILE_OF("c\xff.conf", "c\n", "rules.conf", 1),
		FILE_OF("\"d \xc3\xa9\\.conf", "d\n", "rules.conf", 1),
	};

	(void)state;
#define NAME_WRONG                                                                                 \
	".conf:0:0: the name of this file is longer than 1024 octets, holds control characters "   \
	"or "                                                                                      \
	"is no UTF-8\n"
	expect_str(assembled(sources, COUNT_OF(sources)),
		"d; a; b\x02" NAME_WRONG "c\xff" NAME_WRONG, "names", "assembled");
}

static void an_include_that_fails_is_told_where_it_stands(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf",
			"include \"gone\"\ninclude \"none\"\ninclude \"secret\"\ninclude\ninclude "
			"bare\n"
			"include \"a\" \"b\"\ninclude \"a\" { b }\ninclude \"l\"; include \"l\"\n"
			"include \"loop\"\n",
			NULL, 0),
		{ .name = "gone",
			.error = ENOENT,
			.included_by = "rules.conf",
			.included_line = 1 },
		{ .name = "secret",
			.error = EACCES,
			.problem = "others may write it",
			.included_by = "rules.conf",
			.included_line = 3 },
		FILE_OF("l", "x\n", "rules.conf", 8),
		FILE_OF("loop", "y\n\ninclude \"loop\"\n", "rules.conf", 9),
		FILE_OF("loop", "y\n\ninclude \"loop\"\n", "loop", 3),
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)),
		"x; y; "
		"rules.conf:1:9: cannot include \"gone\": there is no such file\n"
		"rules.conf:2:9: cannot include \"none\": there is no such file\n"
		"rules.conf:3:9: cannot include \"secret\": others may write it\n"
		"rules.conf:4:1: include \"PATTERN\" is expected\n"
		"rules.conf:5:1: include \"PATTERN\" is expected\n"
		"rules.conf:6:1: include \"PATTERN\" is expected\n"
		"rules.conf:7:1: include \"PATTERN\" is expected\n"
		"rules.conf:8:14: two includes in one line: give each a line of its own\n"
		"loop:3:9: this file is being included already: includes must not form a loop\n",
		"faults", "assembled");
}

static void includes_are_bounded(void **state)
{
	static struct source deep[12], wide[1 + 2 * SOURCES_MAX];
	static char names[12][8], lines[4096];
	struct out o;

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof names[i], "f%d", i);
		deep[i] = (struct source){ .name = names[i], .text = SPAN("a\ninclude \"*\"\n") };
		if (i > 0) {
			deep[i].included_by = names[i - 1];
			deep[i].included_line = 2;
		}
	}
	expect_str(assembled(deep, 12),
		"a; a; a; a; a; a; a; a; a; f8:2:9: includes nested too deep; 8 levels are "
		"allowed\n",
		"depth", "assembled");

	out_init(&o, lines, sizeof lines);
	out_str(&o, "include \"*\"\n");
	wide[0] = (struct source){ .name = "w", .text = out_span(&o) };
	for (size_t i = 1; i < COUNT_OF(wide); i++) {
		static char wide_names[COUNT_OF(wide)][8];

		snprintf(wide_names[i], sizeof wide_names[i], "w%zu", i);
		wide[i] = (struct source){ .name = wide_names[i],
			.text = SPAN("a\n"),
			.included_by = "w",
			.included_line = 1 };
	}
	assert_non_null(strstr(
		assembled(wide, COUNT_OF(wide)), "too many included files; 256 are allowed"));
}

static void postern_conf_has_macros_of_its_own(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf", "define m = 1\na $m\n", NULL, 0),
		{ .kind = SOURCE_SET, .name = "set", .text = { (const uint8_t *)"$m", 2 } },
		{ .kind = SOURCE_HOST,
			.name = "postern.conf",
			.text = { (const uint8_t *)"b $m\ndefine m = 2\nb $m\ninclude \"h\"",
				34 } },
		{ .kind = SOURCE_HOST,
			.name = "h",
			.text = { (const uint8_t *)"c", 1 },
			.included_by = "postern.conf",
			.included_line = 4 },
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)),
		"a 1; | !b; b 2; c; postern.conf:1:3: macro used above its definition\n", "both",
		"assembled");
}

static void a_root_that_cannot_be_read_is_told(void **state)
{
	static const struct source sources[] = {
		{ .name = "rules.conf", .error = EACCES },
		{ .kind = SOURCE_HOST, .name = "postern.conf", .error = EIO },
	};

	(void)state;
	expect_str(assembled(sources, COUNT_OF(sources)),
		"rules.conf:0:0: cannot be used: no permission to read it\n"
		"postern.conf:0:0: cannot be used: the disk cannot be read\n",
		"both", "assembled");
	expect_str(assembled(NULL, 0), "", "no sources", "assembled");
}

static void any_arena_too_small_says_so(void **state)
{
	static const struct source sources[] = {
		FILE_OF("rules.conf",
			"define a = b, c\ndefine d = $a, e\ninclude \"x\"\nf $d:1 $d $g\n", NULL,
			0),
		FILE_OF("x", "define g = h\n", "rules.conf", 3),
	};
	struct tree tree;
	struct arena a;
	struct diags d;
	size_t size = 0;

	(void)state;
	do {
		arena_init(&a, block, size++ * 16);
		diags_init(&d, &a);
		tree_assemble(&a, sources, COUNT_OF(sources), &d, &tree);
	} while (a.full);
	assert_int_equal(d.errors, 1);
	assert_in_range(size * 16, 1000, 64 << 10);
}

static void paths_start_at_the_file_that_names_them(void **state)
{
	static const struct {
		const char *from, *path, *want;
	} cases[] = {
		{ "rules.conf", "a.txt", "a.txt" },
		{ "conf.d/x.conf", "a.txt", "conf.d/a.txt" },
		{ "conf.d/x.conf", "sets/a.txt", "conf.d/sets/a.txt" },
		{ "conf.d/x.conf", "/a.txt", "/a.txt" },
		{ "/etc/postern/rules.conf", "a.txt", "/etc/postern/a.txt" },
		{ "conf.d/x.conf", "", "conf.d/" },
	};
	struct arena a;

	(void)state;
	arena_init(&a, block, sizeof block);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(source_path(&a, cases[i].from, cases[i].path), cases[i].want,
			cases[i].from, cases[i].path);
	arena_init(&a, block, 4);
	assert_null(source_path(&a, "conf.d/x.conf", "a.txt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macros_are_put_in),
		cmocka_unit_test(macros_that_cannot_be_put_in_are_told),
		cmocka_unit_test(a_bad_definition_is_told_once),
		cmocka_unit_test(lists_in_lists_are_bounded),
		cmocka_unit_test(a_word_stays_bounded_with_its_macros),
		cmocka_unit_test(includes_are_spliced_in_where_they_stand),
		cmocka_unit_test(a_file_may_be_included_twice),
		cmocka_unit_test(a_wildcard_may_match_nothing),
		cmocka_unit_test(a_file_whose_name_no_text_can_hold_is_refused),
		cmocka_unit_test(an_include_that_fails_is_told_where_it_stands),
		cmocka_unit_test(includes_are_bounded),
		cmocka_unit_test(postern_conf_has_macros_of_its_own),
		cmocka_unit_test(a_root_that_cannot_be_read_is_told),
		cmocka_unit_test(any_arena_too_small_says_so),
		cmocka_unit_test(paths_start_at_the_file_that_names_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
