/* SPDX-License-Identifier: ISC */
/* filter/gate/judge, book, dead: which lane a first packet gets, under which rules. */
#include "filter/gate/judge.h"

#include <stdio.h>
#include <unistd.h>

#include "base/memfd.h"
#include "rules/bundle.h"
#include "test/unit/rules_of.h"

#define V4 "198.51.100.2:25"

static const char rules[] =
	"version 1\n"
	"set blocked { dynamic timeout 4h }\n"
	"publish inspected { external 198.51.100.2:25; internal 10.0.0.1:25\n"
	"  from any except blocked }\n"
	"publish first { external 198.51.100.2:993, 198.51.100.2:995\n"
	"  internal 10.0.0.1, 10.0.0.2 balance first; pass }\n"
	"publish turns { external 198.51.100.3:993; pass\n"
	"  internal 10.0.0.1:1, 10.0.0.2:2, 10.0.0.3:3 balance round-robin }\n"
	"publish limited { external 198.51.100.4:993; internal 10.0.0.1:993; pass\n"
	"  limit connections 2 per client, 3 total; limit rate 5 per 1m per client }\n"
	"publish banned { external 198.51.100.5:993; internal 10.0.0.1:993; pass\n"
	"  limit rate 2 per 1m per client then refuse for 10m }\n"
	"publish asis { external any:4190; internal original; pass }\n"
	"publish mixed { external 198.51.100.6:993, [2001:db8::6]:993; pass\n"
	"  internal 10.0.0.1:993, [fd00::1]:993 }\n"
	"publish only4 { external [2001:db8::7]:993; internal 10.0.0.1:993\n"
	"  client-address gateway; pass }\n";

struct fixture {
	struct shared shared;
	struct ledger ledger;
	struct book book;
	struct dead dead;
	struct judge judge;
	uint32_t seq;
};

static struct fixture f;

/* ---- rules ---- */

static int bundle_of(const char *text)
{
	static uint8_t block[1 << 20];
	const struct source source = {
		.kind = SOURCE_RULES, .name = "rules.conf", .text = span_str(text)
	};
	struct rules_of r;
	struct out o;
	int fd;

	rules_of_init(&r, text);
	out_init(&o, block, sizeof(block));
	bundle_write(&o, r.rs, &source, 1);
	rules_of_deinit(&r);
	assert_false(o.full);
	fd = memfd_sealed("test", out_span(&o));
	assert_true(fd >= 0);
	return fd;
}

static struct span lanes_of(const char *text, struct out *o)
{
	static uint8_t room[1 << 18];
	struct arena arena;
	struct lanes lanes;
	struct rules_of r;

	rules_of_init(&r, text);
	arena_init(&arena, room, sizeof(room));
	assert_int_equal(lanes_assign(&arena, r.rs, (struct span){ 0 }, &lanes), LANES_OK);
	lanes_print(o, &lanes);
	rules_of_deinit(&r);
	return out_span(o);
}

static int add(const char *text, struct span lanes)
{
	uint8_t words[512];
	struct out problem;
	const int fd = bundle_of(text);
	int r;

	out_init(&problem, words, sizeof(words));
	r = book_add(&f.book, fd, lanes, &f.shared.tally, &problem);
	close(fd);
	return r;
}

static void add_good(const char *text)
{
	uint8_t block[4096];
	struct out o;

	out_init(&o, block, sizeof(block));
	assert_int_equal(add(text, lanes_of(text, &o)), BOOK_OK);
}

static void begin_with(const char *text)
{
	const int counts = shared_make(), ledger = ledger_make();

	f = (struct fixture){ 0 };
	assert_int_equal(shared_map(&f.shared, counts, 1), 0);
	assert_int_equal(ledger_map(&f.ledger, ledger), 0);
	close(counts);
	close(ledger);
	f.judge = (struct judge){ &f.dead, &f.shared, { &f.shared.tally, &f.ledger, 64 } };
	add_good(text);
}

static int begin(void **state)
{
	(void)state;
	begin_with(rules);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	book_deinit(&f.book);
	dead_deinit(&f.dead);
	ledger_unmap(&f.ledger);
	shared_unmap(&f.shared);
	return 0;
}

/* ---- asking ---- */

static struct ip_port port_of(const char *text)
{
	struct ip_port p;

	assert_true(ip_port_parse(span_str(text), &p));
	return p;
}

static struct ruling ask_at(const char *client, const char *asked, uint64_t now_ms)
{
	const struct packet p = {
		.client = port_of(client), .asked = port_of(asked), .seq = f.seq++
	};

	return judge(&f.judge, f.book.current, &p, 1800000000, now_ms);
}

static struct ruling ask(const char *client, const char *asked)
{
	return ask_at(client, asked, 1000);
}

static void expect_internal(const struct ruling *r, const char *want)
{
	uint8_t text[64];
	struct out o;

	assert_int_equal(r->why, CODE_COUNT);
	assert_true(r->lane > 0);
	out_init(&o, text, sizeof(text));
	ip_port_print(&o, &r->internal);
	expect_str(out_cstr(&o), want, "internal", r->rule->name);
}

