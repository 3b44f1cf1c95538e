/* SPDX-License-Identifier: ISC */
/* What becomes of a ban that a role tells, and how much one role can do by telling. */
#include "base/clock.h"
#include "filter/limits/bans.h"
#include "test/unit/house_of.h"

static const char rules[] = "version 1\n"
			    "publish p {\n"
			    "    external 127.0.0.1:2525\n"
			    "    internal 10.0.0.1:25\n"
			    "    client-address gateway\n"
			    "    limit rate 5 per 1m per client then refuse for 10m\n"
			    "    pass\n"
			    "}\n";

static struct house_of h;

static int set_up(void **state)
{
	(void)state;
	house_of_init(&h, rules, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	house_of_deinit(&h);
	return 0;
}

static bool tell(struct bans_pace *pace, uint32_t client)
{
	struct role_ban told = { .rule = "p", .what = TALLY_CONNECTIONS, .seconds = 600 };
	const struct msg m = { ROLE_BAN, span_of(&told, sizeof(told)), -1 };

	told.client.family = IP_V4;
	memcpy(told.client.octets, &client, 4);
	return lockout_told(&h.house, pace, &m);
}

static struct tally_key key_of(uint32_t client)
{
	struct tally_key key = { .rule = tally_rule(&h.house.shared.tally, SPAN("p")),
		.client.family = IP_V4 };

	memcpy(key.client.octets, &client, 4);
	return key;
}

static bool is_banned(uint32_t client)
{
	const struct tally_key key = key_of(client);
	const struct tally_slot *slot = tally_find(&h.house.shared.tally, &key);

	return slot && slot->banned_ms > clock_steady_ms();
}

static struct ip_prefix prefix_of(uint32_t client)
{
	return (struct ip_prefix){ key_of(client).client, 32 };
}

/* Others have their own. */
static void one_role_bans_so_many_and_no_more(void **state)
{
	struct bans_pace taken = { 0 }, other = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 10000; i++)
		assert_true(tell(&taken, i));
	assert_in_range(h.house.bans.n, BANS_BURST, BANS_BURST + 100);
	assert_int_equal(h.house.bans.n + h.house.lockout.beyond, 10000);
	assert_true(tell(&other, 20000));
	assert_true(lockout_lift(&h.house, &(struct ip_prefix){ key_of(20000).client, 32 }));
}

static void nonsense_is_told_from_what_drains(void **state)
{
	struct bans_pace pace = { 0 };
	struct role_ban told = { .rule = "gone", .client.family = IP_V4, .seconds = 1 };
	struct msg m = { ROLE_BAN, span_of(&told, sizeof(told)), -1 };

	(void)state;
	assert_true(lockout_told(&h.house, &pace, &m));
	m.body.n--;
	assert_false(lockout_told(&h.house, &pace, &m));
	assert_int_equal(h.house.bans.n, 0);
	assert_int_equal(h.house.lockout.beyond, 0);
}

static void what_was_kept_is_in_the_counts_again(void **state)
{
	struct bans_pace pace = { 0 };
	const struct ip_prefix second = prefix_of(2);

	(void)state;
	tell(&pace, 1);
	tell(&pace, 2);
	assert_false(is_banned(1)); /* who told it has counted it; nobody did here */
	lockout_restore(&h.house);
	assert_true(is_banned(1) && is_banned(2));
	assert_true(lockout_lift(&h.house, &second));
	assert_false(lockout_lift(&h.house, &second));
	assert_true(is_banned(1));
	assert_false(is_banned(2));
	lockout_flush(&h.house);
	assert_false(is_banned(1));
	assert_int_equal(h.house.bans.n, 0);
}

/* Those that were told beyond the bounds are there, too. */
static void what_is_in_the_counts_alone_is_lifted_as_well(void **state)
{
	const struct tally_key key = key_of(3);
	const struct ip_prefix third = prefix_of(3);
	const uint64_t now_ms = clock_steady_ms();

	(void)state;
	assert_true(
		bans_put(&h.house.shared.tally, &key, TALLY_CONNECTIONS, now_ms + 60000, now_ms));
	assert_true(lockout_lift(&h.house, &third));
	assert_false(is_banned(3));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(one_role_bans_so_many_and_no_more),
		WITH(nonsense_is_told_from_what_drains),
		WITH(what_was_kept_is_in_the_counts_again),
		WITH(what_is_in_the_counts_alone_is_lifted_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
