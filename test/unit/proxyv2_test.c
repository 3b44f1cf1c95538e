/* SPDX-License-Identifier: ISC */
/* proxy/proxyv2: the header as its specification draws it. */
#include "test/unit/support.h"

#include "proxy/proxyv2.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void each_family_has_its_form(void **state)
{
	const struct {
		const char *name, *client, *to;
		struct span header;
	} cases[] = {
		{ "IPv4", "192.0.2.1:40000", "198.51.100.2:25",
			SPAN(SIGNATURE
				"\x21\x11\0\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x9c\x40\0\x19") },
		{ "IPv6", "[2001:db8::1]:1", "[2001:db8::2]:65535",
			SPAN(SIGNATURE
				"\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
				"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\xff\xff") },
		{ "both", "192.0.2.1:40000", "[2001:db8::2]:25",
			SPAN(SIGNATURE
				"\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
				"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x9c\x40\0\x19") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct ip_port client, to;
		uint8_t header[PROXYV2_MAX];
		size_t n;

		assert_true(ip_port_parse(span_str(cases[i].client), &client));
		assert_true(ip_port_parse(span_str(cases[i].to), &to));
		n = proxyv2_print(header, &client, &to);
		expect_octets(span_of(header, n), cases[i].header, cases[i].name, "header");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_family_has_its_form) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
