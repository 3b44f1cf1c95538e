/* SPDX-License-Identifier: ISC */
#include "log/sender.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/msg.h"
#include "log/batch.h"
#include "test/unit/support.h"

#define WALL_NS 1795338845000001000

static int pair[2];
static struct log_sender sender;
static uint8_t packet[LOG_BATCH_MAX];

static int open_sender(void **state)
{
	int r = msg_pair(pair);

	(void)state;
	log_sender_init(&sender, pair[0]);
	return r;
}

static int close_sender(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* One record of about @n octets. False: dropped. */
static bool put(size_t n)
{
	static uint8_t text[RECORD_MAX];
	struct record *r = log_sender_begin(&sender, WALL_NS, "PN1005", "debug", "command-passed");

	if (r == NULL)
		return false;
	memset(text, 'x', sizeof text);
	record_octets(r, "line", span_of(text, n), SIZE_MAX);
	log_sender_end(&sender);
	return true;
}

/* Takes one packet; its lines are counted. */
static struct span take(uint64_t *lines)
{
	ssize_t n = recv(pair[1], packet, sizeof packet, MSG_DONTWAIT);
	struct span s = span_of(packet, n > 0 ? (size_t)n : 0);

	assert_true(log_batch_ok(s));
	for (size_t i = 0; i < s.n; i++)
		*lines += s.p[i] == '\n';
	return s;
}

static void records_travel_as_one_packet(void **state)
{
	uint64_t lines = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(put(10));
	assert_int_equal(take(&lines).n, 0); /* nothing is sent before the loop goes round */
	log_sender_flush(&sender, WALL_NS);
	log_sender_flush(&sender, WALL_NS);
	assert_true(take(&lines).n > 0);
	assert_int_equal(lines, 5);
	assert_int_equal(take(&lines).n, 0);
}

static void a_whole_batch_is_sent_at_once(void **state)
{
	uint64_t lines = 0;

	(void)state;
	while (take(&lines).n == 0)
		assert_true(put(1000));
	assert_true(lines > 50 && lines < 65);
	assert_true(sender.n < 2000);
}

static void large_records_are_parted_at_line_ends(void **state)
{
	uint64_t lines = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(put(30000));
	log_sender_flush(&sender, WALL_NS);
	while (take(&lines).n > 0)
		;
	assert_int_equal(lines, 3);
}

/* Nobody reads: put() says so in the end, and never waits. What was dropped is told, once, when
 * there is room. */
static void a_slow_log_costs_counted_records(void **state)
{
	uint64_t put_n = 0, dropped = 0, lines = 0;
	char want[64];
	struct span s;

	(void)state;
	while (dropped < 3) {
		if (put(2000))
			put_n++;
		else
			dropped++;
		log_sender_flush(&sender, WALL_NS);
		assert_true(put_n < 10000);
	}
	while (take(&lines).n > 0)
		log_sender_flush(&sender, WALL_NS);
	assert_int_equal(sender.n, 0);
	assert_int_equal(lines, put_n + 1); /* and the PN8001 */
	assert_int_equal(sender.dropped, 0);

	lines = 0;
	sender.dropped = 7;
	assert_true(put(1));
	log_sender_flush(&sender, WALL_NS);
	s = take(&lines);
	assert_int_equal(lines, 2);
	snprintf(want, sizeof want, "\"event\":\"log-dropped\",\"records\":7,\"by\":\"sender\"}");
	assert_non_null(memmem(s.p, s.n, want, strlen(want)));
}

static void without_a_log_all_is_dropped(void **state)
{
	(void)state;
	assert_true(put(1));
	assert_true(put(1));
	close(pair[1]);
	pair[1] = -1;
	log_sender_flush(&sender, WALL_NS);
	assert_false(put(1));
	assert_int_equal(log_sender_close(&sender, WALL_NS, 10000), 3);
}

static void closing_waits_for_a_slow_log_with_an_end(void **state)
{
	uint64_t lines = 0, lost;

	(void)state;
	while (put(2000))
		log_sender_flush(&sender, WALL_NS);
	lost = log_sender_close(&sender, WALL_NS, 1);
	assert_true(lost > 1);
	do {
		lines = 0;
		while (take(&lines).n > 0)
			;
		lost = log_sender_close(&sender, WALL_NS, 1);
	} while (lost > 0 && lines > 0);
	assert_int_equal(lost, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_sender, close_sender)
	const struct CMUnitTest tests[] = {
		TEST(records_travel_as_one_packet),
		TEST(a_whole_batch_is_sent_at_once),
		TEST(large_records_are_parted_at_line_ends),
		TEST(a_slow_log_costs_counted_records),
		TEST(without_a_log_all_is_dropped),
		TEST(closing_waits_for_a_slow_log_with_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
