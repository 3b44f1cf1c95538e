/* SPDX-License-Identifier: ISC */
#include "cli/doctor_routes.h"

#include <stdio.h>

#include "test/unit/support.h"

#define MARK 0x500000u

static const char rules[] =
	"[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"},"
	"{\"priority\":1,\"src\":\"all\",\"fwmark\":\"0x500000\",\"fwmask\":\"0xf00000\",\"iif\":"
	"\"ext\",\"table\":\"99\"},"
	"{\"priority\":2,\"src\":\"all\",\"fwmark\":\"0x500000\",\"fwmask\":\"0xf00000\",\"iif\":"
	"\"int\",\"table\":\"100\"},"
	"{\"priority\":3,\"src\":\"all\",\"table\":\"main\"}]";

static bool rule(const char *text, const char *in, char table[static ROUTES_NAME_MAX])
{
	bool bound;

	table[0] = '\0';
	return routes_rule(span_str(text), MARK, in, table, &bound);
}

static void the_rule_of_mark_and_interface_is_found(void **state)
{
	char table[ROUTES_NAME_MAX];

	(void)state;
	assert_true(rule(rules, "int", table));
	assert_string_equal(table, "100");
	assert_true(rule(rules, "ext", table));
	assert_string_equal(table, "99");
	assert_false(rule(rules, "eth0", table));
}

static void a_rule_without_interface_takes_all(void **state)
{
	char table[ROUTES_NAME_MAX];
	bool bound = true;

	(void)state;
	assert_true(
		routes_rule(SPAN("[{\"src\":\"all\",\"fwmark\":\"0x500000\",\"table\":\"mail\"}]"),
			MARK, "x", table, &bound));
	assert_string_equal(table, "mail");
	assert_false(bound);
}

static void other_rules_are_not_taken(void **state)
{
	static const char *const texts[] = {
		"[{\"src\":\"all\",\"fwmark\":\"0x1\",\"table\":\"1\"}]",
		"[{\"src\":\"10.0.0.0\",\"fwmark\":\"0x500000\",\"table\":\"1\"}]",
		"[{\"not\":null,\"src\":\"all\",\"fwmark\":\"0x500000\",\"table\":\"1\"}]",
		"[{\"src\":\"all\",\"fwmark\":5242880,\"table\":\"1\"}]",
		"[{\"src\":\"all\",\"fwmark\":\"0x500000\",\"fwmask\":7,\"table\":\"1\"}]",
		"[{\"src\":\"all\",\"fwmark\":\"0x500000x\",\"table\":\"1\"}]",
		"[{\"src\":\"all\",\"fwmark\":\"-1\",\"table\":\"1\"}]",
		"[{\"src\":\"all\",\"fwmark\":\"0x500000\"}]",
	};
	char table[ROUTES_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_false(rule(texts[i], "int", table));
}

static void names_that_a_shell_would_read_are_not_taken(void **state)
{
	static const char *const names[] = { "", "a b", "$(x)", "a;b", "a\\nb", "`x`", "'",
		"abcdefghijklmnopqrstuvwxyz0123456789" };
	char text[128], name[ROUTES_NAME_MAX];
	bool local;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(text, sizeof(text), "[{\"dst\":\"x\",\"dev\":\"%s\"}]", names[i]);
		assert_false(routes_first(span_str(text), name, &local));
	}
}

static void routes_tell_interface_and_kind(void **state)
{
	char name[ROUTES_NAME_MAX];
	bool local;

	(void)state;
	assert_true(routes_first(
		SPAN("[{\"dst\":\"10.0.0.21\",\"dev\":\"int\",\"flags\":[]}]"), name, &local));
	assert_string_equal(name, "int");
	assert_false(local);
	assert_true(routes_first(
		SPAN("[{\"type\":\"local\",\"dst\":\"x\",\"dev\":\"lo\"}]"), name, &local));
	assert_true(local);
	assert_true(routes_local_default(
		SPAN("[{\"type\":\"local\",\"dst\":\"default\",\"dev\":\"lo\"}]")));
	assert_false(routes_local_default(SPAN("[{\"dst\":\"default\",\"dev\":\"lo\"}]")));
	assert_false(routes_local_default(SPAN("[{\"type\":\"local\",\"dst\":\"10.0.0.0/8\"}]")));
}

static void what_is_no_such_json_holds_nothing(void **state)
{
	static const char *const texts[] = { "", "[", "{}", "[[]]", "[1]", "null", "[null]",
		"[{\"dev\":null}]", "Object \"x\" is unknown", "\xff\xfe", "[{}]", "[]" };
	char name[ROUTES_NAME_MAX];
	bool local;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_false(rule(texts[i], "int", name));
		assert_false(routes_local_default(span_str(texts[i])));
		assert_false(routes_first(span_str(texts[i]), name, &local));
	}
	for (size_t n = 0; n < sizeof(rules) - 1; n++)
		assert_false(rule("", "int", name) || routes_local_default(span_of(rules, n)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_of_mark_and_interface_is_found),
		cmocka_unit_test(a_rule_without_interface_takes_all),
		cmocka_unit_test(other_rules_are_not_taken),
		cmocka_unit_test(names_that_a_shell_would_read_are_not_taken),
		cmocka_unit_test(routes_tell_interface_and_kind),
		cmocka_unit_test(what_is_no_such_json_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
