/* SPDX-License-Identifier: ISC */
/* filter/limits/limits: who may begin a connection. */
#include "test/unit/support.h"

#include "filter/limits/limits.h"

#include <stdlib.h>
#include <unistd.h>

static const uint64_t seed[2] = { 1, 2 };

#define PLACES 2048 /* connections a test opens and does not close */

/* One process with the rule "mail". */
struct fixture {
	struct limits limits;
	struct tally tally;
	struct ledger ledger;
	uint64_t rule;
	struct rule_limits of_rule;
	struct ip clients[PLACES]; /* by place in the ledger */
};

static void begin_with(struct fixture *f, struct rule_limits limits, uint32_t n_slots)
{
	struct tally_slot *slots = calloc(n_slots, sizeof(*slots));
	const int fd = ledger_make();

	assert_non_null(slots);
	assert_true(fd >= 0);
	*f = (struct fixture){ .of_rule = limits };
	tally_init(&f->tally, slots, n_slots, seed);
	assert_int_equal(ledger_map(&f->ledger, fd), 0);
	close(fd);
	f->limits = (struct limits){ &f->tally, &f->ledger, 64 };
	f->rule = tally_rule(&f->tally, SPAN("mail"));
}

static void begin(struct fixture *f, struct rule_limits limits)
{
	begin_with(f, limits, 1024);
}

static void end(struct fixture *f)
{
	ledger_unmap(&f->ledger);
	free(f->tally.slots);
}

/* Connections of the whole rule. */
static uint32_t total(struct fixture *f)
{
	const struct tally_slot *slot =
		tally_find(&f->tally, &(struct tally_key){ .rule = f->rule });

	return slot ? slot->connections : 0;
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
	struct limits_answer a = limits_enter(&f->limits, f->rule, &f->of_rule, &ip, now_ms);

	if (a.code == CODE_COUNT) {
		assert_true(a.place < PLACES);
		f->clients[a.place] = ip;
	}
	return a.code;
}

/* One connection of @client, which has one. */
static void leave(struct fixture *f, const char *client)
{
	struct ip ip = ip_of(client);
	uint32_t place = 0;

	while (!ip_eq(&f->clients[place], &ip))
		assert_true(++place < PLACES);
	f->clients[place] = (struct ip){ 0 };
	limits_leave(&f->limits, place);
}

static void without_limits_everybody_may(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ 0 });
	for (int i = 0; i < 1000; i++)
		assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(total(&f), 1000);
	end(&f);
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
	assert_int_equal(total(&f), 3);
	end(&f);
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
	end(&f);
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
	end(&f);
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
	a = limits_enter(&f.limits, f.rule, &f.of_rule, &client, 100100);
	assert_int_equal(a.code, CODE_LIMIT_RATE);
	assert_true(a.permanent);
	assert_int_equal(enter(&f, "192.0.2.1", 150000), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160099), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160100), CODE_COUNT);
	end(&f);
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
	assert_false(limits_enter(&f.limits, f.rule, &f.of_rule, &client, 100100).permanent);
	assert_int_equal(enter(&f, "192.0.2.1", 159000), CODE_LIMIT_RATE);
	end(&f);
}

