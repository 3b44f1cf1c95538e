/* SPDX-License-Identifier: ISC */
#include "filter/relay/lockouts.h"

#include <stdlib.h>

#include "support.h"

#define SLOTS 256

static const struct auth staff = {
	.name = "staff", .lockout_failures = 3, .lockout_in_s = 600, .lockout_for_s = 900
};
static const struct auth others = {
	.name = "others", .lockout_failures = 3, .lockout_in_s = 600, .lockout_for_s = 900
};

static struct tally_slot slots[SLOTS];
static struct tally table;
static uint64_t now_ms;

static int make(void **state)
{
	static const uint64_t seed[2] = { 1, 2 };

	(void)state;
	memset(slots, 0, sizeof(slots));
	tally_init(&table, slots, SLOTS, seed);
	now_ms = 1000000;
	return 0;
}

static struct lockout_try from(uint8_t client, const char *user)
{
	return (struct lockout_try){ .auth = &staff,
		.client = { .family = IP_V4, .octets = { 192, 0, 2, client } },
		.user = span_str(user),
		.now_ms = now_ms };
}

static struct lockout_begun failed(uint8_t client, const char *user)
{
	const struct lockout_try try = from(client, user);

	return lockouts_failed(&table, &try);
}

static enum lockout_who ask(uint8_t client, const char *user)
{
	const struct lockout_try try = from(client, user);

	return lockouts_ask(&table, &try);
}

static void a_client_is_locked_out(void **state)
{
	(void)state;
	assert_int_equal(failed(1, "a").who, LOCKOUT_NOBODY);
	assert_int_equal(failed(1, "b").who, LOCKOUT_NOBODY);
	assert_int_equal(ask(1, "d"), LOCKOUT_NOBODY);
	assert_int_equal(failed(1, "c").who, LOCKOUT_CLIENT);
	assert_int_equal(ask(1, "d"), LOCKOUT_CLIENT);
	assert_int_equal(ask(1, ""), LOCKOUT_CLIENT);
	assert_int_equal(ask(2, "a"), LOCKOUT_NOBODY);
	now_ms += 899999;
	assert_int_equal(ask(1, ""), LOCKOUT_CLIENT);
	now_ms += 1;
	assert_int_equal(ask(1, ""), LOCKOUT_NOBODY);
	assert_int_equal(failed(1, "a").who, LOCKOUT_NOBODY); /* all begins anew */
}

static void an_account_is_locked_out(void **state)
{
	(void)state;
	for (uint8_t client = 1; client <= 2; client++)
		assert_int_equal(failed(client, "a").who, LOCKOUT_NOBODY);
	assert_int_equal(failed(3, "a").who, LOCKOUT_ACCOUNT);
	assert_int_equal(ask(9, "a"), LOCKOUT_ACCOUNT);
	assert_int_equal(ask(9, "b"), LOCKOUT_NOBODY);
	assert_int_equal(ask(9, ""), LOCKOUT_NOBODY);
}

static void its_user_gets_in_from_where_he_was(void **state)
{
	const struct lockout_try home = from(7, "a");

	(void)state;
	lockouts_succeeded(&table, &home);
	for (uint8_t client = 1; client <= 3; client++)
		failed(client, "a");
	assert_int_equal(ask(9, "a"), LOCKOUT_ACCOUNT);
	assert_int_equal(ask(7, "a"), LOCKOUT_NOBODY);
	/* and does not lock it by mistyping, but himself */
	assert_int_equal(failed(7, "a").who, LOCKOUT_NOBODY);
	assert_int_equal(failed(7, "a").who, LOCKOUT_NOBODY);
	assert_int_equal(failed(7, "a").who, LOCKOUT_CLIENT);
}

static void slow_failures_are_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(failed(1, "a").who, LOCKOUT_NOBODY);
		now_ms += 601000;
	}
}

static void names_tried_are_counted(void **state)
{
	(void)state;
	assert_int_equal(failed(1, "a").accounts, 1);
	assert_int_equal(failed(1, "a").accounts, 1);
	assert_int_equal(failed(1, "b").accounts, 2);
}

static void auths_do_not_share(void **state)
{
	struct lockout_try try = from(1, "a");

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		failed(1, "a");
	try.auth = &others;
	assert_int_equal(lockouts_ask(&table, &try), LOCKOUT_NOBODY);
}

static void without_the_statement_there_is_none(void **state)
{
	static const struct auth open = { .name = "open" };
	struct lockout_try try = from(1, "a");

	(void)state;
	try.auth = &open;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(lockouts_failed(&table, &try).who, LOCKOUT_NOBODY);
	assert_int_equal(lockouts_ask(&table, &try), LOCKOUT_NOBODY);
}

/* Another process may have written anything. */
static void whatever_stands_there_locks_nobody_for_long(void **state)
{
	(void)state;
	srand(1);
	for (unsigned turn = 0; turn < 300; turn++) {
		uint8_t *octets = (uint8_t *)slots;

		for (size_t i = 0; i < sizeof(slots); i += 1 + (size_t)rand() % 64)
			octets[i] = (uint8_t)rand();
		for (uint8_t client = 0; client < 20; client++) {
			failed(client, "a");
			ask(client, "a");
		}
	}
	for (size_t i = 0; i < SLOTS; i++)
		slots[i].banned_ms = UINT64_MAX;
	assert_int_equal(ask(1, "a"), LOCKOUT_NOBODY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_client_is_locked_out, make),
		cmocka_unit_test_setup(an_account_is_locked_out, make),
		cmocka_unit_test_setup(its_user_gets_in_from_where_he_was, make),
		cmocka_unit_test_setup(slow_failures_are_none, make),
		cmocka_unit_test_setup(names_tried_are_counted, make),
		cmocka_unit_test_setup(auths_do_not_share, make),
		cmocka_unit_test_setup(without_the_statement_there_is_none, make),
		cmocka_unit_test_setup(whatever_stands_there_locks_nobody_for_long, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
