/* SPDX-License-Identifier: ISC */
#include "filter/relay/mx.h"

#include <stdio.h>

#include "test/unit/dns_of.h"

#define OWN "gw.example"

static struct dns_of d;
static struct mx_list list;

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };

	assert_true(ip_parse(span_str(text), &ip));
	return ip;
}

static void give(size_t i, const char *address, bool own)
{
	const struct ip ip = ip_of(address);

	mx_add_address(&list.host[i], &ip, own);
}

/* "10 a.example, 20 b.example" */
static const char *exchangers(void)
{
	static char text[8192];
	struct out o;

	out_init(&o, text, sizeof(text));
	for (size_t i = 0; i < list.n; i++) {
		out_str(&o, i ? ", " : "");
		out_u64(&o, list.host[i].preference);
		out_octet(&o, ' ');
		out_str(&o, list.host[i].name);
	}
	return out_cstr(&o);
}

/* "OK name address, ..." or what else was decided. */
static const char *decision(void)
{
	static const char *const words[] = { [MX_NONE] = "none",
		[MX_NULL] = "null",
		[MX_LOOP] = "loop",
		[MX_UNUSABLE] = "unusable",
		[MX_TEMPFAIL] = "tempfail",
		[MX_BOGUS] = "bogus" };
	static char text[8192];
	struct mx_target targets[MX_TARGETS];
	struct out o;
	size_t n;
	const enum mx_result r = mx_decide(&list, targets, &n);

	if (r != MX_OK)
		return words[r];
	out_init(&o, text, sizeof(text));
	for (size_t i = 0; i < n; i++) {
		out_str(&o, i ? ", " : "");
		out_str(&o, list.host[targets[i].host].name);
		out_octet(&o, ' ');
		ip_print(&o, &targets[i].ip);
	}
	return out_cstr(&o);
}

static enum mx_result read_all(void)
{
	return mx_read(&list, out_span(&d.o), "a.example");
}

static void begin(unsigned answers)
{
	mx_init(&list, OWN, 7);
	dns_of_init(&d, "a.example", DNS_MX, answers);
}

/* ---- exchangers ---- */

static void the_lowest_preference_comes_first(void **state)
{
	(void)state;
	begin(4);
	dns_of_mx(&d, NULL, 300, "c.example");
	dns_of_mx(&d, NULL, 0, "A.example");
	dns_of_mx(&d, NULL, 65535, "d.example");
	dns_of_mx(&d, NULL, 10, "b.example");
	assert_int_equal(read_all(), MX_OK);
	expect_str(exchangers(), "0 a.example, 10 b.example, 300 c.example, 65535 d.example",
		"order", "");
}

static void equal_ones_come_in_every_order(void **state)
{
	unsigned seen[3][3] = { 0 };

	(void)state;
	for (unsigned seed = 0; seed < 600; seed++) {
		mx_init(&list, OWN, seed * UINT64_C(0x123456789));
		dns_of_init(&d, "a.example", DNS_MX, 3);
		dns_of_mx(&d, NULL, 5, "x.example");
		dns_of_mx(&d, NULL, 5, "y.example");
		dns_of_mx(&d, NULL, 5, "z.example");
		assert_int_equal(read_all(), MX_OK);
		assert_int_equal(list.n, 3);
		for (unsigned i = 0; i < 3; i++)
			seen[i][list.host[i].name[0] - 'x']++;
	}
	for (unsigned i = 0; i < 3; i++)
		for (unsigned name = 0; name < 3; name++)
			assert_in_range(seen[i][name], 150, 250);
}

static void one_that_stands_twice_counts_by_its_best(void **state)
{
	(void)state;
	begin(4);
	dns_of_mx(&d, NULL, 20, "x.example");
	dns_of_mx(&d, NULL, 15, "y.example");
	dns_of_mx(&d, NULL, 10, "x.example");
	dns_of_mx(&d, NULL, 30, "y.example");
	assert_int_equal(read_all(), MX_OK);
	expect_str(exchangers(), "10 x.example, 15 y.example", "twice", "");
}

static void of_many_the_best_are_kept(void **state)
{
	char name[32];

	(void)state;
	begin(1000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "m%u.example", i);
		dns_of_mx(&d, NULL, (i * 7919) % 1000, name); /* each of 0 to 999 once */
	}
	assert_int_equal(read_all(), MX_OK);
	assert_int_equal(list.n, MX_HOSTS);
	for (unsigned i = 0; i < MX_HOSTS; i++)
		assert_int_equal(list.host[i].preference, i);
}

