/* SPDX-License-Identifier: ISC */
#include "base/ip.h"

#include "test/unit/support.h"

struct text_case {
	const char *text, *want; /* want: printed again; NULL: not taken */
};

/* The readers: what @text was read as, printed; NULL when it was not taken. */
static const char *read_ip(struct span text, struct out *o)
{
	struct ip ip;

	if (!ip_parse(text, &ip))
		return NULL;
	ip_print(o, &ip);
	return out_cstr(o);
}

static const char *read_prefix(struct span text, struct out *o)
{
	struct ip_prefix prefix;

	if (!ip_prefix_parse(text, &prefix))
		return NULL;
	ip_prefix_print(o, &prefix);
	return out_cstr(o);
}

static const char *read_port(struct span text, struct out *o)
{
	struct ip_port port;

	if (!ip_port_parse(text, &port))
		return NULL;
	ip_port_print(o, &port);
	return out_cstr(o);
}

/* Each text as it is, ending at an unreadable page; what was printed reads as itself. */
static void run(const struct text_case *cases, size_t n,
	const char *(*read)(struct span text, struct out *o))
{
	struct fence f;

	fence_init(&f, 128);
	for (size_t i = 0; i < n; i++) {
		struct span s = span_str(cases[i].text);
		uint8_t block[64], again[64];
		struct out o, o2;

		out_init(&o, block, sizeof block);
		out_init(&o2, again, sizeof again);
		const char *got = read(span_of(fence_at_end(&f, s), s.n), &o);
		expect_str(got, cases[i].want, cases[i].text, "read");
		if (got != NULL)
			expect_str(read(span_str(got), &o2), got, cases[i].text, "read again");
	}
	fence_deinit(&f);
}

static void addresses_are_read_strictly_and_printed_canonically(void **state)
{
	static const struct text_case cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "", NULL },
		{ "1", NULL },
		{ "1.2.3", NULL },
		{ "1.2.3.", NULL },
		{ "1.2.3.4.", NULL },
		{ "1.2.3.4.5", NULL },
		{ ".1.2.3.4", NULL },
		{ "1..3.4", NULL },
		{ "1.2.3.256", NULL },
		{ "1.2.3.04", NULL },
		{ "010.2.3.4", NULL },
		{ "00.0.0.0", NULL },
		{ "0x1.2.3.4", NULL },
		{ "+1.2.3.4", NULL },
		{ " 1.2.3.4", NULL },
		{ "1.2.3.4 ", NULL },
		{ "1.2.3.4294967297", NULL },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8::A", "2001:db8::a" },
		{ "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
		/* RFC 5952 4.2.2: "::" is not for one group; 4.2.3: the longest run, the first of
		   equals */
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
		{ "1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8" },
		{ "1:0:0:4:5:0:0:0", "1:0:0:4:5::" },
		{ "1:0:0:4:0:0:7:8", "1::4:0:0:7:8" },
		{ "0:0:3:4:5:6:0:0", "::3:4:5:6:0:0" },
		{ "fe80::10:200:ab0", "fe80::10:200:ab0" },
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		{ "1:2:3:4:5:6:192.0.2.33", "1:2:3:4:5:6:c000:221" },
		{ "::192.0.2.33", "::c000:221" },
		/* a mapped address is the IPv4 address it holds */
		{ "::ffff:192.0.2.33", "192.0.2.33" },
		{ "::FFFF:c000:221", "192.0.2.33" },
		{ "0:0:0:0:0:ffff:192.0.2.33", "192.0.2.33" },
		{ "::fffe:192.0.2.33", "::fffe:c000:221" },
		{ ":", NULL },
		{ ":::", NULL },
		{ "1:::2", NULL },
		{ "1::2::3", NULL },
		{ "1:", NULL },
		{ ":1", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "1:2:3:4:5:6:7:8::", NULL },
		{ "1:2:3:4::5:6:7:8", NULL },
		{ "::1:2:3:4:5:6:7:8", NULL },
		{ "12345::", NULL },
		{ "00001::", NULL },
		{ "g::", NULL },
		{ "::1%eth0", NULL },
		{ "[::1]", NULL },
		{ "192.0.2.1::", NULL },
		{ "1.2.3.4:5::", NULL },
		{ "::1.2.3.4:5", NULL },
		{ "::1.2.3", NULL },
		{ "::1.2.3.04", NULL },
		{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
		{ "1:2:3:4:5:6:7::1.2.3.4", NULL },
		{ "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:0:102:304" },
	};

	(void)state;
	run(cases, COUNT_OF(cases), read_ip);
}

static void a_nul_ends_no_address(void **state)
{
	struct ip ip;

	(void)state;
	assert_false(ip_parse(SPAN("192.0.2.1\0"), &ip));
	assert_false(ip_parse(SPAN("::1\0"), &ip));
	assert_false(ip_parse((struct span){ NULL, 0 }, &ip));
}