static void dead(const char *one, const char *other)
{
	struct ip_port list[2];
	size_t n = 0;

	if (one)
		list[n++] = port_of(one);
	if (other)
		list[n++] = port_of(other);
	assert_int_equal(dead_set(&f.dead, span_of(list, n * sizeof(list[0]))), 0);
}

static void expect_reset(const struct ruling *r, enum code why)
{
	assert_int_equal(r->why, why);
	assert_int_equal(r->lane, lane_reset(&f.book.current->rs->host));
}

/* ---- tests ---- */

static void an_inspected_rule_has_its_lane(void **state)
{
	const struct ruling r = ask("203.0.113.9:4000", V4);

	(void)state;
	assert_string_equal(r.rule->name, "inspected");
	assert_int_equal(r.lane, 1);
	assert_int_equal(r.why, CODE_COUNT);
}

static void no_rule_is_what_default_says(void **state)
{
	static const char *const words[] = { "drop", "reset", "refuse" };
	const unsigned lanes[] = { 0, lane_reset(&f.book.current->rs->host),
		lane_refuse(&f.book.current->rs->host) };
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		struct ruling r;

		snprintf(text, sizeof(text), "version 1\ndefault %s\n", words[i]);
		add_good(text);
		r = ask("203.0.113.9:4000", V4);
		assert_null(r.rule);
		assert_int_equal(r.why, CODE_SESSION_UNPUBLISHED);
		assert_int_equal(r.lane, lanes[i]);
	}
}

static void balance_first(void **state)
{
	struct ruling r = ask("203.0.113.9:4000", "198.51.100.2:993");

	(void)state;
	expect_internal(&r, "10.0.0.1:993");
	dead("10.0.0.1:993", NULL);
	r = ask("203.0.113.9:4000", "198.51.100.2:993");
	expect_internal(&r, "10.0.0.2:993");
	r = ask("203.0.113.9:4000", "198.51.100.2:995"); /* the port that was asked for lives */
	expect_internal(&r, "10.0.0.1:995");
	dead("10.0.0.1:993", "10.0.0.2:993");
	r = ask("203.0.113.9:4000", "198.51.100.2:993");
	expect_reset(&r, CODE_SERVER_NONE_LIVE);
	dead(NULL, NULL);
	r = ask("203.0.113.9:4000", "198.51.100.2:993");
	expect_internal(&r, "10.0.0.1:993");
}

static void balance_round_robin(void **state)
{
	static const char *const want[] = { "10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3",
		"10.0.0.1:1" };
	struct ruling r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		r = ask("203.0.113.9:4000", "198.51.100.3:993");
		expect_internal(&r, want[i]);
	}
	dead("10.0.0.2:2", NULL);
	r = ask("203.0.113.9:4000", "198.51.100.3:993");
	expect_internal(&r, "10.0.0.3:3");
	r = ask("203.0.113.9:4000", "198.51.100.3:993");
	expect_internal(&r, "10.0.0.1:1");
}

static void families_do_not_mix(void **state)
{
	struct ruling r = ask("203.0.113.9:4000", "198.51.100.6:993");

	(void)state;
	expect_internal(&r, "10.0.0.1:993");
	r = ask("[2001:db8:1::9]:4000", "[2001:db8::6]:993");
	expect_internal(&r, "[fd00::1]:993");
	r = ask("[2001:db8:1::9]:4000", "[2001:db8::7]:993");
	expect_reset(&r, CODE_SERVER_FAMILY);
}

static void original_goes_where_it_was_going(void **state)
{
	const struct ruling r = ask("203.0.113.9:4000", "192.0.2.77:4190");

	(void)state;
	expect_internal(&r, "192.0.2.77:4190");
}

/* Counts as the gate does when a handshake is complete. */
static enum code enter(const char *rule, const char *client, uint64_t now_ms)
{
	const struct publish *p = NULL;
	const struct ip_port from = port_of(client);
	const struct ruleset *rs = f.book.current->rs;
	uint32_t place;

	for (size_t i = 0; i < rs->n_rules; i++)
		if (strcmp(rs->rules[i].publish->name, rule) == 0)
			p = rs->rules[i].publish;
	assert_non_null(p);
	return limits_enter(&f.judge.limits, f.book.current->rules[p->number].key, &p->limits,
		&from.ip, now_ms, &place)
		.code;
}

static void limits_are_seen_and_not_counted(void **state)
{
	struct ruling r;

	(void)state;
	for (unsigned i = 0; i < 20; i++) { /* SYNs count nothing */
		r = ask("203.0.113.9:4000", "198.51.100.4:993");
		expect_internal(&r, "10.0.0.1:993");
	}
	assert_int_equal(enter("limited", "203.0.113.9:4000", 1000), CODE_COUNT);
	assert_int_equal(enter("limited", "203.0.113.9:4001", 1000), CODE_COUNT);
	r = ask("203.0.113.9:4002", "198.51.100.4:993");
	expect_reset(&r, CODE_LIMIT_CONNECTIONS_CLIENT);
	assert_int_equal(r.at.line, 10);
	r = ask("203.0.113.10:4002", "198.51.100.4:993");
	expect_internal(&r, "10.0.0.1:993");
	assert_int_equal(enter("limited", "203.0.113.10:4001", 1000), CODE_COUNT);
	r = ask("203.0.113.11:4002", "198.51.100.4:993");
	expect_reset(&r, CODE_LIMIT_CONNECTIONS_TOTAL);
}

