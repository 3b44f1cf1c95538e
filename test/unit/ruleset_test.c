/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "test/unit/check_cases.h"

static const struct publish *first_rule(const char *text)
{
	static char whole[4096];

	snprintf(whole, sizeof(whole), "version 1\n%s", text);
	return build_text(span_str(whole), (struct span){ 0 })->rules[0].publish;
}

static const struct command_table *table(const char *name)
{
	const struct command_table *t = command_table_builtin(span_str(name));

	assert_non_null(t);
	return t;
}

/* ---- built-in tables ---- */

static void internet_allows_what_mail_needs(void **state)
{
	static const char want[] =
		"commands internet {\n"
		"    verb HELO, EHLO, MAIL, RCPT, HELP, NOOP max 512\n"
		"    verb DATA, RSET, QUIT max 6\n"
		"    verb BDAT max 32\n"
		"    extension PIPELINING, SIZE, 8BITMIME, CHUNKING, SMTPUTF8, DSN, "
		"ENHANCEDSTATUSCODES allow\n"
		"}\n";
	uint8_t block[2048];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof(block));
	rules_print_table(&o, table("internet"));
	expect_str(out_cstr(&o), want, "internet", "printed");
}

static void submission_is_internet_with_login(void **state)
{
	struct command_table t = *table("submission");

	(void)state;
	assert_int_equal(t.verbs[SMTP_VERB_AUTH].action, VERB_ALLOW);
	assert_int_equal(t.verbs[SMTP_VERB_AUTH].max, 12288);
	t.verbs[SMTP_VERB_AUTH] = (struct verb_row){ 0 };
	t.extensions &= ~SMTP_EXT_BIT(AUTH);
	t.name = table("internet")->name;
	assert_memory_equal(&t, table("internet"), sizeof(t));
}

static void no_table_lets_out_of_inspection(void **state)
{
	static const char *const names[] = { "internet", "submission", "isa2000" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		for (unsigned v = SMTP_VERB_MODELLED; v < SMTP_VERB_NAMED; v++)
			assert_int_equal(table(names[i])->verbs[v].action, VERB_DENY);
		assert_false(table(names[i])->starttls_offered);
		assert_int_equal(table(names[i])->bare_newline, SMTP_NEWLINE_REFUSE);
	}
	assert_null(command_table_builtin(SPAN("Internet")));
	assert_null(command_table_builtin(SPAN("")));
}

/* ---- what a rule that says little means ---- */

static void a_rule_that_says_nothing_inspects(void **state)
{
	const struct publish *p = first_rule(PUBLISH(""));

	(void)state;
	assert_false(p->pass);
	assert_ptr_equal(p->commands, table("internet"));
	assert_int_equal(p->client_address, CLIENT_KEEP);
	assert_int_equal(p->limits.errors, 20);
	assert_int_equal(p->limits.recipients, 1000);
	assert_int_equal(p->limits.message, 0);
	assert_int_equal(p->timeouts.connect, 30000);
	assert_int_equal(p->timeouts.greeting, 300000);
	assert_int_equal(p->timeouts.command, 300000);
	assert_int_equal(p->timeouts.data_block, 180000);
	assert_int_equal(p->timeouts.data_done, 600000);
	assert_int_equal(p->timeouts.idle, 300000);
	assert_int_equal(p->timeouts.total, 0);
	assert_int_equal(p->timeouts.greet_delay, 0);
	assert_int_equal(p->log, RULE_LOG_SESSIONS | RULE_LOG_DENIALS | RULE_LOG_MESSAGES);
}

static void the_engine_gets_the_table(void **state)
{
	const struct publish *p = first_rule(
		"commands t like internet { verb RCPT max 600; data max-line 998; "
		"data bare-newline normalise; local-part tolerant; data max-header 64KiB "
		"}\n" PUBLISH("inspect commands t; limit message 1MiB; banner \"x\""));

	(void)state;
	assert_int_equal(p->smtp.line_max[SMTP_VERB_RCPT], 600);
	assert_int_equal(p->smtp.line_max[SMTP_VERB_MAIL], 512);
	assert_int_equal(p->smtp.line_max[SMTP_VERB_DATA], 6);
	assert_int_equal(p->smtp.line_max[SMTP_VERB_VRFY], 512);
	assert_int_equal(p->smtp.line_max[SMTP_VERB_AUTH], 12288);
	assert_int_equal(p->smtp.extensions, table("internet")->extensions);
	assert_int_equal(p->smtp.max_message, 1 << 20);
	assert_int_equal(p->smtp.max_line, 998);
	assert_int_equal(p->smtp.max_header, 64 << 10);
	assert_int_equal(p->smtp.header_lines, 1000);
	assert_int_equal(p->smtp.bare_newline, SMTP_NEWLINE_NORMALISE);
	assert_true(p->smtp.local_tolerant);
	assert_string_equal(p->smtp.banner, "x");
}

