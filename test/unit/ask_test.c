/* SPDX-License-Identifier: ISC */
/* Questions and answers over a pair; the servant is this test. */
#include "proxy/relay/ask.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test/unit/support.h"

static struct ev_loop *loop;
static struct asks asks;
static int servant, ours;

static struct question {
	struct ask ask; /* first */
	unsigned answers, nulls;
	bool ends; /* with its first answer */
} first, second;

static void on_answer(struct ask *k, const struct msg *m)
{
	struct question *q = (struct question *)(void *)k;

	q->answers++;
	q->nulls += m == NULL;
	if (q->ends)
		ask_end(k);
}

static void begin(struct question *q)
{
	*q = (struct question){ .ask.answered = on_answer };
	ask_begin(&asks, &q->ask);
}

static void say(struct question *q)
{
	uint64_t body = 0;

	ask_say(&q->ask, AUTH_MORE, &body, sizeof(body));
}

/* One answer to whoever has the number. */
static void answer(uint64_t number)
{
	assert_int_equal(
		msg_send(servant, AUTH_DONE, span_of(&number, sizeof(number)), -1), MSG_OK);
	ev_run(loop, EVRUN_NOWAIT);
}

/* The servant takes @n questions. */
static void take(unsigned n)
{
	uint8_t block[MSG_HEAD + 64];
	struct msg m;

	while (n-- > 0)
		assert_int_equal(msg_recv(servant, block, sizeof(block), &m), MSG_OK);
}

/* It ends: as posternd says it. */
static void lose(void)
{
	struct ask_lost lost;
	int n;

	assert_int_equal(ioctl(servant, SIOCINQ, &n), 0);
	lost.unread = (uint64_t)n;
	assert_int_equal(msg_send(servant, ASK_LOST, span_of(&lost, sizeof(lost)), -1), MSG_OK);
	ev_run(loop, EVRUN_NOWAIT); /* which hears it */
	ev_run(loop, EVRUN_NOWAIT); /* and tells them */
}

static int setup(void **state)
{
	int pair[2];

	(void)state;
	loop = ev_loop_new(EVBACKEND_EPOLL);
	assert_int_equal(msg_pair(pair), 0);
	ours = pair[0];
	servant = pair[1];
	assert_int_equal(asks_init(&asks, loop, ours), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ask_end(&first.ask);
	ask_end(&second.ask);
	asks_deinit(&asks);
	close(ours);
	close(servant);
	ev_loop_destroy(loop);
	return 0;
}

static void each_gets_its_own(void **state)
{
	(void)state;
	begin(&first);
	begin(&second);
	say(&first);
	say(&second);
	answer(second.ask.number);
	assert_int_equal(first.answers, 0);
	assert_int_equal(second.answers, 1);
	answer(second.ask.number + 1);
	assert_int_equal(first.answers + second.answers, 1);
}

/* Who asked may think for as long as he likes before he asks on. */
static void nothing_is_late_between_questions(void **state)
{
	(void)state;
	begin(&first);
	assert_false(ev_is_active(&first.ask.timer));
	say(&first);
	assert_true(ev_is_active(&first.ask.timer));
	answer(first.ask.number);
	assert_false(ev_is_active(&first.ask.timer));
	say(&first);
	assert_true(ev_is_active(&first.ask.timer));
}

static void an_answer_to_no_question(void **state)
{
	(void)state;
	begin(&first);
	answer(first.ask.number);
	assert_int_equal(first.answers, 0);
	say(&first);
	answer(first.ask.number);
	answer(first.ask.number);
	assert_int_equal(first.answers, 1);
}

/* What it had read is answered by nobody, and who was not waiting is not disturbed. */
static void a_servant_that_ends(void **state)
{
	(void)state;
	begin(&first);
	begin(&second);
	say(&first);
	take(1);
	lose();
	assert_int_equal(first.nulls, 1);
	assert_int_equal(second.answers, 0);
	say(&first); /* the successor takes it */
	answer(first.ask.number);
	assert_int_equal(first.answers, 2);
	assert_int_equal(first.nulls, 1);
}

/* What it had not read its successor will. */
static void a_servant_that_ends_before_it_has_read(void **state)
{
	(void)state;
	begin(&first);
	begin(&second);
	say(&first);
	say(&second);
	take(1);
	lose();
	assert_int_equal(first.nulls, 1);
	assert_int_equal(second.answers, 0);
	answer(second.ask.number);
	assert_int_equal(second.answers, 1);
	assert_int_equal(second.nulls, 0);
}

static void one_that_ends_with_its_answer(void **state)
{
	(void)state;
	begin(&first);
	begin(&second);
	first.ends = true;
	say(&first);
	say(&second);
	take(2);
	lose();
	assert_null(first.ask.asks);
	assert_int_equal(first.nulls + second.nulls, 2);
}

static void nobody_to_ask(void **state)
{
	struct asks none;

	(void)state;
	assert_int_equal(asks_init(&none, loop, -1), 0);
	first = (struct question){ .ask.answered = on_answer };
	ask_begin(&none, &first.ask);
	say(&first);
	assert_int_equal(first.answers, 0);
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(first.nulls, 1);
	ask_end(&first.ask);
	asks_deinit(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_gets_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_late_between_questions, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_to_no_question, setup, teardown),
		cmocka_unit_test_setup_teardown(a_servant_that_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_servant_that_ends_before_it_has_read, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_ends_with_its_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_to_ask, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
