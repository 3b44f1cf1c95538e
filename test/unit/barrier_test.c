/* SPDX-License-Identifier: ISC */
/* What posternd wants of the kernel's sets, and what it says when they differ. */
#include "proxy/house/barrier.h"

#include "test/unit/rules_of.h"

static const char text[] = "version 1\n"
			   "publish p {\n"
			   "    external 198.51.100.2:25, [2001:db8:2::2]:25, 198.51.100.3:587\n"
			   "    internal 10.0.0.1:25, [fd00::1]:25\n"
			   "    pass\n"
			   "}\n"
			   "publish everywhere {\n"
			   "    external any:25\n"
			   "    internal original\n"
			   "    from 10.0.0.0/24\n"
			   "    pass\n"
			   "}\n";

static char said[4096];
static struct out o;

static void forget(void)
{
	out_init(&o, said, sizeof(said));
}

static void put(const struct kernel_ban *entry)
{
	ip_prefix_print(&o, &entry->client);
	out_octet(&o, ' ');
	ip_port_print(&o, &entry->published);
	out_octet(&o, ' ');
	out_u64(&o, entry->seconds);
	out_octet(&o, '\n');
}

static void say_entry(void *context, const struct kernel_ban *entry)
{
	(void)context;
	put(entry);
}

static void say_difference(void *context, const struct kernel_ban *entry, bool in)
{
	(void)context;
	out_octet(&o, in ? '+' : '-');
	put(entry);
}

static void expect_said(const char *want, const char *name)
{
	expect_octets(out_span(&o), span_str(want), name, "said");
}

/* ---- what a ban makes ---- */

static void expect_entries(const struct rules_of *r, const char *rule, const char *client,
	uint64_t left_ms, const char *want)
{
	struct ban ban = { .end_ms = 1000 + left_ms };

	strcpy(ban.rule, rule);
	assert_true(ip_prefix_parse(span_str(client), &ban.client));
	forget();
	barrier_each(&ban, r->rs, 1000, say_entry, NULL);
	expect_said(want, client);
}

static void each_published_address_of_its_family(void **state)
{
	struct rules_of r;

	(void)state;
	rules_of_init(&r, text);
	expect_entries(&r, "p", "203.0.113.9", 1500,
		"203.0.113.9 198.51.100.2:25 2\n203.0.113.9 198.51.100.3:587 2\n");
	expect_entries(
		&r, "p", "2001:db8:1::/64", 60000, "2001:db8:1::/64 [2001:db8:2::2]:25 60\n");
	expect_entries(&r, "everywhere", "203.0.113.9", 1500, ""); /* it has no address */
	expect_entries(&r, "gone", "203.0.113.9", 1500, "");
	expect_entries(&r, "p", "2001:db8:1::/64", UINT64_MAX / 2,
		"2001:db8:1::/64 [2001:db8:2::2]:25 2147483\n");
	rules_of_deinit(&r);
}

/* ---- differences ---- */

static struct kernel_ban entry(const char *client, const char *published, uint32_t seconds)
{
	struct kernel_ban e = { .seconds = seconds };

	assert_true(ip_prefix_parse(span_str(client), &e.client));
	assert_true(ip_port_parse(span_str(published), &e.published));
	return e;
}

#define A "198.51.100.2:25"
#define B "198.51.100.2:26"

static void only_what_differs_is_told(void **state)
{
	struct kernel_ban want[] = { entry("203.0.113.9", B, 60), entry("203.0.113.9", A, 60),
		entry("203.0.113.8", A, 600), entry("203.0.113.7", A, 60),
		entry("203.0.113.7", A, 90), entry("2001:db8::/64", "[2001:db8:2::2]:25", 5) };
	struct kernel_ban have[] = { entry("203.0.113.10", A, 60), entry("203.0.113.9", A, 55),
		entry("203.0.113.8", A, 594), entry("203.0.113.7", A, 92),
		entry("203.0.113.0/25", A, 9) };

	(void)state;
	forget();
	assert_int_equal(barrier_compare(want, COUNT_OF(want), have, COUNT_OF(have), 100,
				 say_difference, NULL),
		5);
	expect_said("-203.0.113.0/25 198.51.100.2:25 9\n"
		    "-203.0.113.8 198.51.100.2:25 594\n"
		    "+203.0.113.8 198.51.100.2:25 600\n"
		    "+203.0.113.9 198.51.100.2:26 60\n"
		    "-203.0.113.10 198.51.100.2:25 60\n"
		    "+2001:db8::/64 [2001:db8:2::2]:25 5\n",
		"differences");
}

static void no_more_at_once_than_is_said(void **state)
{
	struct kernel_ban want[] = { entry("203.0.113.9", A, 60), entry("203.0.113.8", A, 60),
		entry("203.0.113.7", A, 60) };

	(void)state;
	forget();
	assert_int_equal(barrier_compare(want, 3, NULL, 0, 2, say_difference, NULL), 3);
	expect_said("+203.0.113.7 198.51.100.2:25 60\n+203.0.113.8 198.51.100.2:25 60\n", "two");
	forget();
	assert_int_equal(barrier_compare(NULL, 0, want, 3, 0, say_difference, NULL), 3);
	expect_said("", "none");
	assert_int_equal(barrier_compare(NULL, 0, NULL, 0, 2, say_difference, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_published_address_of_its_family),
		cmocka_unit_test(only_what_differs_is_told),
		cmocka_unit_test(no_more_at_once_than_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