static void keyword_and_verb_stand_and_fall_together(void **state)
{
	static const struct {
		const char *rows;
		bool chunking, bdat, binary;
	} cases[] = {
		{ "", true, true, false },
		{ "extension CHUNKING hide", false, false, false },
		{ "verb BDAT deny", false, false, false },
		{ "verb BDAT hide", false, false, false },
		{ "verb BDAT after-tls", false, false, false },
		{ "data binary allow", true, true, true },
		{ "data binary allow; extension CHUNKING hide", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[512];
		const struct publish *p;

		snprintf(text, sizeof(text),
			"commands t like internet { %s }\n" PUBLISH("inspect commands t"),
			cases[i].rows);
		p = first_rule(text);
		assert_int_equal(
			(p->smtp.extensions & SMTP_EXT_BIT(CHUNKING)) != 0, cases[i].chunking);
		assert_int_equal(
			(p->smtp.extensions & SMTP_EXT_BIT(BINARYMIME)) != 0, cases[i].binary);
		assert_int_equal(
			p->commands->verbs[SMTP_VERB_BDAT].action == VERB_ALLOW, cases[i].bdat);
	}
}

static void internal_takes_the_port_of_external(void **state)
{
	const struct publish *p =
		first_rule("publish p { external 198.51.100.2:2525, 198.51.100.2:587; internal "
			   "10.0.0.1, [2001:db8::1]:26 }\n");

	(void)state;
	assert_int_equal(p->internal[0].addr.port, 2525);
	assert_false(p->internal_port_given[0]);
	assert_int_equal(p->internal[1].addr.port, 26);
	assert_true(p->internal_port_given[1]);
}

static void a_table_takes_over_what_it_is_like(void **state)
{
	const struct publish *p = first_rule(
		"commands a like b { verb VRFY; extension SIZE hide }\n"
		"commands b like internet { verb RCPT max 700; data max-line 998 }\n" PUBLISH(
			"inspect commands a"));

	(void)state;
	assert_int_equal(p->commands->verbs[SMTP_VERB_VRFY].action, VERB_ALLOW);
	assert_int_equal(p->commands->verbs[SMTP_VERB_VRFY].max, 512);
	assert_int_equal(p->commands->verbs[SMTP_VERB_RCPT].max, 700);
	assert_int_equal(p->commands->verbs[SMTP_VERB_RCPT].at.line, 3);
	assert_int_equal(p->commands->verbs[SMTP_VERB_VRFY].at.line, 2);
	assert_int_equal(p->commands->max_line, 998);
	assert_int_equal(p->smtp.extensions, table("internet")->extensions & ~SMTP_EXT_BIT(SIZE));
}

/* ---- sets ---- */

static void a_set_gets_its_kind_from_its_use(void **state)
{
	static const char text[] =
		"version 1\n"
		"set a { file \"addresses.txt\"; members 192.0.2.0/24 }\n"
		"set both { members example.org }\n"
		"set mail { members joe@example.org; file \"bad-senders.txt\" }\n"
		"route o { domains both; next-hop mx }\n" PUBLISH(
			"from a; recipients in both, mail");
	const struct ruleset *rs = build_text(SPAN(text), (struct span){ 0 });

	(void)state;
	assert_int_equal(rs->sets[0]->kind, SET_ADDRESSES);
	assert_int_equal(rs->sets[0]->n_members, 3);
	assert_int_equal(rs->sets[1]->kind, SET_DOMAINS);
	assert_int_equal(rs->sets[2]->kind, SET_MAIL);
	assert_int_equal(rs->sets[2]->n_members, 2); /* joe@example.org stands twice */
}

/* ---- the file as a whole ---- */

static void what_check_says_of_whole_files(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "1:1: \"version 1\" must open the file" },
		{ "# nothing\n", "1:1: \"version 1\" must open the file" },
		{ "default reset\n", "1:1: \"version 1\" must open the file" },
		{ "default reset\nversion 1\n", "1:1: \"version 1\" must open the file" },
		{ "vresion 1\ndefault reset\n",
			"1:1: \"vresion\": did you mean \"version\"? Expected \"version\", "
			"\"default\", \"set\", "
			"\"schedule\", \"commands\", \"screen\", \"certificate\", \"auth\", "
			"\"route\", \"publish\" or "
			"\"relay\"" },
		{ "version 2\n", "1:9: version 2 is not known; this program reads \"version 1\"" },
		{ "version\n", "1:8: the version of the language is missing, as in \"version 1\"" },
		{ "version 1\n" PUBLISH("pass"),
			"note 2:61: publish \"p\" is not inspected: commands, STARTTLS and "
			"messages pass as they are" },
		/* An error of syntax is told by the parser, its statement is not looked at and not
		   missed. */
		{ "version 1\n" PUBLISH("from $x; pass; when $y"),
			"2:66: undefined macro \"$x\"; define it above: define NAME = VALUE\n"
			"note 2:70: publish \"p\" is not inspected: commands, STARTTLS and "
			"messages pass as they are\n"
			"2:81: undefined macro \"$y\"; define it above: define NAME = VALUE" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(told(span_str(cases[i].text), (struct span){ 0 }), cases[i].want,
			cases[i].text, "checked");
}

static void errors_of_two_files_are_told_in_one_pass(void **state)
{
	(void)state;
	expect_str(told(SPAN("version 1\ndefault rest\n"), SPAN("workers 0\n")),
		"2:9: \"rest\": did you mean \"reset\"? Expected \"refuse\", \"reset\" or "
		"\"drop\"\n"
		"1:9: workers 0: give 1 to 1024, as in \"workers 4\"",
		"both", "checked");
}

/* A arena of any size: either there is a rule set, or it is said that the arena is too small. */
static void a_small_arena_is_told(void **state)
{
	static const char text[] =
		"version 1\nset a { members 192.0.2.1; file \"x\" optional }\n"
		"schedule s { timezone \"UTC\"; allow mon-fri 07:00-08:00 }\n"
		"commands t like internet { verb VRFY deny reply \"502 5.5.1 No\" }\n"
		"screen v { attachment name \"*.exe\" hold }\n" PUBLISH(
			"from a; when s; inspect commands t screen v");
	static const struct source source = { .kind = SOURCE_RULES,
		.name = "rules.conf",
		.text = { (const uint8_t *)text, sizeof(text) - 1 } };
	struct fence f;
	int r = RULES_E_ARENA;

	(void)state;
	fence_init(&f, 64u << 10);
	for (size_t n = 0; r == RULES_E_ARENA && n < f.size; n += 16) {
		struct arena arena;
		struct diags diags;
		const struct ruleset *rs = NULL;

		arena_init(&arena, f.room + f.size - n, n);
		diags_init(&diags, &arena);
		r = rules_build(&arena, &source, 1, &diags, &rs);
		assert_int_equal(rs != NULL, r == RULES_OK);
	}
	assert_int_equal(r, RULES_OK);
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(internet_allows_what_mail_needs),
		cmocka_unit_test(submission_is_internet_with_login),
		cmocka_unit_test(no_table_lets_out_of_inspection),
		cmocka_unit_test(a_rule_that_says_nothing_inspects),
		cmocka_unit_test(the_engine_gets_the_table),
		cmocka_unit_test(keyword_and_verb_stand_and_fall_together),
		cmocka_unit_test(internal_takes_the_port_of_external),
		cmocka_unit_test(a_table_takes_over_what_it_is_like),
		cmocka_unit_test(a_set_gets_its_kind_from_its_use),
		cmocka_unit_test(what_check_says_of_whole_files),
		cmocka_unit_test(errors_of_two_files_are_told_in_one_pass),
		cmocka_unit_test(a_small_arena_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
