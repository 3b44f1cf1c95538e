/* SPDX-License-Identifier: ISC */
#include "log/flood.h"

#include "test/unit/support.h"

#define MS INT64_C(1000000)
#define T0 (INT64_C(1700000000000) * MS)

static struct log_flood flood;

static int make_new(void **state)
{
	(void)state;
	flood = (struct log_flood){ 0 };
	return 0;
}

/* How many of @n records at @wall_ns are written. */
static unsigned written(enum code code, unsigned n, int64_t wall_ns)
{
	unsigned may = 0;

	while (n-- > 0)
		may += log_flood_may(&flood, code, wall_ns);
	return may;
}

static void so_many_are_written_and_the_rest_is_told(void **state)
{
	uint32_t held = 0;

	(void)state;
	assert_int_equal(written(CODE_LIMIT_RATE, 16660, T0), LOG_FLOOD_MAX);
	assert_int_equal(log_flood_over(&flood, T0 + (LOG_FLOOD_MS - 1) * MS, &held), CODE_COUNT);
	assert_true(log_flood_holds(&flood));
	assert_int_equal(log_flood_over(&flood, T0 + LOG_FLOOD_MS * MS, &held), CODE_LIMIT_RATE);
	assert_int_equal(held, 16660 - LOG_FLOOD_MAX);
	assert_false(log_flood_holds(&flood));
	assert_int_equal(log_flood_over(&flood, T0 + LOG_FLOOD_MS * MS, &held), CODE_COUNT);
	assert_int_equal(written(CODE_LIMIT_RATE, 2, T0 + LOG_FLOOD_MS * MS), 2);
}

static void slow_ones_are_all_written(void **state)
{
	(void)state;
	for (int i = 0; i < 50000; i++)
		assert_true(log_flood_may(&flood, CODE_SESSION_UNPUBLISHED, T0 + i * 10 * MS));
	assert_false(log_flood_holds(&flood));
}

static void each_code_has_its_own_room(void **state)
{
	uint32_t held;

	(void)state;
	assert_int_equal(written(CODE_LIMIT_RATE, 1001, T0), 1000);
	assert_int_equal(written(CODE_LIMIT_CONNECTIONS_CLIENT, 1002, T0), 1000);
	assert_int_equal(written(CODE_MESSAGE_DELIVERED, 5000, T0), 5000); /* never held back */
	assert_int_equal(written(CODE_RECIPIENT_DENIED, 5000, T0), 5000);
	assert_int_equal(log_flood_over(&flood, INT64_MAX, &held), CODE_LIMIT_CONNECTIONS_CLIENT);
	assert_int_equal(held, 2);
	assert_int_equal(log_flood_over(&flood, INT64_MAX, &held), CODE_LIMIT_RATE);
	assert_int_equal(held, 1);
}

static void a_clock_that_is_set_back_holds_nothing_for_long(void **state)
{
	uint32_t held;

	(void)state;
	written(CODE_LIMIT_RATE, 1500, T0);
	assert_int_equal(log_flood_over(&flood, T0 - 86400000 * MS, &held), CODE_LIMIT_RATE);
	assert_int_equal(held, 500);
	written(CODE_LIMIT_RATE, 10, T0);
	assert_true(log_flood_may(&flood, CODE_LIMIT_RATE, T0 - 86400000 * MS));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, make_new)
	const struct CMUnitTest tests[] = {
		TEST(so_many_are_written_and_the_rest_is_told),
		TEST(slow_ones_are_all_written),
		TEST(each_code_has_its_own_room),
		TEST(a_clock_that_is_set_back_holds_nothing_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
