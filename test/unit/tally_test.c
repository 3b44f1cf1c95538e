/* SPDX-License-Identifier: ISC */
/* base/tally: counted is what was counted, bounded is what a peer can make grow. */
#include "test/unit/support.h"

#include "base/tally.h"

#include <stdlib.h>

static const uint64_t seed[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

static struct tally *table(uint32_t n_slots)
{
	struct tally *t = malloc(sizeof(*t));
	struct tally_slot *slots = calloc(n_slots, sizeof(*slots));

	assert_true(t && slots);
	tally_init(t, slots, n_slots, seed);
	return t;
}

static void table_free(struct tally *t)
{
	free(t->slots);
	free(t);
}

static struct tally_key key_of(uint64_t rule, unsigned client)
{
	uint8_t octets[4] = { 192, 0, (uint8_t)(client >> 8), (uint8_t)client };

	return (struct tally_key){ rule, ip_v4(octets) };
}

static void one_key_has_one_slot(void **state)
{
	struct tally *t = table(1024);
	struct tally_key a = key_of(1, 1), same_client = key_of(2, 1), everyone = { .rule = 1 };

	(void)state;
	assert_null(tally_find(t, &a));
	tally_at(t, &a, 5)->connections = 7;
	assert_int_equal(tally_at(t, &a, 6)->connections, 7);
	assert_int_equal(tally_find(t, &a)->seen_ms, 6);
	assert_int_equal(tally_at(t, &same_client, 6)->connections, 0);
	assert_int_equal(tally_at(t, &everyone, 6)->connections, 0);
	table_free(t);
}

static void a_rule_is_its_name_under_the_seed(void **state)
{
	static const uint64_t other_seed[2] = { 1, 2 };
	struct tally *t = table(TALLY_WAYS), other = { 0 };
	const uint64_t mail = tally_rule(t, SPAN("mail"));

	(void)state;
	tally_init(&other, t->slots, TALLY_WAYS, other_seed);
	assert_true(mail != 0);
	assert_true(mail == tally_rule(t, SPAN("mail")));
	assert_true(mail != tally_rule(t, SPAN("mail2")));
	assert_true(mail != tally_rule(t, SPAN("Mail")));
	assert_true(mail != tally_rule(&other, SPAN("mail")));
	table_free(t);
}

static void a_whole_rule_is_no_client(void **state)
{
	struct tally *t = table(TALLY_WAYS);
	const struct tally_key whole = { .rule = 1 }, zero = key_of(1, 0);
	const struct tally_key v4 = { .rule = 1, .client = { .family = IP_V4 } };
	const struct tally_key v6 = { .rule = 1, .client = { .family = IP_V6 } };

	(void)state;
	tally_at(t, &whole, 5)->connections = 1;
	tally_at(t, &zero, 5)->connections = 2;
	tally_at(t, &v4, 5)->connections = 3;
	tally_at(t, &v6, 5)->connections = 4;
	assert_int_equal(tally_find(t, &whole)->connections, 1);
	assert_int_equal(tally_find(t, &zero)->connections, 2);
	assert_int_equal(tally_find(t, &v4)->connections, 3);
	assert_int_equal(tally_find(t, &v6)->connections, 4);
	table_free(t);
}

static void full_bucket_drops_the_one_unused_longest(void **state)
{
	struct tally *t = table(TALLY_WAYS); /* one bucket */
	struct tally_key k, late = key_of(1, 99);

	(void)state;
	for (unsigned i = 0; i < TALLY_WAYS; i++) {
		k = key_of(1, i);
		tally_at(t, &k, 100 - i);
	}
	assert_non_null(tally_at(t, &late, 200));
	k = key_of(1, TALLY_WAYS - 1);
	assert_null(tally_find(t, &k));
	k = key_of(1, 0);
	assert_non_null(tally_find(t, &k));
	table_free(t);
}

static void open_connections_and_bans_stay(void **state)
{
	struct tally *t = table(TALLY_WAYS);
	struct tally_key k, late = key_of(1, 99);

	(void)state;
	for (unsigned i = 0; i < TALLY_WAYS; i++) {
		struct tally_slot *s;
		k = key_of(1, i);
		s = tally_at(t, &k, 1);
		if (i % 2)
			s->connections = 1;
		else
			s->banned_ms = 1000;
	}
	assert_null(tally_at(t, &late, 999));
	assert_non_null(tally_at(t, &late, 1000)); /* a ban has ended */
	k = key_of(1, 1);
	assert_int_equal(tally_find(t, &k)->connections, 1);
	table_free(t);
}

static void many_clients_stay_in_bounds(void **state)
{
	struct tally *t = table(256);
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct tally_key k = key_of(i % 3, i);
		assert_non_null(tally_at(t, &k, i));
	}
	for (unsigned i = 0; i < 20000; i++) {
		struct tally_key k = key_of(i % 3, i);
		known += tally_find(t, &k) != NULL;
	}
	assert_in_range(known, 200, 256);
	table_free(t);
}

