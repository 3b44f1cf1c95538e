/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/pace.h"

#include "test/unit/support.h"

#define T0   1000000u
#define LOOK 100u /* ms that a look takes */

/* A look at its time. Return: when it ended. */
static uint64_t look(struct pace *p, bool repaired, bool failed)
{
	const uint64_t begun = pace_next(p);

	pace_look(p, begun);
	pace_looked(p, begun + LOOK, repaired, failed);
	return begun + LOOK;
}

static void nothing_heard_nothing_done(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, T0);
	assert_int_equal(pace_next(&p), T0 + PACE_IDLE_MS);
	assert_int_equal(look(&p, false, false), T0 + PACE_IDLE_MS + LOOK);
	assert_int_equal(pace_next(&p), T0 + 2 * PACE_IDLE_MS + LOOK);
}

static void many_changes_one_look(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, T0);
	for (unsigned i = 0; i < 500; i++)
		pace_heard(&p, T0 + 5000 + i);
	assert_int_equal(pace_next(&p), T0 + 5499 + PACE_SETTLE_MS);
	for (unsigned i = 500; i < 2000; i++) /* it does not end */
		pace_heard(&p, T0 + 5000 + i);
	assert_int_equal(pace_next(&p), T0 + 5000 + PACE_SETTLE_MAX);
	look(&p, true, false);
	assert_int_equal(pace_next(&p), T0 + 5000 + PACE_SETTLE_MAX + LOOK + PACE_IDLE_MS);
}

/* What is heard while it looks may have come too late for it. */
static void heard_meanwhile(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, T0);
	pace_heard(&p, T0 + 1000);
	pace_look(&p, T0 + 1200);
	pace_heard(&p, T0 + 1250);
	pace_looked(&p, T0 + 1300, true, false);
	assert_int_equal(pace_next(&p), T0 + 1250 + PACE_SETTLE_MS);
}

/* A host whose rules change all day does other things as well. */
static void a_tenth_of_the_time(void **state)
{
	struct pace p;
	uint64_t spent = 0, now = T0;

	(void)state;
	pace_init(&p, T0);
	while (now < T0 + 100000) {
		pace_heard(&p, now);
		now = look(&p, false, false);
		spent += LOOK;
	}
	assert_true(spent <= (now - T0) / PACE_SHARE + LOOK);
	assert_true(spent >= (now - T0) / (2 * PACE_SHARE));
}

static void a_fight_slows_down(void **state)
{
	struct pace p;
	uint64_t ended = T0;
	unsigned soon = 0;

	(void)state;
	pace_init(&p, T0);
	for (unsigned i = 0; i < 20; i++) {
		pace_heard(&p, ended);
		soon += pace_next(&p) - ended <= PACE_SETTLE_MS;
		assert_true(pace_next(&p) - ended <= PACE_REST_MAX);
		ended = look(&p, true, false);
	}
	assert_int_equal(soon, PACE_PATIENT + 1);
	pace_heard(&p, ended);
	assert_int_equal(pace_next(&p), ended + PACE_REST_MAX);
	/* after peace it is the first one again */
	ended += PACE_PEACE_MS;
	pace_look(&p, ended);
	pace_looked(&p, ended, true, false);
	pace_heard(&p, ended);
	assert_int_equal(pace_next(&p), ended + PACE_SETTLE_MS);
}

/* Also when nobody is heard any more. */
static void what_failed_is_tried_again(void **state)
{
	struct pace p;
	uint64_t last = 0, ended;

	(void)state;
	pace_init(&p, T0);
	pace_heard(&p, T0);
	ended = look(&p, true, true);
	for (unsigned i = 0; i < 10; i++) {
		const uint64_t rest = pace_next(&p) - ended;

		assert_true(rest >= PACE_REST_MS && rest <= PACE_REST_MAX && rest >= last);
		last = rest;
		ended = look(&p, false, true);
	}
	assert_int_equal(last, PACE_REST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_heard_nothing_done),
		cmocka_unit_test(many_changes_one_look),
		cmocka_unit_test(heard_meanwhile),
		cmocka_unit_test(a_tenth_of_the_time),
		cmocka_unit_test(a_fight_slows_down),
		cmocka_unit_test(what_failed_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
