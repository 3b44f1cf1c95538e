/* SPDX-License-Identifier: ISC */
#include "base/ident.h"

#include <string.h>

#include "test/unit/support.h"

/* The reference vector of the authors: key 00 01 .. 0f, message 00 01 .. 07. */
static void an_incident_number_is_siphash_of_a_counter(void **state)
{
	struct ident d = { .key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 },
		.incidents = 0x0706050403020100 };

	(void)state;
	assert_int_equal(ident_incident(&d, 32), 0x93f5f579);
	assert_int_equal(d.incidents, 0x0706050403020101);
}

static void incident_numbers_are_bounded_and_never_0(void **state)
{
	struct ident d;

	(void)state;
	assert_int_equal(ident_init(&d, 0), 0);
	for (int i = 0; i < 1000; i++) {
		uint32_t v = ident_incident(&d, 3);
		assert_true(v > 0 && v < 8);
	}
}

static void two_sources_tell_different_numbers(void **state)
{
	struct ident a, b;
	int same = 0;

	(void)state;
	assert_int_equal(ident_init(&a, 0), 0);
	assert_int_equal(ident_init(&b, 0), 0);
	for (int i = 0; i < 64; i++)
		same += ident_incident(&a, 30) == ident_incident(&b, 30);
	assert_true(same < 2);
}

static void session_ids_grow_with_time_and_within_a_millisecond(void **state)
{
	struct ident d;
	char last[IDENT_SESSION + 1] = "", id[IDENT_SESSION + 1];
	int64_t wall_ns = 1795338845000000000;

	(void)state;
	assert_int_equal(ident_init(&d, IDENT_WORKERS - 1), 0);
	for (int i = 0; i < 100000; i++) { /* more than a millisecond has numbers for */
		ident_session(&d, wall_ns + (i >= 70000 ? 5000000 : 0), id);
		assert_int_equal(strlen(id), IDENT_SESSION);
		assert_true(strcmp(last, id) < 0);
		strcpy(last, id);
	}
	ident_session(&d, wall_ns - 3600000000000, id); /* the clock was set back */
	assert_true(strcmp(last, id) < 0);
}

static void workers_have_ids_of_their_own(void **state)
{
	struct ident a, b;
	char id_a[IDENT_SESSION + 1], id_b[IDENT_SESSION + 1];

	(void)state;
	assert_int_equal(ident_init(&a, 0), 0);
	assert_int_equal(ident_init(&b, 1), 0);
	ident_session(&a, 1795338845000000000, id_a);
	ident_session(&b, 1795338845000000000, id_b);
	assert_string_not_equal(id_a, id_b);
	assert_memory_equal(id_a, id_b, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_incident_number_is_siphash_of_a_counter),
		cmocka_unit_test(incident_numbers_are_bounded_and_never_0),
		cmocka_unit_test(two_sources_tell_different_numbers),
		cmocka_unit_test(session_ids_grow_with_time_and_within_a_millisecond),
		cmocka_unit_test(workers_have_ids_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
