/* SPDX-License-Identifier: ISC */
/* filter/limits/limits: who may begin a connection, and what it may bring. */
#include "test/unit/support.h"

#include "filter/limits/bans.h"
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

static struct limit_answer try(struct fixture *f, const char *client, uint64_t now_ms)
{
	struct ip ip = ip_of(client);
	uint32_t place;
	struct limit_answer a = limits_enter(&f->limits, f->rule, &f->of_rule, &ip, now_ms, &place);

	if (a.code == CODE_COUNT) {
		assert_true(place < PLACES);
		f->clients[place] = ip;
	}
	return a;
}

static enum code enter(struct fixture *f, const char *client, uint64_t now_ms)
{
	return try(f, client, now_ms).code;
}

/* Where the ledger has a connection of @client, which has one. */
static uint32_t place_of(const struct fixture *f, const char *client)
{
	struct ip ip = ip_of(client);
	uint32_t place = 0;

	while (!ip_eq(&f->clients[place], &ip))
		assert_true(++place < PLACES);
	return place;
}

static void leave(struct fixture *f, const char *client)
{
	const uint32_t place = place_of(f, client);

	f->clients[place] = (struct ip){ 0 };
	limits_leave(&f->limits, place);
}

static struct limit_answer room(struct fixture *f, const char *client, enum tally_what what,
	uint64_t n, bool take, uint64_t now_ms)
{
	return limits_room(&f->limits, place_of(f, client), &f->of_rule, what, n, take, now_ms);
}

static void count(
	struct fixture *f, const char *client, enum tally_what what, uint64_t n, uint64_t now_ms)
{
	limits_count(&f->limits, place_of(f, client), &f->of_rule, what, n, now_ms);
}

/* At most @n in any @ms for each client. */
static struct rule_limits per_client(enum tally_what what, uint64_t n, uint32_t ms)
{
	struct rule_limits l = { 0 };

	l.windows[what].client = (struct limit_window){ n, ms };
	l.windows[what].at.line = 7;
	return l;
}

static struct rule_limits in_total(enum tally_what what, uint64_t n, uint32_t ms)
{
	struct rule_limits l = { 0 };

	l.windows[what].total = (struct limit_window){ n, ms };
	l.windows[what].at.line = 7;
	return l;
}

static struct rule_limits then(struct rule_limits l, enum tally_what what, enum limit_then then)
{
	l.windows[what].then = then;
	l.windows[what].then_ms = 60000;
	return l;
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
	begin(&f, per_client(TALLY_CONNECTIONS, 2, 10000));
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
	struct limit_answer a;

	(void)state;
	begin(&f,
		then(per_client(TALLY_CONNECTIONS, 1, 1000), TALLY_CONNECTIONS, LIMIT_THEN_REFUSE));
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	a = try(&f, "192.0.2.1", 100100);
	assert_int_equal(a.code, CODE_LIMIT_RATE);
	assert_true(a.permanent);
	assert_int_equal(a.ban_ms, 60000);
	assert_int_equal(try(&f, "192.0.2.1", 100200).ban_ms, 0); /* it is told once */
	assert_int_equal(enter(&f, "192.0.2.1", 150000), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160099), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.1", 160100), CODE_COUNT);
	end(&f);
}

/* By posternd, for an administrator; or at its start, for what was on disk. */
static void a_ban_is_lifted_and_put_back(void **state)
{
	struct fixture f;
	struct ip ip = ip_of("192.0.2.1");
	struct tally_key key;

	(void)state;
	begin(&f, then(per_client(TALLY_CONNECTIONS, 1, 60000), TALLY_CONNECTIONS,
			  LIMIT_THEN_REFUSE));
	key = (struct tally_key){ .rule = f.rule, .client = ip };
	assert_false(bans_lift(&f.tally, &key, 100000));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
		assert_int_equal(try(&f, "192.0.2.1", 100000).ban_by, TALLY_CONNECTIONS);
		assert_true(bans_lift(&f.tally, &key, 100000));
		assert_false(bans_lift(&f.tally, &key, 100000));
	}
	assert_int_equal(total(&f), 3); /* they are open all the same */
	assert_true(bans_put(&f.tally, &key, TALLY_CONNECTIONS, 200000, 100000));
	assert_true(bans_put(&f.tally, &key, TALLY_ERRORS, 150000, 100000)); /* shorter: nothing */
	assert_int_equal(enter(&f, "192.0.2.1", 199999), CODE_LIMIT_RATE);
	assert_int_equal(enter(&f, "192.0.2.2", 199999), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.2", 199999), CODE_LIMIT_RATE);
	assert_int_equal(bans_lift_all(&f.tally, 199999), 2);
	assert_int_equal(bans_lift_all(&f.tally, 199999), 0);
	assert_int_equal(enter(&f, "192.0.2.1", 199999), CODE_COUNT);
	end(&f);
}

