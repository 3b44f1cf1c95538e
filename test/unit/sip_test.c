/* SPDX-License-Identifier: ISC */
/* base/sip: the vectors of its authors, and of a second implementation. */
#include "test/unit/support.h"

#include "base/sip.h"

static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

/* SipHash-2-4 of 00 01 02 ..., n octets: the reference's vectors.h; for 15 the paper's appendix. */
static void two_four_is_the_papers(void **state)
{
	static const struct {
		size_t n;
		uint64_t want;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	uint8_t octets[16];

	(void)state;
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_true(sip24(key, span_of(octets, cases[i].n)) == cases[i].want);
}

static void one_three_is_what_others_compute(void **state)
{
	(void)state;
	assert_true(sip13(key, (struct span){ 0 }) == 0xabac0158050fc4dc);
}

static void every_octet_and_the_length_count(void **state)
{
	const uint8_t zeros[24] = { 0 };

	(void)state;
	for (size_t a = 0; a < sizeof(zeros); a++)
		for (size_t b = 0; b < a; b++)
			assert_true(sip13(key, span_of(zeros, a)) != sip13(key, span_of(zeros, b)));
	for (size_t i = 0; i < sizeof(zeros); i++) {
		uint8_t one[24] = { 0 };
		one[i] = 1;
		assert_true(sip13(key, span_of(one, 24)) != sip13(key, span_of(zeros, 24)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_four_is_the_papers),
		cmocka_unit_test(one_three_is_what_others_compute),
		cmocka_unit_test(every_octet_and_the_length_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