static void nobody_and_nothing(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(read_all(), MX_NONE);
	begin(1);
	dns_of_mx(&d, NULL, 0, "");
	assert_int_equal(read_all(), MX_NULL);
	begin(2); /* RFC 7505 3: not the only one, so it says nothing */
	dns_of_mx(&d, NULL, 0, "");
	dns_of_mx(&d, NULL, 10, "x.example");
	assert_int_equal(read_all(), MX_OK);
	expect_str(exchangers(), "10 x.example", "null beside another", "");
	begin(1);
	dns_of_mx(&d, NULL, 0, "not a host.example");
	assert_int_equal(read_all(), MX_UNUSABLE);
	begin(1); /* another's MX is none of ours */
	dns_of_mx(&d, "b.example", 0, "x.example");
	assert_int_equal(read_all(), MX_NONE);
	begin(1);
	dns_of_record(&d, NULL, DNS_MX, 1, 2); /* no exchanger behind it */
	dns_of_16(&d, 10);
	assert_int_equal(read_all(), MX_NONE);
	begin(1);
	d.o.n -= 5; /* no question as it should be */
	assert_int_equal(read_all(), MX_TEMPFAIL);
}

static void those_behind_an_alias_count(void **state)
{
	(void)state;
	begin(2);
	dns_of_alias(&d, NULL, "b.example");
	dns_of_mx(&d, "b.example", 10, "x.example");
	assert_int_equal(read_all(), MX_OK);
	expect_str(exchangers(), "10 x.example", "alias", "");
}

/* ---- this host ---- */

static void what_is_not_better_than_this_host_goes(void **state)
{
	(void)state;
	begin(4);
	dns_of_mx(&d, NULL, 30, "c.example");
	dns_of_mx(&d, NULL, 20, "GW.Example");
	dns_of_mx(&d, NULL, 20, "b.example");
	dns_of_mx(&d, NULL, 10, "a.example");
	assert_int_equal(read_all(), MX_OK);
	expect_str(exchangers(), "10 a.example", "own name", "");
	begin(2);
	dns_of_mx(&d, NULL, 10, OWN);
	dns_of_mx(&d, NULL, 20, "b.example");
	assert_int_equal(read_all(), MX_LOOP);
}

static void this_host_is_known_by_its_address(void **state)
{
	(void)state;
	begin(0);
	mx_add(&list, 10, "a.example");
	mx_add(&list, 20, "b.example");
	mx_add(&list, 20, "us.example");
	mx_add(&list, 30, "c.example");
	for (size_t i = 0; i < list.n; i++)
		give(i, "192.0.2.7", list.host[i].name[0] == 'u');
	expect_str(decision(), "a.example 192.0.2.7", "own address", "");
	list.host[0].own = true;
	expect_str(decision(), "loop", "the best", "");
}

static void better_ones_that_fail_now_may_come_back(void **state)
{
	(void)state;
	begin(0);
	mx_add(&list, 10, "a.example");
	mx_add(&list, 20, "us.example");
	give(1, "192.0.2.7", true);
	expect_str(decision(), "loop", "the better one does not exist", "");
	list.host[0].failed = true;
	expect_str(decision(), "tempfail", "it failed", "");
	list.host[0].bogus = true;
	expect_str(decision(), "bogus", "it is forged", "");
	list.host[1].own = false;
	list.host[0].failed = list.host[0].bogus = false;
	list.own = true;
	expect_str(decision(), "loop", "own by name, the rest has no addresses", "");
}

/* ---- addresses ---- */