static void tempfail_bans_with_a_temporary_code(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, then(per_client(TALLY_CONNECTIONS, 1, 1000), TALLY_CONNECTIONS,
			  LIMIT_THEN_TEMPFAIL));
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_false(try(&f, "192.0.2.1", 100100).permanent);
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
	begin(&f,
		then(per_client(TALLY_CONNECTIONS, 1, 1000), TALLY_CONNECTIONS, LIMIT_THEN_REFUSE));
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
		uint32_t place;
		assert_int_equal(limits_enter(&f.limits, f.rule, &f.of_rule, &ip, 5, &place).code,
			CODE_COUNT);
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
	const struct ledger_entry e = { .rule = 1 };

	(void)state;
	begin(&f, (struct rule_limits){ 0 });
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	while (!ledger_full(&f.ledger))
		ledger_add(&f.ledger, &e);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_LIMIT_MEMORY);
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

static void the_rate_of_all_is_of_no_client(void **state)
{
	struct fixture f;
	struct limit_answer a;

	(void)state;
	begin(&f, in_total(TALLY_CONNECTIONS, 2, 10000));
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.2", 100000), CODE_COUNT);
	a = try(&f, "192.0.2.3", 100000);
	assert_int_equal(a.code, CODE_LIMIT_RATE_TOTAL);
	assert_int_equal(a.at.line, 7);
	assert_false(a.permanent);
	assert_int_equal(total(&f), 2);
	assert_int_equal(enter(&f, "192.0.2.3", 121000), CODE_COUNT);
	end(&f);
}

static void what_the_total_refuses_takes_nothing_of_the_client(void **state)
{
	struct rule_limits l = per_client(TALLY_CONNECTIONS, 2, 10000);
	struct fixture f;

	(void)state;
	l.windows[TALLY_CONNECTIONS].total = (struct limit_window){ 1, 1000 };
	begin(&f, l);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(&f, "192.0.2.2", 100000), CODE_LIMIT_RATE_TOTAL);
	assert_int_equal(enter(&f, "192.0.2.2", 102000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.2", 104000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.2", 106000), CODE_LIMIT_RATE);
	end(&f);
}

static void recipients_are_taken_while_there_are_some(void **state)
{
	struct rule_limits l = per_client(TALLY_RECIPIENTS, 2, 10000);
	struct fixture f;
	struct limit_answer a;

	(void)state;
	l.windows[TALLY_RECIPIENTS].total = (struct limit_window){ 3, 10000 };
	begin(&f, l);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.2", 100000), CODE_COUNT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			room(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, true, 100000).code, CODE_COUNT);
	a = room(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, true, 100000);
	assert_int_equal(a.code, CODE_LIMIT_RECIPIENTS_CLIENT);
	assert_int_equal(a.at.line, 7);
	assert_int_equal(a.ban_ms, 0);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT); /* no ban was asked for */
	assert_int_equal(room(&f, "192.0.2.2", TALLY_RECIPIENTS, 1, true, 100000).code, CODE_COUNT);
	assert_int_equal(room(&f, "192.0.2.2", TALLY_RECIPIENTS, 1, true, 100000).code,
		CODE_LIMIT_RECIPIENTS_TOTAL);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, true, 121000).code, CODE_COUNT);
	end(&f);
}

static void octets_are_counted_when_they_came(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, then(per_client(TALLY_OCTETS, 10240, 10000), TALLY_OCTETS, LIMIT_THEN_REFUSE));
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(
		room(&f, "192.0.2.1", TALLY_OCTETS, 10240, false, 100000).code, CODE_COUNT);
	count(&f, "192.0.2.1", TALLY_OCTETS, 9000, 100000); /* nine units of 1024 */
	assert_int_equal(room(&f, "192.0.2.1", TALLY_OCTETS, 0, false, 100000).code, CODE_COUNT);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_OCTETS, 1024, false, 100000).code, CODE_COUNT);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_OCTETS, 1025, false, 100000).code,
		CODE_LIMIT_OCTETS_CLIENT);
	/* too large for what is left is no offence */
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	count(&f, "192.0.2.1", TALLY_OCTETS, UINT64_MAX, 100000);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_OCTETS, 0, false, 100000).ban_ms, 60000);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_LIMIT_OCTETS_CLIENT);
	assert_true(try(&f, "192.0.2.1", 159999).permanent);
	assert_int_equal(enter(&f, "192.0.2.1", 160000), CODE_COUNT);
	end(&f);
}

static void errors_of_all_sessions_shut_the_door(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, per_client(TALLY_ERRORS, 3, 10000));
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	count(&f, "192.0.2.1", TALLY_ERRORS, 1, 100000);
	count(&f, "192.0.2.1", TALLY_ERRORS, 1, 100000);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_ERRORS, 0, false, 100000).code, CODE_COUNT);
	count(&f, "192.0.2.1", TALLY_ERRORS, 1, 100000);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_ERRORS, 0, false, 100000).code,
		CODE_LIMIT_ERRORS_CLIENT);
	for (int i = 0; i < 9; i++) /* looked at, not counted */
		assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_LIMIT_ERRORS_CLIENT);
	assert_int_equal(enter(&f, "192.0.2.2", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 114000), CODE_COUNT);
	end(&f);
}