/* One more, if there is room. */
static bool take(struct tally_window *w, uint32_t limit, uint64_t now_ms)
{
	const bool room = tally_left(w, limit, 10000, now_ms) > 0;

	if (room)
		tally_add(w, 1, 10000, now_ms);
	return room;
}

static void rate_lets_so_many_in_any_window(void **state)
{
	static const struct {
		uint64_t at_ms;
		bool within;
	} steps[] = {
		{ 1000000, true },
		{ 1000100, true },
		{ 1000200, true },
		{ 1000300, false },
		{ 1009999, false }, /* still in the first window */
		{ 1010000, false }, /* all three lie within the last 10 s */
		{ 1013400, true },
		{ 1013500, false }, /* two thirds of the old window count: room for one */
		{ 1019999, true },
		{ 1019999, false }, /* one of the old window still counts */
		{ 9000000, true },
		{ 9000000, true },
		{ 9000000, true },
		{ 9000000, false },
	};
	struct tally_window w = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		if (take(&w, 3, steps[i].at_ms) != steps[i].within)
			fail_msg("step %zu: not %d", i, steps[i].within);
}

static void a_clock_that_lags_does_not_forget_the_rate(void **state)
{
	struct tally_window w = { 0 };

	(void)state;
	assert_true(take(&w, 2, 1000000));
	assert_true(take(&w, 2, 999996));
	assert_false(take(&w, 2, 999996));
	assert_false(take(&w, 2, 1000004));
}

static void what_is_left_comes_back_as_time_passes(void **state)
{
	static const struct {
		uint64_t at_ms;
		uint32_t left;
	} steps[] = {
		{ 1000000, 40 }, /* 60 of 100 were counted */
		{ 1010000, 40 }, /* all of them lie within the last 10 s */
		{ 1015000, 70 }, /* half of them */
		{ 1019999, 99 }, /* a part of one is one */
		{ 1020000, 100 },
	};
	struct tally_window w = { 0 };

	(void)state;
	assert_int_equal(tally_left(&w, 100, 10000, 1000000), 100);
	tally_add(&w, 60, 10000, 1000000);
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		assert_int_equal(tally_left(&w, 100, 10000, steps[i].at_ms), steps[i].left);
	tally_add(&w, 101, 10000, 1020000); /* what came is counted, also beyond the limit */
	assert_int_equal(tally_left(&w, 100, 10000, 1020000), 0);
	assert_int_equal(tally_left(&w, 102, 10000, 1020000), 1);
}

