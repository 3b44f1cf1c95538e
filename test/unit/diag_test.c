/* SPDX-License-Identifier: ISC */
#include "rules/diag.h"

#include "test/unit/support.h"

static uint8_t block[1 << 20];

static void begin(struct arena *a, struct diags *d)
{
	arena_init(a, block, sizeof block);
	diags_init(d, a);
}

static const char *printed(const struct diags *d, const struct source *sources, size_t n)
{
	static uint8_t text[1 << 16];
	struct out o;

	out_init(&o, text, sizeof text);
	for (const struct diag *diag = d->first; diag != NULL; diag = diag->next)
		diag_print(&o, diag, sources, n, false);
	return out_cstr(&o);
}

static struct rules_at at(const char *file, uint32_t line, uint32_t column)
{
	return (struct rules_at){ file, line, column };
}

static void it_is_printed_as_the_manual_shows(void **state)
{
	static const struct source source = {
		.name = "rules.conf",
		.text = { (const uint8_t *)"version 1\n"
					   "    external    $mx_addr:25\n"
					   "    recipients  any\n",
			70 },
	};
	struct arena a;
	struct diags d;

	(void)state;
	begin(&a, &d);
	diag_add(&d, DIAG_ERROR, at("rules.conf", 3, 17), 3,
		SPAN("open relay: any client may send to any domain without login"),
		"add \"auth required NAME\", or use \"recipients in SET\"");
	DIAG(&d, DIAG_ERROR, at("rules.conf", 2, 17), 8, NULL, SPAN("undefined macro \"$"),
		SPAN("mx_addr"), SPAN("\"; did you mean \"$mx_address\"?"));
	expect_str(printed(&d, &source, 1),
		"rules.conf:2:17: error: undefined macro \"$mx_addr\"; did you mean "
		"\"$mx_address\"?\n"
		"    2 |     external    $mx_addr:25\n"
		"      |                 ^^^^^^^^\n"
		"rules.conf:3:17: error: open relay: any client may send to any domain without "
		"login\n"
		"    3 |     recipients  any\n"
		"      |                 ^^^\n"
		"      = help: add \"auth required NAME\", or use \"recipients in SET\"\n",
		"two errors", "printed");
}

