/* SPDX-License-Identifier: ISC */
#include "proxy/relay/ticket.h"

#include <openssl/ssl.h>

#include "proxy/relay/roles.h"
#include "support.h"

#define DRAWN_S 1000000 /* in the middle of a period */

static struct span secret_of(uint8_t block[TICKET_SECRET], uint8_t fill, int64_t drawn_s)
{
	memset(block, fill, TICKET_SECRET);
	memcpy(block + TICKET_SECRET - sizeof(drawn_s), &drawn_s, sizeof(drawn_s));
	return span_of(block, TICKET_SECRET);
}

static struct tickets made(uint8_t fill, int64_t wall_s)
{
	uint8_t block[TICKET_SECRET];
	struct tickets t;

	assert_true(tickets_init(&t, secret_of(block, fill, DRAWN_S), wall_s));
	return t;
}

static bool is_same(const struct ticket_key *a, const struct ticket_key *b)
{
	return a->is_set && b->is_set && memcmp(a->name, b->name, sizeof(a->name)) == 0 &&
	       memcmp(a->cipher, b->cipher, sizeof(a->cipher)) == 0 &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static void all_workers_have_the_same(void **state)
{
	const struct tickets one = made(1, DRAWN_S + 10), other = made(1, DRAWN_S + 100);

	(void)state;
	assert_true(is_same(&one.now, &other.now));
	assert_false(one.before.is_set);
}

/* One that begins late is where the others have come to. */
static void each_period_has_another(void **state)
{
	const struct tickets first = made(1, DRAWN_S), second = made(1, DRAWN_S + TICKET_PERIOD_S),
			     third = made(1, DRAWN_S + 2 * TICKET_PERIOD_S);

	(void)state;
	assert_false(is_same(&first.now, &second.now));
	assert_true(is_same(&first.now, &second.before));
	assert_true(is_same(&second.now, &third.before));
	assert_false(is_same(&first.now, &third.before));
	assert_memory_not_equal(first.chain, second.chain, sizeof(first.chain));
}

static void another_secret_is_another_key(void **state)
{
	const struct tickets one = made(1, DRAWN_S), other = made(2, DRAWN_S);

	(void)state;
	assert_false(is_same(&one.now, &other.now));
	assert_memory_not_equal(one.now.cipher, one.now.mac, sizeof(one.now.mac));
}

static void a_clock_that_went_back_is_harmless(void **state)
{
	const struct tickets one = made(1, DRAWN_S), back = made(1, 0), before = made(1, -5);

	(void)state;
	assert_true(is_same(&one.now, &back.now));
	assert_true(is_same(&one.now, &before.now));
}

static void what_is_no_secret_is_refused(void **state)
{
	uint8_t block[TICKET_SECRET] = { 0 };
	struct tickets t;

	(void)state;
	for (size_t n = 0; n < TICKET_SECRET; n++)
		assert_false(tickets_init(&t, span_of(block, n), DRAWN_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_workers_have_the_same),
		cmocka_unit_test(each_period_has_another),
		cmocka_unit_test(another_secret_is_another_key),
		cmocka_unit_test(a_clock_that_went_back_is_harmless),
		cmocka_unit_test(what_is_no_secret_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