static void a_window_does_not_overflow(void **state)
{
	struct tally_window w = { 0 };

	(void)state;
	tally_add(&w, UINT32_MAX, UINT32_MAX, 0);
	tally_add(&w, UINT32_MAX, UINT32_MAX, 0);
	assert_int_equal(tally_left(&w, UINT32_MAX, UINT32_MAX, 0), 0);
	tally_add(&w, 1, UINT32_MAX, 0);
	assert_int_equal(tally_left(&w, UINT32_MAX, UINT32_MAX, 0), 0);
	assert_int_equal(tally_left(&w, UINT32_MAX, UINT32_MAX, UINT32_MAX), 0);
	tally_add(&w, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	assert_int_equal(tally_left(&w, UINT32_MAX, UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(tally_left(&w, UINT32_MAX, UINT32_MAX, UINT64_MAX), UINT32_MAX);
}

static void connections_are_counted_anew_and_the_rest_stays(void **state)
{
	struct tally *t = table(TALLY_WAYS); /* one bucket, full */
	struct tally_key k, fresh = key_of(1, 99);

	(void)state;
	for (unsigned i = 0; i < TALLY_WAYS; i++) {
		struct tally_slot *s;
		k = key_of(1, i);
		s = tally_at(t, &k, 100 + i);
		s->connections = i + 1;
		s->windows[TALLY_RECIPIENTS].n = i;
		s->banned_ms = i < 2 ? 5000 : 0;
	}
	tally_recount_begin(t);
	tally_recount(t, &fresh, 1000); /* takes nobody's place who may yet be named */
	k = key_of(1, 3);
	tally_recount(t, &k, 1000);
	tally_recount(t, &k, 1000);
	tally_recount_end(t);
	for (unsigned i = 0; i < TALLY_WAYS; i++) {
		const struct tally_slot *s;
		k = key_of(1, i);
		s = tally_find(t, &k);
		assert_int_equal(s->connections, i == 3 ? 2 : 0);
		assert_int_equal(s->windows[TALLY_RECIPIENTS].n, i);
		assert_int_equal(s->banned_ms, i < 2 ? 5000 : 0);
	}
	assert_null(tally_find(t, &fresh));
	assert_non_null(tally_at(t, &fresh, 1000)); /* those without connections make room again */
	table_free(t);
}

static void what_lost_its_slot_gets_one_at_the_recount(void **state)
{
	struct tally *t = table(TALLY_WAYS);
	struct tally_key k = key_of(1, 1);

	(void)state;
	tally_at(t, &k, 1)->connections = 1;
	memset(t->slots, 0, TALLY_WAYS * sizeof(*t->slots));
	tally_recount_begin(t);
	tally_recount(t, &k, 2);
	tally_recount_end(t);
	assert_int_equal(tally_find(t, &k)->connections, 1);
	table_free(t);
}

static void whatever_another_process_wrote_nothing_breaks(void **state)
{
	struct tally *t = table(TALLY_WAYS);
	struct tally_key k = key_of(1, 1);

	(void)state;
	for (unsigned octet = 0; octet < 256; octet += 5) {
		struct tally_slot *s;
		memset(t->slots, (int)octet, TALLY_WAYS * sizeof(*t->slots));
		tally_find(t, &k);
		s = tally_at(t, &k, 1000000);
		take(&(s ? s : t->slots)->windows[TALLY_OCTETS], 3, 1000000);
		tally_recount_begin(t);
		tally_recount(t, &k, 1000000);
		tally_recount(t, &(struct tally_key){ 0 }, 1000000);
		tally_recount_end(t);
	}
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_key_has_one_slot),
		cmocka_unit_test(a_rule_is_its_name_under_the_seed),
		cmocka_unit_test(a_whole_rule_is_no_client),
		cmocka_unit_test(full_bucket_drops_the_one_unused_longest),
		cmocka_unit_test(open_connections_and_bans_stay),
		cmocka_unit_test(many_clients_stay_in_bounds),
		cmocka_unit_test(rate_lets_so_many_in_any_window),
		cmocka_unit_test(a_clock_that_lags_does_not_forget_the_rate),
		cmocka_unit_test(what_is_left_comes_back_as_time_passes),
		cmocka_unit_test(a_window_does_not_overflow),
		cmocka_unit_test(connections_are_counted_anew_and_the_rest_stays),
		cmocka_unit_test(what_lost_its_slot_gets_one_at_the_recount),
		cmocka_unit_test(whatever_another_process_wrote_nothing_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
