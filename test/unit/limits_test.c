/* SPDX-License-Identifier: ISC */
/* proxy/limits: who may begin a connection. */
#include "test/unit/support.h"

#include "proxy/limits.h"

#include <stdlib.h>

static const uint64_t seed[2] = { 1, 2 };

struct fixture {
	struct limits limits;
	struct tally tally;
	uint32_t total;
	struct publish rule;
};

static void begin(struct fixture *f, struct rule_limits limits)
{
	struct tally_slot *slots = calloc(1024, sizeof(*slots));

	*f = (struct fixture){ .rule = { .number = 3, .limits = limits } };
	f->limits.total = &f->total;
	f->limits.client_prefix = 64;
	assert_non_null(slots);
	tally_init(&f->tally, slots, 1024, seed);
	f->limits.tally = &f->tally;
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(span_str(text), &ip));
	return ip;
}

static enum code enter(struct fixture *f, const char *client, uint64_t now_ms)
{
	struct ip ip = ip_of(client);

	return limits_enter(&f->limits, &f->rule, &ip, now_ms).code;
}

static void leave(struct fixture *f, const char *client)
{
	struct ip ip = ip_of(client);

	limits_leave(&f->limits, &f->rule, &ip);
}

static void without_limits_everybody_may(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ 0 });
	for (int i = 0; i < 1000; i++)
		assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(f.total, 1000);
	free(f.tally.slots);
}

static void connections_of_one_client_and_of_all(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .connections_client = 2, .connections_total = 3 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	assert_int_equal(enter(&f, "192.0.2.2", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.3", 5), CODE_LIMIT_CONNECTIONS_TOTAL);
	leave(&f, "192.0.2.1");
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(f.total, 3);
	free(f.tally.slots);
}

static void an_ipv6_client_is_its_prefix(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .connections_client = 1 });
	assert_int_equal(enter(&f, "2001:db8:1:2::1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "2001:db8:1:2:ffff::9", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	assert_int_equal(enter(&f, "2001:db8:1:3::1", 5), CODE_COUNT);
	f.limits.client_prefix = 48;
	assert_int_equal(enter(&f, "2001:db8:2:1::1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "2001:db8:2:2::1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	free(f.tally.slots);
}

static void over_the_rate_only_the_surplus_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .rate = 2, .rate_ms = 10000 });
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 100001), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 100002), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.9", 100002), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 121000), CODE_COUNT);
	free(f.tally.slots);
}

static void a_ban_lasts_its_time_whatever_is_tried(void **state)
{
	struct fixture f;
	struct ip client = ip_of("192.0.2.1");
	struct limits_answer a;

	(void)state;
	begin(&f, (struct rule_limits){ .rate = 1,
			  .rate_ms = 1000,
			  .rate_then = LIMIT_THEN_REFUSE,
			  .rate_for_ms = 60000 });
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	a = limits_enter(&f.limits, &f.rule, &client, 100100);
	assert_int_equal(a.code, CODE_LIMIT_RATE);
	assert_true(a.permanent);
	assert_int_equal(enter(&f, "192.0.2.1", 150000), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160099), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160100), CODE_COUNT);
	free(f.tally.slots);
}

static void tempfail_bans_with_a_temporary_code(void **state)
{
	struct fixture f;
	struct ip client = ip_of("192.0.2.1");

	(void)state;
	begin(&f, (struct rule_limits){ .rate = 1,
			  .rate_ms = 1000,
			  .rate_then = LIMIT_THEN_TEMPFAIL,
			  .rate_for_ms = 60000 });
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_false(limits_enter(&f.limits, &f.rule, &client, 100100).permanent);
	assert_int_equal(enter(&f, "192.0.2.1", 159000), CODE_LIMIT_RATE);
	free(f.tally.slots);
}

static void a_count_that_another_process_broke_is_let_be(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .connections_client = 2, .connections_total = 3 });
	leave(&f, "192.0.2.1"); /* was never counted */
	assert_int_equal(f.total, 0);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	memset(f.tally.slots, 0, 1024 * sizeof(*f.tally.slots));
	leave(&f, "192.0.2.1");
	assert_int_equal(f.total, 0);
	free(f.tally.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_everybody_may),
		cmocka_unit_test(connections_of_one_client_and_of_all),
		cmocka_unit_test(an_ipv6_client_is_its_prefix),
		cmocka_unit_test(over_the_rate_only_the_surplus_is_refused),
		cmocka_unit_test(a_ban_lasts_its_time_whatever_is_tried),
		cmocka_unit_test(tempfail_bans_with_a_temporary_code),
		cmocka_unit_test(a_count_that_another_process_broke_is_let_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