static void a_rate_is_seen(void **state)
{
	struct ruling r;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(enter("limited", "203.0.113.9:4000", 1000), CODE_COUNT);
		limits_leave(&f.judge.limits, 0);
	}
	r = ask("203.0.113.9:4002", "198.51.100.4:993");
	expect_reset(&r, CODE_LIMIT_RATE);
	r = ask_at("203.0.113.9:4002", "198.51.100.4:993", 200000);
	expect_internal(&r, "10.0.0.1:993");
}

static void a_ban_begins_with_a_handshake(void **state)
{
	struct ruling r;

	(void)state;
	assert_int_equal(enter("banned", "203.0.113.9:4000", 1000), CODE_COUNT);
	assert_int_equal(enter("banned", "203.0.113.9:4000", 1000), CODE_COUNT);
	for (unsigned i = 0; i < 20; i++) { /* forged, maybe */
		r = ask("203.0.113.9:4002", "198.51.100.5:993");
		expect_internal(&r, "10.0.0.1:993");
	}
	assert_int_equal(enter("banned", "203.0.113.9:4000", 1000), CODE_LIMIT_RATE);
	r = ask("203.0.113.9:4002", "198.51.100.5:993");
	expect_reset(&r, CODE_LIMIT_RATE);
	r = ask_at("203.0.113.9:4002", "198.51.100.5:993", 500000);
	expect_reset(&r, CODE_LIMIT_RATE);
	r = ask_at("203.0.113.9:4002", "198.51.100.5:993", 700000);
	expect_internal(&r, "10.0.0.1:993");
}

static void give_members(const char *text, bool good)
{
	const int fd = memfd_sealed("test", span_str(text));

	assert_true(fd >= 0);
	assert_int_equal(book_members(&f.book, fd), good);
	close(fd);
}

static void members_count_for_this_and_later_rules(void **state)
{
	(void)state;
	give_members("members 1\nblocked 203.0.113.0/24\n", true);
	assert_null(ask("203.0.113.9:4000", V4).rule);
	add_good(rules);
	assert_null(ask("203.0.113.9:4000", V4).rule);
	give_members("members 7\n", false);
	assert_null(ask("203.0.113.9:4000", V4).rule); /* those before stay */
	give_members("members 1\n", true);
	assert_non_null(ask("203.0.113.9:4000", V4).rule);
}

static void a_page_stays_while_it_is_needed(void **state)
{
	struct book_page *first = f.book.current, *page = NULL;

	(void)state;
	assert_ptr_equal(book_lane(&f.book, 1, &page)->rule->name, first->lanes.list[0].rule->name);
	first->open = 1;
	add_good("version 1\n");
	add_good("version 1\n");
	add_good("version 1\n");
	page = NULL;
	assert_non_null(book_lane(&f.book, 1, &page)); /* of a session that is open */
	assert_ptr_equal(page, first);
	first->open = 0;
	book_tidy(&f.book);
	assert_null(book_lane(&f.book, 1, &page));
	assert_non_null(f.book.current->older); /* the one before stays */
	assert_null(f.book.current->older->older);
}

static void nonsense_changes_nothing(void **state)
{
	const struct book_page *before = f.book.current;
	static const uint8_t odd[sizeof(struct ip_port) + 1];
	const struct ip_port none = { { IP_NONE, { 0 } }, 25 }, no_port = { { IP_V4, { 1 } }, 0 };
	uint8_t words[512];
	struct out problem;
	int fd = memfd_sealed("test", SPAN("no bundle"));

	(void)state;
	out_init(&problem, words, sizeof(words));
	assert_int_equal(book_add(&f.book, fd, SPAN("lanes 1 0\n"), &f.shared.tally, &problem),
		BOOK_E_RULES);
	close(fd);
	assert_int_equal(add(rules, SPAN("lanes 1 0\n")), BOOK_E_LANES);
	assert_ptr_equal(f.book.current, before);
	assert_int_equal(dead_set(&f.dead, span_of(odd, sizeof(odd))), 1);
	assert_int_equal(dead_set(&f.dead, span_of(&none, sizeof(none))), 1);
	assert_int_equal(dead_set(&f.dead, span_of(&no_port, sizeof(no_port))), 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(an_inspected_rule_has_its_lane),
		WITH(no_rule_is_what_default_says),
		WITH(balance_first),
		WITH(balance_round_robin),
		WITH(families_do_not_mix),
		WITH(original_goes_where_it_was_going),
		WITH(limits_are_seen_and_not_counted),
		WITH(a_rate_is_seen),
		WITH(a_ban_begins_with_a_handshake),
		WITH(members_count_for_this_and_later_rules),
		WITH(a_page_stays_while_it_is_needed),
		WITH(nonsense_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
