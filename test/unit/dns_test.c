/* SPDX-License-Identifier: ISC */
#include "filter/relay/dns.h"

#include <stdio.h>

#include "test/unit/dns_of.h"

static struct dns_of d;

/* Octets of data of all records that answer, in hexadecimal. */
static const char *answers(struct span message, const char *host, enum dns_type type)
{
	static char text[4096];
	struct dns_answer a;
	struct out o;
	size_t at, n;

	out_init(&o, text, sizeof(text));
	if (!dns_answer_open(&a, message, host, type))
		return "malformed";
	while (dns_answer_next(&a, &at, &n)) {
		assert_true(at <= message.n && n <= message.n - at);
		for (size_t i = 0; i < n; i++)
			out_hex(&o, message.p[at + i], 2);
		out_octet(&o, ' ');
	}
	return out_cstr(&o);
}

static void address(const char *owner, unsigned last)
{
	const uint8_t octets[4] = { 192, 0, 2, (uint8_t)last };

	dns_of_record(&d, owner, DNS_A, 1, 4);
	out_put(&d.o, octets, 4);
}

static void those_of_the_name_are_given(void **state)
{
	(void)state;
	dns_of_init(&d, "Mx.Example", DNS_A, 4);
	address(NULL, 1);
	address("other.example", 2);
	address("MX.example", 3);
	dns_of_record(&d, NULL, 16, 1, 0);
	expect_str(answers(out_span(&d.o), "mx.example", DNS_A), "c0000201 c0000203 ", "A", "");
	expect_str(answers(out_span(&d.o), "mx.example", DNS_MX), "", "MX", "");
	expect_str(answers(out_span(&d.o), "example", DNS_A), "", "another name", "");
}

static void another_class_is_not_ours(void **state)
{
	(void)state;
	dns_of_init(&d, "mx.example", DNS_A, 1);
	dns_of_record(&d, NULL, DNS_A, 3, 4);
	out_put(&d.o, "abcd", 4);
	expect_str(answers(out_span(&d.o), "mx.example", DNS_A), "", "class CH", "");
}

static void aliases_are_followed(void **state)
{
	(void)state;
	dns_of_init(&d, "a.example", DNS_A, 4); /* in whatever order */
	address("c.example", 9);
	dns_of_alias(&d, "b.example", "C.example");
	dns_of_alias(&d, NULL, "b.example");
	address(NULL, 1); /* beside an alias there is nothing (RFC 1034 3.6.2) */
	expect_str(answers(out_span(&d.o), "a.example", DNS_A), "c0000209 ", "two aliases", "");
}

static void a_circle_of_aliases_ends(void **state)
{
	(void)state;
	dns_of_init(&d, "a.example", DNS_A, 3);
	dns_of_alias(&d, NULL, "b.example");
	dns_of_alias(&d, "b.example", "a.example");
	address("c.example", 9);
	expect_str(answers(out_span(&d.o), "a.example", DNS_A), "", "circle", "");
}

