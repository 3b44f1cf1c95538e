/* SPDX-License-Identifier: ISC */
#include "proxy/relay/rests.h"

#include "test/unit/support.h"

static struct ip_port addr_of(unsigned i)
{
	const uint8_t octets[4] = { 192, 0, (uint8_t)(i >> 8), (uint8_t)i };

	return (struct ip_port){ ip_v4(octets), 25 };
}

static void each_failure_makes_it_longer(void **state)
{
	static struct rests r;
	const struct ip_port a = addr_of(1), other = { a.ip, 26 };
	uint64_t now = 1000;
	static const uint32_t rests[] = { 10000, 20000, 40000, 60000, 60000 };

	(void)state;
	memset(&r, 0, sizeof(r));
	assert_false(rests_has(&r, &a, now));
	for (size_t i = 0; i < COUNT_OF(rests); i++) {
		rests_failed(&r, &a, now);
		rests_failed(&r, &a, now + 1); /* others at the same time */
		assert_true(rests_has(&r, &a, now + rests[i] - 1));
		assert_false(rests_has(&r, &a, now + rests[i]));
		assert_false(rests_has(&r, &other, now));
		now += rests[i];
	}
	rests_served(&r, &a);
	rests_failed(&r, &a, now);
	assert_false(rests_has(&r, &a, now + 10000));
	rests_served(&r, &a);
	assert_false(rests_has(&r, &a, now));
}

static void of_too_many_some_are_forgotten(void **state)
{
	static struct rests r;
	unsigned known = 0;

	(void)state;
	memset(&r, 0, sizeof(r));
	for (unsigned i = 0; i < 4 * RESTS_MAX; i++) {
		const struct ip_port a = addr_of(i);

		rests_failed(&r, &a, i);
		assert_true(rests_has(&r, &a, i));
	}
	for (unsigned i = 0; i < 4 * RESTS_MAX; i++) {
		const struct ip_port a = addr_of(i);

		known += rests_has(&r, &a, 4 * RESTS_MAX);
	}
	assert_in_range(known, RESTS_MAX / 2, RESTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_makes_it_longer),
		cmocka_unit_test(of_too_many_some_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
