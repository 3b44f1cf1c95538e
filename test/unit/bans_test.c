/* SPDX-License-Identifier: ISC */
#include "proxy/house/bans.h"

#include <errno.h>

#include "test/unit/alloc_fail.h"
#include "test/unit/rules_of.h"

#define NOW 1000000u

static const char text[] = "version 1\n"
			   "publish p {\n"
			   "    external 198.51.100.2:25, [2001:db8:2::2]:25\n"
			   "    internal 10.0.0.1:25, [fd00::1]:25\n"
			   "    limit rate 5 per 1m per client then refuse for 10m\n"
			   "    limit octets 5MiB per 1h per client\n"
			   "}\n";
static struct rules_of rules;

static int begin(void **state)
{
	(void)state;
	rules_of_init(&rules, text);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	rules_of_deinit(&rules);
	return 0;
}

static struct ip ip_of(const char *address)
{
	struct ip ip;

	assert_true(ip_parse(span_str(address), &ip));
	return ip;
}

static struct role_ban told_of(const char *client)
{
	return (struct role_ban){
		.rule = "p", .client = ip_of(client), .what = TALLY_CONNECTIONS, .seconds = 600
	};
}

static int read_told(const struct role_ban *told, struct ban *ban)
{
	const struct msg m = { ROLE_BAN, span_of(told, sizeof(*told)), -1 };

	return bans_read(&m, rules.rs, NOW, ban);
}

/* ---- what a role tells ---- */

static void expect_client(const char *client, const char *prefix)
{
	const struct role_ban told = told_of(client);
	struct ip_prefix want;
	struct ban ban;

	assert_true(ip_prefix_parse(span_str(prefix), &want));
	assert_int_equal(read_told(&told, &ban), 0);
	assert_true(ip_eq(&ban.client.ip, &want.ip));
	assert_int_equal(ban.client.bits, want.bits);
	assert_string_equal(ban.rule, "p");
	assert_int_equal(ban.end_ms, NOW + 600000);
}

/* No role chooses how much of the Internet is a client. */
static void a_client_is_what_is_counted_as_one(void **state)
{
	(void)state;
	expect_client("203.0.113.9", "203.0.113.9");
	expect_client("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
}

static void octets_behind_an_ipv4_address_mean_nothing(void **state)
{
	struct role_ban told = told_of("203.0.113.9");
	const struct ip want = told.client;
	struct ban ban;

	(void)state;
	memset(told.client.octets + 4, 0xff, 12);
	assert_int_equal(read_told(&told, &ban), 0);
	assert_true(ip_eq(&ban.client.ip, &want));
}

static void time_is_the_rules(void **state)
{
	struct role_ban told = told_of("203.0.113.9");
	struct ban ban;

	(void)state;
	told.seconds = UINT32_MAX;
	assert_int_equal(read_told(&told, &ban), 0);
	assert_int_equal(ban.end_ms, NOW + 600000);
	told.seconds = 1;
	assert_int_equal(read_told(&told, &ban), 0);
	assert_int_equal(ban.end_ms, NOW + 1000);
}

/* Of a generation that drains, or of one who means harm: nothing comes of it. */
static void other_rules_ban_nobody(void **state)
{
	struct role_ban told = told_of("203.0.113.9");
	struct ban ban;

	(void)state;
	told.what = TALLY_OCTETS; /* without `then` */
	assert_int_equal(read_told(&told, &ban), BANS_E_RULES);
	told.what = TALLY_ERRORS; /* without a limit */
	assert_int_equal(read_told(&told, &ban), BANS_E_RULES);
	told = told_of("203.0.113.9");
	strcpy(told.rule, "q");
	assert_int_equal(read_told(&told, &ban), BANS_E_RULES);
	told.rule[0] = '\0';
	assert_int_equal(read_told(&told, &ban), BANS_E_RULES);
}

static void nonsense(void **state)
{
	struct role_ban told = told_of("203.0.113.9");
	struct msg m = { ROLE_BAN, span_of(&told, sizeof(told)), -1 };
	struct ban ban;

	(void)state;
	for (size_t n = 0; n < sizeof(told); n++) {
		m.body.n = n;
		assert_int_equal(bans_read(&m, rules.rs, NOW, &ban), BANS_E_NONSENSE);
	}
	m.body.n = sizeof(told);
	m.fd = 0;
	assert_int_equal(bans_read(&m, rules.rs, NOW, &ban), BANS_E_NONSENSE);
	told.what = TALLY_WHATS;
	assert_int_equal(read_told(&told, &ban), BANS_E_NONSENSE);
	told = told_of("203.0.113.9");
	told.seconds = 0;
	assert_int_equal(read_told(&told, &ban), BANS_E_NONSENSE);
	told = told_of("203.0.113.9");
	told.client.family = IP_NONE;
	assert_int_equal(read_told(&told, &ban), BANS_E_NONSENSE);
	told.client.family = (enum ip_family)5;
	assert_int_equal(read_told(&told, &ban), BANS_E_NONSENSE);
	told = told_of("203.0.113.9");
	memset(told.rule, 'p', sizeof(told.rule)); /* without an end */
	assert_int_equal(read_told(&told, &ban), BANS_E_NONSENSE);
}

static void each_role_has_its_pace(void **state)
{
	struct bans_pace pace = { 0 };
	uint64_t now = NOW;
	unsigned n = 0;

	(void)state;
	while (bans_may(&pace, now))
		n++;
	assert_int_equal(n, BANS_BURST);
	for (n = 0; now < NOW + 10000; now += 10)
		n += bans_may(&pace, now);
	assert_int_equal(n, 10000 / BANS_EACH_MS - 1);
	assert_true(bans_may(&pace, UINT64_MAX / 2));
}

/* ---- the list ---- */

static struct ban ban_of(const char *rule, const char *client, uint64_t end_ms)
{
	struct ban ban = { .end_ms = end_ms };

	strcpy(ban.rule, rule);
	assert_true(ip_prefix_parse(span_str(client), &ban.client));
	return ban;
}

static void add(struct bans *b, const char *rule, const char *client, uint64_t end_ms)
{
	const struct ban ban = ban_of(rule, client, end_ms);

	assert_int_equal(bans_add(b, &ban), 0);
}

static size_t del(struct bans *b, const char *client)
{
	struct ip_prefix prefix;

	assert_true(ip_prefix_parse(span_str(client), &prefix));
	return bans_del(b, &prefix, NULL, NULL);
}

static void the_longer_time_counts(void **state)
{
	struct bans b = { 0 };

	(void)state;
	add(&b, "p", "203.0.113.9", 200);
	assert_true(b.unkept);
	add(&b, "p", "203.0.113.9", 100);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.list[0].end_ms, 200);
	add(&b, "p", "203.0.113.9", 300);
	assert_int_equal(b.list[0].end_ms, 300);
	bans_deinit(&b);
}