static void prefixes_hold_no_bit_beyond_their_length(void **state)
{
	static const struct text_case cases[] = {
		{ "192.0.2.0/24", "192.0.2.0/24" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1/32", "192.0.2.1" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.128/25", "192.0.2.128/25" },
		{ "192.0.2.64/25", NULL },
		{ "192.0.2.1/24", NULL },
		{ "192.0.2.0/33", NULL },
		{ "192.0.2.0/024", NULL },
		{ "192.0.2.0/", NULL },
		{ "192.0.2.0/2 4", NULL },
		{ "192.0.2.0/-1", NULL },
		{ "192.0.2.0/24/24", NULL },
		{ "/24", NULL },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:db8::1/128", "2001:db8::1" },
		{ "::/0", "::/0" },
		{ "2001:db8::/31", "2001:db8::/31" },
		{ "2001:db8::/28", NULL },
		{ "2001:db8::1/64", NULL },
		{ "2001:db8::/129", NULL },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24" },
		{ "::ffff:0.0.0.0/96", "0.0.0.0/0" },
		{ "::ffff:192.0.2.0/24", NULL },
		{ "::ffff:0.0.0.0/95", NULL },
	};

	(void)state;
	run(cases, COUNT_OF(cases), read_prefix);
}

static void ports_need_brackets_around_ipv6(void **state)
{
	static const struct text_case cases[] = {
		{ "192.0.2.1:25", "192.0.2.1:25" },
		{ "[2001:DB8::1]:65535", "[2001:db8::1]:65535" },
		{ "[::]:1", "[::]:1" },
		{ "[::ffff:192.0.2.1]:25", "192.0.2.1:25" },
		{ "192.0.2.1:0", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.1:025", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1", NULL },
		{ "[192.0.2.1]:25", NULL },
		{ "::1:25", NULL },
		{ "[::1]", NULL },
		{ "[::1]25", NULL },
		{ "[::1:25", NULL },
		{ "::1]:25", NULL },
		{ "[]:25", NULL },
		{ ":25", NULL },
		{ "", NULL },
	};

	(void)state;
	run(cases, COUNT_OF(cases), read_port);
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	if (!ip_parse(span_str(text), &ip))
		fail_msg("%s was not taken", text);
	return ip;
}

static void membership_follows_bits_and_family(void **state)
{
	static const struct {
		const char *ip, *prefix;
		bool want;
	} cases[] = {
		{ "192.0.2.77", "192.0.2.0/24", true },
		{ "192.0.3.0", "192.0.2.0/24", false },
		{ "192.0.2.127", "192.0.2.0/25", true },
		{ "192.0.2.128", "192.0.2.0/25", false },
		{ "203.0.113.9", "0.0.0.0/0", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.2", "192.0.2.1", false },
		{ "2001:db8::1", "2001:db8::/32", true },
		{ "2001:db9::1", "2001:db8::/32", false },
		{ "2001:db8::1", "::/0", true },
		{ "::1", "0.0.0.0/0", false },
		{ "192.0.2.1", "::/0", false },
		{ "::ffff:192.0.2.1", "192.0.2.0/24", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip ip = ip_of(cases[i].ip);
		struct ip_prefix prefix;

		assert_true(ip_prefix_parse(span_str(cases[i].prefix), &prefix));
		if (ip_in(&ip, &prefix) != cases[i].want)
			fail_msg("%s in %s: want %d", cases[i].ip, cases[i].prefix, cases[i].want);
	}
}

static void nothing_is_in_no_prefix(void **state)
{
	struct ip none = { .family = IP_NONE };
	struct ip_prefix prefix = { .ip = none, .bits = 0 };

	(void)state;
	assert_false(ip_in(&none, &prefix));
}

static void masks_zero_the_rest(void **state)
{
	struct ip ip = ip_of("2001:db8:1:2:3:4:5:6"), want = ip_of("2001:db8:1:2::");
	struct ip masked = ip_mask(&ip, 64), all = ip_mask(&ip, 1000), none = ip_mask(&ip, 0);

	(void)state;
	assert_true(ip_eq(&masked, &want));
	assert_true(ip_eq(&all, &ip));
	want = ip_of("::");
	assert_true(ip_eq(&none, &want));
	ip = ip_of("255.255.255.255");
	masked = ip_mask(&ip, 17);
	want = ip_of("255.255.128.0");
	assert_true(ip_eq(&masked, &want));
}

static void order_is_by_family_then_octets(void **state)
{
	static const char *const sorted[] = { "0.0.0.1", "9.0.0.0", "10.0.0.0", "255.0.0.0",
		"::", "::1", "2001:db8::", "fe80::1" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sorted); i++)
		for (size_t k = 0; k < COUNT_OF(sorted); k++) {
			struct ip a = ip_of(sorted[i]), b = ip_of(sorted[k]);
			int got = ip_cmp(&a, &b);

			if ((got > 0) != (i > k) || (got < 0) != (i < k))
				fail_msg("%s against %s: %d", sorted[i], sorted[k], got);
		}
}

static void octets_of_a_mapped_socket_address_are_ipv4(void **state)
{
	static const uint8_t octets[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	struct ip ip = ip_v6(octets), want = ip_v4(octets + 12);

	(void)state;
	assert_int_equal(ip.family, IP_V4);
	assert_true(ip_eq(&ip, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_strictly_and_printed_canonically),
		cmocka_unit_test(a_nul_ends_no_address),
		cmocka_unit_test(prefixes_hold_no_bit_beyond_their_length),
		cmocka_unit_test(ports_need_brackets_around_ipv6),
		cmocka_unit_test(membership_follows_bits_and_family),
		cmocka_unit_test(nothing_is_in_no_prefix),
		cmocka_unit_test(masks_zero_the_rest),
		cmocka_unit_test(order_is_by_family_then_octets),
		cmocka_unit_test(octets_of_a_mapped_socket_address_are_ipv4),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