static void names_on_the_wire(void **state)
{
	static const struct {
		const char *what;
		struct span octets;
		const char *host; /* NULL: malformed; "-": no host's name */
		size_t end;
	} cases[] = {
		{ "plain", OCTETS("\4MAIL\7example\0"), "mail.example", 14 },
		{ "root", OCTETS("\0"), "", 1 },
		{ "pointer", OCTETS("\7example\0\4mail\xc0\0"), "mail.example", 16 },
		{ "underscore", OCTETS("\3m_x\1a\0"), "m_x.a", 7 },
		{ "dot in a label", OCTETS("\3a.b\1c\0"), "-", 7 },
		{ "NUL in a label", OCTETS("\3a\0b\1c\0"), "-", 7 },
		{ "pointer to itself", OCTETS("\1a\xc0\2"), NULL, 0 },
		{ "pointer forwards", OCTETS("\xc0\2\1a\0"), NULL, 0 },
		{ "half a pointer", OCTETS("\xc0"), NULL, 0 },
		{ "no end", OCTETS("\1a"), NULL, 0 },
		{ "label over the end", OCTETS("\5ab\0"), NULL, 0 },
		{ "label type 01", OCTETS("\x41x\0"), NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct dns_name name;
		char host[DNS_HOST_SIZE];
		/* the pointer case begins behind what it points to */
		size_t at = strcmp(cases[i].what, "pointer") == 0 ? 9 : 0;
		const bool good = dns_name_read(cases[i].octets, &at, &name);

		if (strcmp(cases[i].what, "pointer to itself") == 0) {
			at = 2;
			assert_false(dns_name_read(cases[i].octets, &at, &name));
		}
		assert_int_equal(good, cases[i].host != NULL);
		if (!good)
			continue;
		assert_int_equal(at, cases[i].end);
		expect_str(dns_host(&name, host) ? host : "-", cases[i].host, cases[i].what, "");
	}
}

#define LABEL_63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123"

static void bounds_of_names(void **state)
{
	static const char longest[] = LABEL_63 "." LABEL_63 "." LABEL_63
					       ".abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
					       "abcdefghij1";
	struct dns_name name;
	char host[DNS_HOST_SIZE], longer[sizeof(longest) + 1];

	(void)state;
	assert_int_equal(strlen(longest), 253);
	assert_true(dns_name_of(longest, &name));
	assert_int_equal(name.n, DNS_NAME_MAX);
	assert_true(dns_host(&name, host));
	assert_string_equal(host, longest);
	snprintf(longer, sizeof(longer), "%sx", longest);
	assert_false(dns_name_of(longer, &name));
	assert_false(dns_name_of(LABEL_63 "x.example", &name));
	assert_false(dns_name_of("a..b", &name));
	assert_false(dns_name_of(".a", &name));
	assert_false(dns_name_of("a.", &name));
}

/* A name of pointers upon labels may not grow beyond its bound, nor cost without end. */
static void a_name_that_grows_by_pointers(void **state)
{
	struct dns_name name;
	size_t at;

	(void)state;
	out_init(&d.o, d.block, sizeof(d.block));
	dns_of_name(&d, "a");
	for (unsigned i = 0; i < 200; i++) {
		const unsigned before = i == 0 ? 0 : (unsigned)d.o.n - 4;

		out_put(&d.o, "\1b", 2);
		dns_of_16(&d, 0xc000 | before);
	}
	at = d.o.n - 4;
	assert_false(dns_name_read(out_span(&d.o), &at, &name));
	at = 3 + 4 * 100;
	assert_true(dns_name_read(out_span(&d.o), &at, &name));
}

static void cut_or_changed_anywhere(void **state)
{
	struct fence f;
	struct span all;

	(void)state;
	dns_of_init(&d, "a.example", DNS_A, 3);
	dns_of_alias(&d, NULL, "b.example");
	address("b.example", 9);
	dns_of_mx(&d, "b.example", 10, "mx.example");
	all = out_span(&d.o);
	fence_init(&f, all.n);
	for (size_t n = 0; n <= all.n; n++) {
		const struct span cut = span_of(fence_at_end(&f, span_sub(all, 0, n)), n);

		answers(cut, "a.example", DNS_A);
		answers(cut, "a.example", DNS_MX);
	}
	for (size_t i = 0; i < all.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			uint8_t *room = (uint8_t *)(uintptr_t)fence_at_end(&f, all);

			room[i] = (uint8_t)v;
			answers(span_of(room, all.n), "a.example", DNS_A);
		}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_the_name_are_given),
		cmocka_unit_test(another_class_is_not_ours),
		cmocka_unit_test(aliases_are_followed),
		cmocka_unit_test(a_circle_of_aliases_ends),
		cmocka_unit_test(names_on_the_wire),
		cmocka_unit_test(bounds_of_names),
		cmocka_unit_test(a_name_that_grows_by_pointers),
		cmocka_unit_test(cut_or_changed_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
