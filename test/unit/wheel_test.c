/* SPDX-License-Identifier: ISC */
/* proxy/wheel, proxy/wait: no deadline is met early, none is forgotten. */
#include "test/unit/support.h"

#include "proxy/wait.h"
#include "proxy/wheel.h"

struct timer {
	struct wheel_entry entry; /* first */
	uint64_t fired_ms;
	unsigned times;
	struct timer *cancels; /* when it fires */
};

static struct wheel wheel;
static uint64_t now_ms;

static void on_fire(struct wheel_entry *e)
{
	struct timer *t = (struct timer *)(void *)e;

	t->fired_ms = now_ms;
	t->times++;
	if (t->cancels)
		wheel_cancel(&wheel, &t->cancels->entry);
}

static void pass(uint64_t to_ms, uint64_t step_ms)
{
	for (; now_ms < to_ms; now_ms += step_ms)
		wheel_advance(&wheel, now_ms);
}

static void begin(void)
{
	now_ms = 1000003;
	wheel_init(&wheel, now_ms);
}

static void fires_within_a_tick_after_the_deadline(void **state)
{
	static const uint64_t waits[] = { 0, 1, 127, 128, 129, 1000, 65000, 65536, 70000, 300000,
		3600000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(waits); i++) {
		struct timer t = { .entry.fire = on_fire };
		uint64_t due;
		begin();
		due = now_ms + waits[i];
		wheel_set(&wheel, &t.entry, due);
		pass(due + 1000, 10);
		assert_int_equal(t.times, 1);
		assert_in_range(t.fired_ms, due, due + 2 * WHEEL_TICK_MS + 10);
		assert_int_equal(wheel.n, 0);
	}
}

static void an_earlier_deadline_counts_a_later_one_does_not(void **state)
{
	struct timer t = { .entry.fire = on_fire };

	(void)state;
	begin();
	wheel_set_earlier(&wheel, &t.entry, now_ms + 5000);
	wheel_set_earlier(&wheel, &t.entry, now_ms + 90000);
	wheel_set_earlier(&wheel, &t.entry, now_ms + 2000);
	pass(now_ms + 4000, 10);
	assert_int_equal(t.times, 1);
	assert_in_range(t.fired_ms, 1002003, 1002003 + 2 * WHEEL_TICK_MS + 10);
}

static void one_may_cancel_another_of_its_tick(void **state)
{
	struct timer a = { .entry.fire = on_fire }, b = { .entry.fire = on_fire },
		     c = { .entry.fire = on_fire };

	(void)state;
	begin();
	a.cancels = &b;
	b.cancels = &a; /* whichever comes first */
	wheel_set(&wheel, &a.entry, now_ms + 500);
	wheel_set(&wheel, &b.entry, now_ms + 500);
	wheel_set(&wheel, &c.entry, now_ms + 500);
	pass(now_ms + 1000, 10);
	assert_int_equal(a.times + b.times, 1);
	assert_int_equal(c.times, 1);
	assert_int_equal(wheel.n, 0);
}

static void a_long_sleep_forgets_nobody(void **state)
{
	struct timer t[50] = { 0 };

	(void)state;
	begin();
	for (size_t i = 0; i < COUNT_OF(t); i++) {
		t[i].entry.fire = on_fire;
		wheel_set(&wheel, &t[i].entry, now_ms + i * 3000);
	}
	now_ms += 86400000;
	wheel_advance(&wheel, now_ms);
	for (size_t i = 0; i < COUNT_OF(t); i++)
		assert_int_equal(t[i].times, 1);
	assert_int_equal(wheel.n, 0);
}

static void each_wait_has_its_time_and_its_end(void **state)
{
	const struct rule_timeouts t = { .connect = 1,
		.greeting = 2,
		.command = 3,
		.data_block = 4,
		.data_done = 5,
		.idle = 6,
		.total = 7,
		.greet_delay = 8 };
	static const struct {
		enum wait wait;
		uint32_t ms;
		enum code code;
	} rows[] = {
		{ WAIT_DELAY, 8, CODE_COUNT },
		{ WAIT_CONNECT, 1, CODE_SERVER_DOWN },
		{ WAIT_TLS, 1, CODE_C_TLS_FAILED },
		{ WAIT_GREETING, 2, CODE_SERVER_GREETING },
		{ WAIT_IDLE, 6, CODE_TIMEOUT_IDLE },
		{ WAIT_LINE, 3, CODE_TIMEOUT_COMMAND },
		{ WAIT_REPLY, 3, CODE_SERVER_SILENT },
		{ WAIT_TEXT, 4, CODE_TIMEOUT_DATA },
		{ WAIT_DONE, 5, CODE_SERVER_SILENT },
		{ WAIT_CLIENT_READS, 3, CODE_TIMEOUT_CLIENT_READ },
		{ WAIT_SERVER_READS, 4, CODE_SERVER_SILENT },
		{ WAIT_PASSED, 6, CODE_TIMEOUT_IDLE },
	};

	(void)state;
	assert_int_equal(COUNT_OF(rows), WAIT_COUNT);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(wait_ms(&t, rows[i].wait), rows[i].ms);
		assert_int_equal(wait_code(rows[i].wait), rows[i].code);
	}
	/* DOS-03: octets of a line that dribble in do not begin its time anew */
	assert_int_equal(wait_renewed_by(WAIT_LINE) & (ACT_C_OCTETS | ACT_C_STEP), 0);
	assert_int_equal(wait_renewed_by(WAIT_REPLY) & ACT_S_OCTETS, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_within_a_tick_after_the_deadline),
		cmocka_unit_test(an_earlier_deadline_counts_a_later_one_does_not),
		cmocka_unit_test(one_may_cancel_another_of_its_tick),
		cmocka_unit_test(a_long_sleep_forgets_nobody),
		cmocka_unit_test(each_wait_has_its_time_and_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
