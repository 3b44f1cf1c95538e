/* SPDX-License-Identifier: ISC */
#include "cli/battery.h"
#include "test/unit/support.h"

static const struct battery_names names = { .victim = "v.example",
	.hosted = "h.example",
	.near = "n.example",
	.gateway = "g.example",
	.literal = "[192.0.2.1]" };

static void names_stand_where_the_pattern_says(void **state)
{
	static const struct {
		const char *pattern, *want;
	} cases[] = {
		{ "<>", "<>" },
		{ "<t@$v>", "<t@v.example>" },
		{ "<@$l:t@$v>", "<@[192.0.2.1]:t@v.example>" },
		{ "(x@$i)<$v!t@$g>", "(x@h.example)<v.example!t@g.example>" },
		{ "<t@x$n>", "<t@xn.example>" },
		{ "<t+40$e@$i>", "<t+40v+2Eexample@h.example>" },
	};
	char block[64];
	struct out o;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		out_init(&o, block, sizeof(block));
		assert_true(battery_print(&o, cases[i].pattern, &names));
		expect_octets(out_span(&o), span_str(cases[i].want), cases[i].pattern, "printed");
	}
}

static void what_is_not_known_or_does_not_fit_is_not_tried(void **state)
{
	struct battery_names some = names;
	char block[8];
	struct out o;

	(void)state;
	out_init(&o, block, sizeof(block));
	assert_false(battery_print(&o, "<t@$v>", &names));
	some.hosted = NULL;
	out_init(&o, block, sizeof(block));
	assert_false(battery_print(&o, "<$i>", &some));
}

/* All but the first are meant to look like something else: none is a plain hosted recipient. */
static void no_attempt_is_for_a_hosted_recipient(void **state)
{
	const struct battery_row *rows;
	char block[512];
	struct out o;
	size_t n;

	(void)state;
	rows = battery_rows(&n);
	assert_true(n >= 30);
	for (size_t i = 0; i < n; i++) {
		out_init(&o, block, sizeof(block));
		assert_true(battery_print(&o, rows[i].to, &names));
		assert_false(span_eq(out_span(&o), SPAN("<t@h.example>")));
		assert_true(strncmp(rows[i].id, "RLY-", 4) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stand_where_the_pattern_says),
		cmocka_unit_test(what_is_not_known_or_does_not_fit_is_not_tried),
		cmocka_unit_test(no_attempt_is_for_a_hosted_recipient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