static void addresses_that_nobody_elses_server_has(void **state)
{
	static const struct {
		const char *text;
		bool usable, reachable;
	} cases[] = {
		{ "192.0.2.1", true, true },
		{ "10.0.0.1", true, true },
		{ "0.0.0.0", false, false },
		{ "0.1.2.3", false, false },
		{ "127.0.0.1", false, true },
		{ "127.255.255.254", false, true },
		{ "::ffff:127.0.0.1", false, true },
		{ "169.254.169.254", false, true },
		{ "224.0.0.1", false, false },
		{ "240.0.0.1", false, false },
		{ "255.255.255.255", false, false },
		{ "2001:db8::1", true, true },
		{ "fd00::1", true, true },
		{ "::", false, false },
		{ "::1", false, true },
		{ "::7f00:1", false, true },
		{ "fe80::1", false, true },
		{ "febf::1", false, true },
		{ "fec0::1", true, true },
		{ "ff02::1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct ip ip = ip_of(cases[i].text);

		if (mx_usable(&ip) != cases[i].usable || mx_reachable(&ip) != cases[i].reachable)
			fail_msg("%s", cases[i].text);
	}
	assert_false(mx_reachable(&(struct ip){ 0 }));
}

static void one_at_loopback_is_not_taken(void **state)
{
	(void)state;
	begin(0);
	mx_add(&list, 10, "a.example");
	mx_add(&list, 20, "b.example");
	give(0, "127.0.0.1", true); /* it is no sign that the exchanger were this host */
	give(1, "192.0.2.2", false);
	expect_str(decision(), "b.example 192.0.2.2", "the other", "");
	list.host[1].n4 = 0;
	expect_str(decision(), "unusable", "none", "");
}

static void families_come_by_turns(void **state)
{
	(void)state;
	begin(0);
	mx_add(&list, 10, "a.example");
	mx_add(&list, 20, "b.example");
	give(0, "192.0.2.1", false);
	give(0, "192.0.2.2", false);
	give(0, "2001:db8::1", false);
	give(1, "2001:db8::2", false);
	give(1, "192.0.2.3", false);
	expect_str(decision(),
		"a.example 2001:db8::1, a.example 192.0.2.1, a.example 192.0.2.2, "
		"b.example 2001:db8::2, b.example 192.0.2.3",
		"turns", "");
}

static void targets_are_bounded(void **state)
{
	struct mx_target targets[MX_TARGETS];
	char text[32];
	size_t n;

	(void)state;
	begin(0);
	for (unsigned i = 0; i < MX_HOSTS; i++) {
		snprintf(text, sizeof(text), "m%u.example", i);
		mx_add(&list, (uint16_t)i, text);
		for (unsigned k = 1; k < 100; k++) {
			snprintf(text, sizeof(text), "192.0.%u.%u", i, k);
			give(i, text, false);
		}
		assert_int_equal(list.host[i].n4, MX_ADDRESSES);
	}
	assert_int_equal(mx_decide(&list, targets, &n), MX_OK);
	assert_int_equal(n, MX_TARGETS);
	assert_int_equal(targets[n - 1].host, MX_TARGETS / MX_ADDRESSES - 1);
}

static void nothing_at_all(void **state)
{
	(void)state;
	begin(0);
	mx_add(&list, 10, "a.example");
	expect_str(decision(), "none", "no addresses", "");
	list.host[0].failed = true;
	expect_str(decision(), "tempfail", "failed", "");
	give(0, "127.0.0.1", false);
	expect_str(decision(), "tempfail", "and unusable", "");
}

/* ---- hostile messages ---- */

static void cut_or_changed_anywhere(void **state)
{
	struct fence f;
	struct span all;

	(void)state;
	begin(3);
	dns_of_alias(&d, NULL, "b.example");
	dns_of_mx(&d, "b.example", 10, "mx.example");
	dns_of_mx(&d, "b.example", 20, "");
	all = out_span(&d.o);
	fence_init(&f, all.n);
	for (size_t n = 0; n <= all.n; n++) {
		mx_init(&list, OWN, n);
		mx_read(&list, span_of(fence_at_end(&f, span_sub(all, 0, n)), n), "a.example");
	}
	for (size_t i = 0; i < all.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			uint8_t *room = (uint8_t *)(uintptr_t)fence_at_end(&f, all);

			room[i] = (uint8_t)v;
			mx_init(&list, OWN, v);
			mx_read(&list, span_of(room, all.n), "a.example");
			for (size_t k = 0; k < list.n; k++)
				assert_true(strlen(list.host[k].name) > 0);
		}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_preference_comes_first),
		cmocka_unit_test(equal_ones_come_in_every_order),
		cmocka_unit_test(one_that_stands_twice_counts_by_its_best),
		cmocka_unit_test(of_many_the_best_are_kept),
		cmocka_unit_test(nobody_and_nothing),
		cmocka_unit_test(those_behind_an_alias_count),
		cmocka_unit_test(what_is_not_better_than_this_host_goes),
		cmocka_unit_test(this_host_is_known_by_its_address),
		cmocka_unit_test(better_ones_that_fail_now_may_come_back),
		cmocka_unit_test(addresses_that_nobody_elses_server_has),
		cmocka_unit_test(one_at_loopback_is_not_taken),
		cmocka_unit_test(families_come_by_turns),
		cmocka_unit_test(targets_are_bounded),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(cut_or_changed_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
