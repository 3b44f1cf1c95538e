/* SPDX-License-Identifier: ISC */
#include "rules/members.h"

#include "test/unit/rules_of.h"

static const char rules[] = "version 1\n"
			    "set first { dynamic timeout 1h }\n"
			    "set fixed { members 192.0.2.7 }\n"
			    "set second { members 198.51.100.1; dynamic timeout 1h }\n"
			    "publish p {\n"
			    "    external 127.0.0.1:2525\n"
			    "    internal 10.0.0.1:25\n"
			    "    from any except first, second, fixed\n"
			    "    pass\n"
			    "}\n";

#define SETS_MAX 8
#define ROOM     64

static struct rules_of r;
static struct rule_set sets[SETS_MAX];
static struct set_member room[ROOM];

static int set_up(void **state)
{
	(void)state;
	rules_of_init(&r, rules);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rules_of_deinit(&r);
	return 0;
}

/* An exact heap block for the text. */
static bool read(const char *text)
{
	const size_t n = strlen(text);
	char *copy = test_malloc(n);
	bool good;

	memcpy(copy, text, n);
	assert_in_range(r.rs->n_sets, 3, SETS_MAX);
	assert_true(members_lines(span_of((const uint8_t *)copy, n)) <= ROOM);
	good = members_read(span_of((const uint8_t *)copy, n), r.rs, sets, room);
	test_free(copy);
	return good;
}

static const struct rule_set *set(const char *name)
{
	for (size_t i = 0; i < r.rs->n_sets; i++)
		if (strcmp(r.rs->sets[i]->name, name) == 0)
			return &sets[i];
	fail_msg("no set %s", name);
	return NULL;
}

static bool has(const char *name, const char *address)
{
	struct ip ip;

	assert_true(ip_parse(span_str(address), &ip));
	return set_has_ip(set(name), &ip) != NULL;
}

static void malformed_texts_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"\n",
		"members",
		"members 1",
		"members 2\n",
		"members 1 \n",
		"members 1\r\n",
		" members 1\n",
		"members 1\n\n",
		"members 1\nfirst\n",
		"members 1\nfirst \n",
		"members 1\nfirst 192.0.2.1",
		"members 1\nfirst 192.0.2.1\r\n",
		"members 1\nfirst  192.0.2.1\n",
		"members 1\n first 192.0.2.1\n",
		"members 1\n 192.0.2.1\n",
		"members 1\nfirst 192.0.2.1 \n",
		"members 1\nfirst 192.0.2.1/24\n",
		"members 1\nfirst 192.0.2.1/33\n",
		"members 1\nfirst 2001:db8::/129\n",
		"members 1\nfirst example.org\n",
		"members 1\nnowhere example.org\n",
		"members 1\nfirst 192.0.2.1\nsecond 192.0.2.2\nfirst 192.0.2.3\n",
		"members 1\nfirst 192.0.2.1\nmembers 1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (read(cases[i]))
			fail_msg("taken: \"%s\"", cases[i]);
}

static void sets_of_another_generation_are_passed_over(void **state)
{
	static const char *const cases[] = {
		"members 1\n",
		"members 1\nold 192.0.2.1\n",
		"members 1\nfixed 192.0.2.1\n",
		"members 1\nold 192.0.2.1\nfixed 192.0.2.2\nold 192.0.2.3\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_true(read(cases[i]));
		for (size_t s = 0; s < r.rs->n_sets; s++)
			assert_int_equal(sets[s].n_members, 0);
		assert_false(has("fixed", "192.0.2.1"));
	}
}

static void what_is_put_is_read(void **state)
{
	static const struct {
		const char *set, *prefix;
	} put[] = {
		{ "first", "192.0.2.9" },
		{ "first", "192.0.2.0/29" },
		{ "first", "2001:db8:1::/48" },
		{ "old", "192.0.2.77" },
		{ "second", "0.0.0.0/0" },
	};
	static uint8_t block[4096];
	struct ip_prefix prefix;
	struct out o;

	(void)state;
	out_init(&o, block, sizeof(block));
	members_head(&o);
	for (size_t i = 0; i < COUNT_OF(put); i++) {
		assert_true(ip_prefix_parse(span_str(put[i].prefix), &prefix));
		members_put(&o, put[i].set, &prefix);
	}
	assert_int_equal(members_lines(out_span(&o)), COUNT_OF(put) + 1);
	assert_true(read(out_cstr(&o)));
	assert_int_equal(set("first")->n_members, 3);
	assert_true(has("first", "192.0.2.9"));
	assert_true(has("first", "192.0.2.7"));
	assert_false(has("first", "192.0.2.8"));
	assert_true(has("first", "2001:db8:1:2::3"));
	assert_false(has("first", "2001:db8:2::"));
	assert_true(has("second", "203.0.113.1"));
	assert_false(has("second", "2001:db8::1"));
	assert_false(has("fixed", "192.0.2.7"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(sets_of_another_generation_are_passed_over),
		cmocka_unit_test(what_is_put_is_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
