/* SPDX-License-Identifier: ISC */
#include "proxy/house/dynamic.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memfd.h"
#include "test/unit/alloc_fail.h"
#include "test/unit/rules_of.h"

static const char rules[] = "version 1\n"
			    "set a { dynamic timeout 1h }\n"
			    "set fixed { members 192.0.2.7 }\n"
			    "publish p {\n"
			    "    external 127.0.0.1:2525\n"
			    "    internal 10.0.0.1:25\n"
			    "    from any except a, fixed\n"
			    "    pass\n"
			    "}\n";

static int add(struct dynamic *d, const char *set, const char *text, uint64_t end_ms)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(span_str(text), &prefix));
	return dynamic_add(d, set, &prefix, end_ms);
}

static int del(struct dynamic *d, const char *set, const char *text)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(span_str(text), &prefix));
	return dynamic_del(d, set, &prefix);
}

static void expect_text(const struct dynamic *d, const char *want)
{
	struct span s;
	int fd = dynamic_memfd(d);

	assert_true(fd >= 0);
	assert_int_equal(memfd_map(fd, MEMBERS_TEXT_MAX, &s), 0);
	expect_octets(s, span_str(want), "members", "told");
	memfd_unmap(s);
	close(fd);
}

static void they_are_sorted_whatever_the_order(void **state)
{
	static const char *const texts[][2] = { { "b", "192.0.2.1" }, { "a", "2001:db8::/32" },
		{ "a", "192.0.2.0/24" }, { "a", "192.0.2.0" }, { "b", "10.0.0.0/8" },
		{ "a", "192.0.2.0/25" } };
	struct dynamic d = { 0 };

	(void)state;
	expect_text(&d, "members 1\n");
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(add(&d, texts[i][0], texts[i][1], 0), 0);
	assert_true(d.changed);
	expect_text(&d, "members 1\n"
			"a 192.0.2.0/24\n"
			"a 192.0.2.0/25\n"
			"a 192.0.2.0\n"
			"a 2001:db8::/32\n"
			"b 10.0.0.0/8\n"
			"b 192.0.2.1\n");
	assert_int_equal(del(&d, "a", "192.0.2.0/25"), 0);
	assert_int_equal(del(&d, "a", "192.0.2.0/25"), DYNAMIC_E_NONE);
	assert_int_equal(del(&d, "c", "192.0.2.1"), DYNAMIC_E_NONE);
	assert_int_equal(dynamic_flush(&d, "a"), 3);
	assert_int_equal(dynamic_flush(&d, "a"), 0);
	expect_text(&d, "members 1\nb 10.0.0.0/8\nb 192.0.2.1\n");
	dynamic_deinit(&d);
}

static void ends_are_renewed_and_come(void **state)
{
	struct dynamic d = { 0 };
	struct rules_of r;

	(void)state;
	rules_of_init(&r, rules);
	add(&d, "a", "192.0.2.1", 100);
	add(&d, "a", "192.0.2.2", 0);
	add(&d, "a", "192.0.2.3", 200);
	d.changed = false;
	add(&d, "a", "192.0.2.1", 300);
	assert_int_equal(d.n, 3);
	assert_false(d.changed); /* nobody but posternd knows ends */
	dynamic_look(&d, r.rs, 199);
	assert_int_equal(d.n, 3);
	assert_false(d.changed);
	dynamic_look(&d, r.rs, 200);
	assert_true(d.changed);
	expect_text(&d, "members 1\na 192.0.2.1\na 192.0.2.2\n");
	dynamic_look(&d, r.rs, UINT64_MAX);
	expect_text(&d, "members 1\na 192.0.2.2\n");

	add(&d, "old", "192.0.2.1", 0); /* of a set that is gone, or not dynamic any more */
	add(&d, "fixed", "192.0.2.1", 0);
	dynamic_look(&d, r.rs, 0);
	expect_text(&d, "members 1\na 192.0.2.2\n");
	dynamic_deinit(&d);
	rules_of_deinit(&r);
}

static void there_is_a_bound(void **state)
{
	struct dynamic d = { 0 };
	struct ip_prefix prefix = { .ip.family = IP_V6, .bits = 128 };
	char longest[65];
	int fd;

	(void)state;
	memset(longest, 'x', 64); /* what a name may have */
	longest[64] = '\0';
	memset(prefix.ip.octets, 0xff, 16);
	for (unsigned i = MEMBERS_MAX; i-- > 0;) {
		prefix.ip.octets[14] = (uint8_t)(i >> 8);
		prefix.ip.octets[15] = (uint8_t)i;
		assert_int_equal(dynamic_add(&d, longest, &prefix, 0), 0);
		if (i == MEMBERS_MAX - 200) /* the rest in order: each at the end */
			break;
	}
	for (unsigned i = 0; d.n < MEMBERS_MAX; i++) {
		prefix.ip.octets[13] = (uint8_t)(i >> 16);
		prefix.ip.octets[14] = (uint8_t)(i >> 8);
		prefix.ip.octets[15] = (uint8_t)i;
		prefix.ip.octets[0] = 0xfe;
		assert_int_equal(dynamic_add(&d, longest, &prefix, 0), 0);
	}
	assert_int_equal(add(&d, "a", "192.0.2.1", 0), DYNAMIC_E_FULL);
	assert_int_equal(dynamic_add(&d, longest, &prefix, 5), 0); /* one that is there */
	fd = dynamic_memfd(&d);
	assert_true(fd >= 0); /* the largest text fits */
	close(fd);
	dynamic_deinit(&d);
}

static bool work_without_memory(unsigned n, bool for_good)
{
	struct dynamic d = { 0 };
	int r, fd;

	add(&d, "a", "192.0.2.1", 0);
	d.changed = false;
	alloc_fail_from(n, for_good);
	r = add(&d, "a", "192.0.2.2", 0);
	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(d.n, r == 0 ? 2 : 1);
	assert_int_equal(d.changed, r == 0);
	fd = dynamic_memfd(&d);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd >= 0)
		close(fd);
	dynamic_flush(&d, "a");
	assert_int_equal(d.n, 0);
	dynamic_deinit(&d);
	return alloc_fail_end();
}

static void without_memory(void **state)
{
	(void)state;
	alloc_fail_all(work_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_sorted_whatever_the_order),
		cmocka_unit_test(ends_are_renewed_and_come),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