static void what_is_refused_leaves_nothing_counted(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .connections_client = 1, .connections_total = 2 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	assert_int_equal(total(&f), 1);
	assert_int_equal(enter(&f, "192.0.2.2", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.3", 5), CODE_LIMIT_CONNECTIONS_TOTAL);
	leave(&f, "192.0.2.1");
	leave(&f, "192.0.2.2");
	assert_int_equal(total(&f), 0);
	assert_int_equal(ledger_end(&f.ledger), 2);
	end(&f);
}

static void a_limit_that_comes_later_finds_who_is_there(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ 0 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	f.of_rule = (struct rule_limits){ .connections_client = 2 };
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	f.of_rule = (struct rule_limits){ .connections_total = 2 };
	assert_int_equal(enter(&f, "192.0.2.2", 5), CODE_LIMIT_CONNECTIONS_TOTAL);
	leave(&f, "192.0.2.1");
	assert_int_equal(enter(&f, "192.0.2.2", 5), CODE_COUNT);
	end(&f);
}

/* Two proxies, the rules of one generation each: the rule kept its name. */
static void generations_count_a_rule_together(void **state)
{
	struct fixture old, new;
	struct tally_slot *own;

	(void)state;
	begin(&old, (struct rule_limits){ .connections_client = 2 });
	begin(&new, (struct rule_limits){ .connections_client = 2 });
	own = new.tally.slots;
	new.tally = old.tally;
	new.rule = tally_rule(&new.tally, SPAN("mail"));
	new.limits.client_prefix = 48;
	assert_int_equal(enter(&old, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&new, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&new, "192.0.2.1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);
	leave(&old, "192.0.2.1");
	assert_int_equal(enter(&new, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&old, "192.0.2.1", 5), CODE_LIMIT_CONNECTIONS_CLIENT);

	/* another prefix: each leaves what it entered */
	assert_int_equal(enter(&old, "2001:db8::1", 5), CODE_COUNT);
	assert_int_equal(enter(&new, "2001:db8::1", 5), CODE_COUNT);
	leave(&old, "2001:db8::1");
	leave(&new, "2001:db8::1");
	assert_int_equal(total(&old), 2);

	/* another name: another rule */
	new.rule = tally_rule(&new.tally, SPAN("mail-2"));
	assert_int_equal(enter(&new, "192.0.2.1", 5), CODE_COUNT);
	new.tally.slots = own;
	end(&old);
	end(&new);
}

static void a_ban_ends_with_the_statement_that_asked_for_it(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .rate = 1,
			  .rate_ms = 1000,
			  .rate_then = LIMIT_THEN_REFUSE,
			  .rate_for_ms = 60000 });
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 100100), CODE_LIMIT_RATE);
	f.of_rule = (struct rule_limits){ .connections_client = 5 };
	assert_int_equal(enter(&f, "192.0.2.1", 110000), CODE_COUNT);
	end(&f);
}

static void without_room_only_a_limit_refuses(void **state)
{
	struct fixture f;

	(void)state;
	begin_with(&f, (struct rule_limits){ 0 }, TALLY_WAYS);
	for (unsigned i = 0; i < 3 * TALLY_WAYS; i++) {
		struct ip ip = ip_v4((uint8_t[]){ 192, 0, 2, (uint8_t)i });
		assert_int_equal(
			limits_enter(&f.limits, f.rule, &f.of_rule, &ip, 5).code, CODE_COUNT);
	}
	assert_int_equal(total(&f), 3 * TALLY_WAYS);
	f.of_rule.connections_client = 9;
	assert_int_equal(enter(&f, "192.0.2.200", 5), CODE_LIMIT_MEMORY);
	f.of_rule = (struct rule_limits){ .connections_total = 1000 };
	assert_int_equal(enter(&f, "192.0.2.200", 5), CODE_COUNT);
	for (uint32_t place = 0; place < 3 * TALLY_WAYS; place++)
		limits_leave(&f.limits, place);
	assert_int_equal(total(&f), 1);
	/* who was not counted took nobody else with it */
	for (unsigned i = 0; i < TALLY_WAYS; i++)
		assert_in_range(f.tally.slots[i].connections, 0, 1);
	end(&f);
}

static void a_full_ledger_refuses(void **state)
{
	struct fixture f;
	struct ip ip = ip_of("192.0.2.1");
	const struct ledger_entry e = { .rule = 1 };

	(void)state;
	begin(&f, (struct rule_limits){ 0 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	while (!ledger_full(&f.ledger))
		ledger_add(&f.ledger, &e);
	assert_int_equal(
		limits_enter(&f.limits, f.rule, &f.of_rule, &ip, 5).code, CODE_LIMIT_MEMORY);
	leave(&f, "192.0.2.1");
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	end(&f);
}

static void a_count_that_another_process_broke_is_let_be(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, (struct rule_limits){ .connections_client = 2, .connections_total = 3 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	tally_find(&f.tally, &(struct tally_key){ .rule = f.rule })->connections = 0;
	leave(&f, "192.0.2.1");
	assert_int_equal(total(&f), 0);
	memset(f.tally.slots, 0, 1024 * sizeof(*f.tally.slots));
	leave(&f, "192.0.2.1");
	assert_int_equal(total(&f), 0);
	end(&f);
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
		cmocka_unit_test(what_is_refused_leaves_nothing_counted),
		cmocka_unit_test(a_limit_that_comes_later_finds_who_is_there),
		cmocka_unit_test(generations_count_a_rule_together),
		cmocka_unit_test(a_ban_ends_with_the_statement_that_asked_for_it),
		cmocka_unit_test(without_room_only_a_limit_refuses),
		cmocka_unit_test(a_full_ledger_refuses),
		cmocka_unit_test(a_count_that_another_process_broke_is_let_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