static void the_caret_stands_right(void **state)
{
	static const struct {
		const char *name, *line;
		uint32_t column, width;
		const char *want;
	} cases[] = {
		{ "tabs", "\tfrom\tany", 7, 3, "    1 | \tfrom\tany\n      | \t    \t^^^\n" },
		{ "end of line", "from", 5, 1, "    1 | from\n      |     ^\n" },
		{ "behind the end", "from", 9, 1, "" },
		{ "no width", "from", 1, 0, "    1 | from\n      | ^\n" },
		{ "wider than the line", "from", 3, 99, "    1 | from\n      |   ^^\n" },
		{ "widest", "from", 3, UINT32_MAX, "    1 | from\n      |   ^^\n" },
		{ "octets that a terminal obeys", "a \x1b[2J b", 8, 1,
			"    1 | a \\x1b[2J b\n      |           ^\n" },
		{ "such an octet itself", "a \xc3\xa9", 3, 2,
			"    1 | a \\xc3\\xa9\n      |   ^^^^^^^^\n" },
		{ "CRLF", "from\r", 1, 4, "    1 | from\n      | ^^^^\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct source source = { .name = "x", .text = span_str(cases[i].line) };
		const char *text;
		struct arena a;
		struct diags d;

		begin(&a, &d);
		diag_add(&d, DIAG_ERROR, at("x", 1, cases[i].column), cases[i].width, SPAN("no"),
			NULL);
		text = printed(&d, &source, 1);
		expect_str(strchr(text, '\n') + 1, cases[i].want, cases[i].name, "printed");
	}
}

static void a_long_line_is_shown_around_the_fault(void **state)
{
	static uint8_t line[5000];
	struct source source = { .name = "x", .text = { line, sizeof line } };
	struct arena a;
	struct diags d;
	const char *text;

	(void)state;
	memset(line, 'a', sizeof line);
	memcpy(line + 3000, "FAULT", 5);
	begin(&a, &d);
	diag_add(&d, DIAG_WARNING, at("x", 1, 3001), 5, SPAN("here"), NULL);
	text = printed(&d, &source, 1);
	assert_true(strlen(text) < 400);
	assert_non_null(strstr(text, "aFAULTa"));
	assert_ptr_equal(strstr(text, "FAULT") - strchr(text, '\n'),
		strstr(text, "^^^^^\n") - strchr(strchr(text, '\n') + 1, '\n'));
}

static void a_place_without_a_line_needs_no_source(void **state)
{
	struct arena a;
	struct diags d;

	(void)state;
	begin(&a, &d);
	diag_add(&d, DIAG_ERROR, at("rules.conf", 0, 0), 0, SPAN("cannot be read"), NULL);
	diag_add(&d, DIAG_WARNING, at("rules.conf", 7, 0), 0, SPAN("from an origin"), NULL);
	diag_add(&d, DIAG_NOTE, at("gone.conf", 1, 1), 1, SPAN("no source"), NULL);
	expect_str(printed(&d, NULL, 0),
		"rules.conf: error: cannot be read\n"
		"rules.conf:7: warning: from an origin\n"
		"gone.conf:1:1: note: no source\n",
		"no lines", "printed");
}

static void messages_are_sorted_by_place(void **state)
{
	struct arena a;
	struct diags d;

	(void)state;
	begin(&a, &d);
	diag_file(&d, "rules.conf");
	diag_file(&d, "a.conf");
	diag_add(&d, DIAG_ERROR, at("late.conf", 1, 1), 0, SPAN("6"), NULL);
	diag_add(&d, DIAG_ERROR, at("a.conf", 1, 1), 0, SPAN("5"), NULL);
	diag_add(&d, DIAG_ERROR, at("rules.conf", 10, 1), 0, SPAN("4"), NULL);
	diag_add(&d, DIAG_ERROR, at("rules.conf", 2, 9), 0, SPAN("2"), NULL);
	diag_add(&d, DIAG_WARNING, at("rules.conf", 2, 9), 0, SPAN("3"), NULL);
	diag_add(&d, DIAG_ERROR, at("rules.conf", 2, 1), 0, SPAN("1"), NULL);
	expect_str(printed(&d, NULL, 0),
		"rules.conf:2:1: error: 1\n"
		"rules.conf:2:9: error: 2\n"
		"rules.conf:2:9: warning: 3\n"
		"rules.conf:10:1: error: 4\n"
		"a.conf:1:1: error: 5\n"
		"late.conf:1:1: error: 6\n",
		"sorted", "printed");
}

static void the_same_message_is_told_once(void **state)
{
	struct arena a;
	struct diags d;

	(void)state;
	begin(&a, &d);
	diag_add(&d, DIAG_ERROR, at("x", 1, 1), 0, SPAN("no"), NULL);
	diag_add(&d, DIAG_ERROR, at("x", 1, 1), 0, SPAN("no"), NULL);
	diag_add(&d, DIAG_ERROR, at("x", 1, 2), 0, SPAN("no"), NULL);
	assert_int_equal(d.errors, 2);
	assert_int_equal(d.kept, 2);
}

static void warnings_take_no_room_from_errors(void **state)
{
	struct arena a;
	struct diags d;

	(void)state;
	begin(&a, &d);
	for (uint32_t i = 1; i <= 3 * DIAG_MAX; i++)
		diag_add(&d, DIAG_WARNING, at("x", i, 1), 0, SPAN("w"), NULL);
	for (uint32_t i = 1; i <= 3 * DIAG_MAX; i++)
		diag_add(&d, DIAG_ERROR, at("x", i, 1), 0, SPAN("e"), NULL);
	assert_int_equal(d.warnings, 3 * DIAG_MAX);
	assert_int_equal(d.errors, 3 * DIAG_MAX);
	assert_int_equal(d.kept, 2 * DIAG_MAX);
	assert_int_equal(d.first->level, DIAG_WARNING);
	assert_int_equal(d.first->next->level, DIAG_ERROR);
}

static void a_long_message_is_cut(void **state)
{
	static uint8_t text[5000];
	struct arena a;
	struct diags d;

	(void)state;
	memset(text, 'x', sizeof text);
	begin(&a, &d);
	diag_add(&d, DIAG_ERROR, at("x", 1, 1), 0, span_of(text, sizeof text), NULL);
	DIAG(&d, DIAG_ERROR, at("x", 2, 1), 0, NULL, SPAN("a"), span_of(text, sizeof text),
		SPAN("b"));
	assert_int_equal(strlen(d.first->text), DIAG_TEXT_MAX);
	assert_int_equal(strlen(d.first->next->text), DIAG_TEXT_MAX);
}

static void a_full_arena_loses_text_but_no_count(void **state)
{
	struct arena a;
	struct diags d;

	(void)state;
	for (size_t size = 0; size < 400; size += 8) {
		arena_init(&a, block, size);
		diags_init(&d, &a);
		diag_add(&d, DIAG_ERROR, at("x", 1, 1), 0, SPAN("no"), "yes");
		diag_add(&d, DIAG_ERROR, at("y", 1, 1), 0, SPAN("no"), "yes");
		assert_int_equal(d.errors, 2);
		assert_true(a.full || d.kept == 2);
		printed(&d, NULL, 0);
	}
}

static void the_nearest_word_is_suggested(void **state)
{
	static const char *const legal[] = { "external", "internal", "from", "recipients",
		"mx_address", "any", "in", "a" };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "externel", "external" }, /* changed */
		{ "extrenal", "external" }, /* swapped */
		{ "recipient", "recipients" },
		{ "recipientss", "recipients" },
		{ "mx_addr", "mx_address" },
		{ "form", "from" },
		{ "FROM", "from" },
		{ "anny", "any" },
		{ "an", "any" },
		{ "im", "in" },
		{ "out", NULL },
		{ "x", NULL }, /* not "a": nothing of it would be left */
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "external external external external external external external external", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(diag_suggest(span_str(cases[i].word), legal, COUNT_OF(legal)),
			cases[i].want, cases[i].word, "suggested");
	assert_null(diag_suggest(SPAN("x"), NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_printed_as_the_manual_shows),
		cmocka_unit_test(the_caret_stands_right),
		cmocka_unit_test(a_long_line_is_shown_around_the_fault),
		cmocka_unit_test(a_place_without_a_line_needs_no_source),
		cmocka_unit_test(messages_are_sorted_by_place),
		cmocka_unit_test(the_same_message_is_told_once),
		cmocka_unit_test(warnings_take_no_room_from_errors),
		cmocka_unit_test(a_long_message_is_cut),
		cmocka_unit_test(a_full_arena_loses_text_but_no_count),
		cmocka_unit_test(the_nearest_word_is_suggested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