static void a_ban_names_the_limit_it_came_by(void **state)
{
	struct rule_limits l =
		then(per_client(TALLY_ERRORS, 1, 1000), TALLY_ERRORS, LIMIT_THEN_TEMPFAIL);
	struct fixture f;
	struct limit_answer a;

	(void)state;
	l.windows[TALLY_CONNECTIONS].client = (struct limit_window){ 1000, 1000 };
	l.windows[TALLY_CONNECTIONS].then = LIMIT_THEN_REFUSE;
	l.windows[TALLY_CONNECTIONS].at.line = 6;
	begin(&f, l);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	count(&f, "192.0.2.1", TALLY_ERRORS, 1, 100000);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_ERRORS, 0, false, 100000).ban_ms, 60000);
	a = try(&f, "192.0.2.1", 130000);
	assert_int_equal(a.code, CODE_LIMIT_ERRORS_CLIENT);
	assert_int_equal(a.at.line, 7);
	assert_false(a.permanent);
	/* sessions that are open go on */
	assert_int_equal(room(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, true, 130000).code, CODE_COUNT);
	/* and whatever another process writes there */
	for (unsigned i = 0; i < 1024; i++)
		f.tally.slots[i].banned_by = 77;
	assert_int_equal(enter(&f, "192.0.2.1", 130000), CODE_COUNT);
	end(&f);
}

static void a_session_with_too_many_errors_bans_its_client(void **state)
{
	struct rule_limits l = { .errors = 3 };
	struct fixture f;

	(void)state;
	assert_false(limits_ban_by_session(&l));
	l = then(l, TALLY_ERRORS, LIMIT_THEN_REFUSE);
	assert_true(limits_ban_by_session(&l));
	begin(&f, l);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 100000), CODE_COUNT);
	assert_int_equal(limits_session_over(&f.limits, 0, &f.of_rule, 100000), 60000);
	assert_int_equal(limits_session_over(&f.limits, 1, &f.of_rule, 100001), 0);
	assert_int_equal(enter(&f, "192.0.2.1", 159999), CODE_LIMIT_ERRORS_CLIENT);
	assert_int_equal(enter(&f, "192.0.2.2", 159999), CODE_COUNT);
	assert_int_equal(enter(&f, "192.0.2.1", 160000), CODE_COUNT);
	l.windows[TALLY_ERRORS].client = (struct limit_window){ 9, 1000 };
	assert_false(limits_ban_by_session(&l)); /* then it is the window's */
	end(&f);
}

static void who_cannot_be_counted_brings_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin_with(&f, (struct rule_limits){ 0 }, TALLY_WAYS);
	assert_int_equal(enter(&f, "192.0.2.1", 5), CODE_COUNT);
	for (unsigned i = 0; i < TALLY_WAYS; i++)
		f.tally.slots[i] = (struct tally_slot){ .rule = i + 1, .connections = 1 };
	f.of_rule = per_client(TALLY_RECIPIENTS, 5, 1000);
	count(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, 5);
	assert_int_equal(room(&f, "192.0.2.1", TALLY_RECIPIENTS, 1, true, 5).code,
		CODE_LIMIT_RECIPIENTS_CLIENT);
	assert_int_equal(limits_session_over(&f.limits, 0, &f.of_rule, 5), 0);
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
		cmocka_unit_test(a_ban_is_lifted_and_put_back),
		cmocka_unit_test(tempfail_bans_with_a_temporary_code),
		cmocka_unit_test(what_is_refused_leaves_nothing_counted),
		cmocka_unit_test(a_limit_that_comes_later_finds_who_is_there),
		cmocka_unit_test(generations_count_a_rule_together),
		cmocka_unit_test(a_ban_ends_with_the_statement_that_asked_for_it),
		cmocka_unit_test(without_room_only_a_limit_refuses),
		cmocka_unit_test(a_full_ledger_refuses),
		cmocka_unit_test(a_count_that_another_process_broke_is_let_be),
		cmocka_unit_test(the_rate_of_all_is_of_no_client),
		cmocka_unit_test(what_the_total_refuses_takes_nothing_of_the_client),
		cmocka_unit_test(recipients_are_taken_while_there_are_some),
		cmocka_unit_test(octets_are_counted_when_they_came),
		cmocka_unit_test(errors_of_all_sessions_shut_the_door),
		cmocka_unit_test(a_ban_names_the_limit_it_came_by),
		cmocka_unit_test(a_session_with_too_many_errors_bans_its_client),
		cmocka_unit_test(who_cannot_be_counted_brings_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