static void a_client_goes_from_all_rules(void **state)
{
	struct bans b = { 0 };

	(void)state;
	add(&b, "p", "203.0.113.9", 200);
	add(&b, "q", "203.0.113.9", 200);
	add(&b, "p", "203.0.113.10", 200);
	add(&b, "p", "2001:db8::/64", 200);
	assert_int_equal(del(&b, "203.0.113.9"), 2);
	assert_int_equal(del(&b, "203.0.113.9"), 0);
	assert_int_equal(del(&b, "2001:db8::/63"), 0);
	assert_int_equal(b.n, 2);
	bans_flush(&b);
	assert_int_equal(b.n, 0);
	bans_deinit(&b);
}

static void ends_come_and_rules_go(void **state)
{
	struct bans b = { 0 };

	(void)state;
	add(&b, "p", "203.0.113.9", NOW + 100);
	add(&b, "p", "203.0.113.10", NOW + 200);
	add(&b, "q", "203.0.113.11", NOW + 200);
	add(&b, "p", "203.0.113.0/24", NOW + 200); /* of another client-prefix, so to say */
	bans_look(&b, NOW + 99);
	assert_int_equal(b.n, 4);
	bans_look(&b, NOW + 100);
	assert_int_equal(b.n, 3);
	bans_rules(&b, rules.rs, NOW);
	assert_int_equal(b.n, 1);
	assert_int_equal(del(&b, "203.0.113.10"), 1);
	bans_deinit(&b);
}

static void there_is_a_bound(void **state)
{
	struct ban ban = ban_of("p", "10.0.0.0", NOW);
	struct bans b = { 0 };

	(void)state;
	for (unsigned i = 0; i < BANS_MAX; i++) {
		ban.client.ip.octets[2] = (uint8_t)(i >> 8);
		ban.client.ip.octets[3] = (uint8_t)i;
		assert_int_equal(bans_add(&b, &ban), 0);
	}
	assert_int_equal(bans_add(&b, &ban), 0); /* it is there */
	ban.client.ip.octets[1] = 1;
	assert_int_equal(bans_add(&b, &ban), BANS_E_FULL);
	assert_int_equal(b.n, BANS_MAX);
	bans_deinit(&b);
}

static bool work_without_memory(unsigned n, bool for_good)
{
	const struct ban ban = ban_of("p", "10.0.0.0", NOW);
	struct bans b = { 0 };
	int r;

	alloc_fail_from(n, for_good);
	r = bans_add(&b, &ban);
	assert_true(r == 0 || r == -ENOMEM);
	assert_int_equal(b.n, r == 0);
	bans_deinit(&b);
	return alloc_fail_end();
}

static void without_memory(void **state)
{
	(void)state;
	alloc_fail_all(work_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_what_is_counted_as_one),
		cmocka_unit_test(octets_behind_an_ipv4_address_mean_nothing),
		cmocka_unit_test(time_is_the_rules),
		cmocka_unit_test(other_rules_ban_nobody),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(each_role_has_its_pace),
		cmocka_unit_test(the_longer_time_counts),
		cmocka_unit_test(a_client_goes_from_all_rules),
		cmocka_unit_test(ends_come_and_rules_go),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
