/* SPDX-License-Identifier: ISC */
/* filter/gate/answers: the same packet gets the same answer, for a while. */
#include "filter/gate/answers.h"

#include "test/unit/support.h"

static struct answers answers;

static struct packet packet_of(unsigned client, uint16_t port, uint32_t seq)
{
	const uint8_t from[4] = { 203, (uint8_t)(client >> 16), (uint8_t)(client >> 8),
		(uint8_t)client };
	static const uint8_t to[4] = { 198, 51, 100, 2 };

	return (struct packet){
		.client = { ip_v4(from), port }, .asked = { ip_v4(to), 25 }, .seq = seq
	};
}

static int begin(void **state)
{
	(void)state;
	memset(&answers, 0, sizeof(answers));
	answers.seed[0] = 1;
	return 0;
}

/* -1: none. */
static int said(const struct packet *p, uint64_t now_ms)
{
	unsigned lane;

	return answers_find(&answers, p, now_ms, &lane) ? (int)lane : -1;
}

static void the_same_packet_and_no_other(void **state)
{
	const struct packet p = packet_of(1, 4000, 7);
	struct packet other = p;

	(void)state;
	assert_int_equal(said(&p, 1000), -1);
	answers_put(&answers, &p, 1000, 3);
	assert_int_equal(said(&p, 1000), 3);
	other.seq++;
	assert_int_equal(said(&other, 1000), -1);
	other = packet_of(1, 4001, 7);
	assert_int_equal(said(&other, 1000), -1);
	other = packet_of(2, 4000, 7);
	assert_int_equal(said(&other, 1000), -1);
	other = p;
	other.asked.port = 26;
	assert_int_equal(said(&other, 1000), -1);
}

static void a_drop_is_an_answer(void **state)
{
	const struct packet p = packet_of(1, 4000, 7);

	(void)state;
	answers_put(&answers, &p, 1000, 0);
	assert_int_equal(said(&p, 2000), 0);
}

static void answers_age_and_are_forgotten(void **state)
{
	const struct packet p = packet_of(1, 4000, 7);

	(void)state;
	answers_put(&answers, &p, 1000, 3);
	assert_int_equal(said(&p, 1000 + ANSWERS_MS - 1), 3);
	assert_int_equal(said(&p, 1000 + ANSWERS_MS), -1);
	answers_put(&answers, &p, 1000, 3);
	answers_forget(&answers);
	assert_int_equal(said(&p, 1000), -1);
	answers_put(&answers, &p, 1000, 4);
	assert_int_equal(said(&p, 1000), 4);
}

static void a_flood_has_the_oldest_forgotten(void **state)
{
	enum { MANY = 2 * ANSWERS_BUCKETS * ANSWERS_WAYS };
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		const struct packet p = packet_of(i, 4000, i);

		answers_put(&answers, &p, i + 1, i % 250);
		assert_int_equal(said(&p, i + 1), i % 250);
	}
	for (unsigned i = 0; i < MANY; i++) {
		const struct packet p = packet_of(i, 4000, i);
		const int lane = said(&p, MANY);

		assert_true(lane == -1 || lane == (int)(i % 250));
		known += lane != -1;
	}
	assert_true(known > MANY / 3 && known <= MANY / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_same_packet_and_no_other, begin),
		cmocka_unit_test_setup(a_drop_is_an_answer, begin),
		cmocka_unit_test_setup(answers_age_and_are_forgotten, begin),
		cmocka_unit_test_setup(a_flood_has_the_oldest_forgotten, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
