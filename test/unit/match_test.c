/* SPDX-License-Identifier: ISC */
#include "rules/match.h"

#include <stdio.h>

#include "test/unit/rules_of.h"

static struct match_facts facts(const char *client, const char *to, int64_t now_s)
{
	struct match_facts f = { .now_s = now_s };

	assert_true(ip_parse(span_str(client), &f.client));
	assert_true(ip_port_parse(span_str(to), &f.to));
	return f;
}

static const char *const two_rules =
	"version 1\n"
	"set partners { members 203.0.113.0/24, 2001:db8:77::/48 }\n"
	"set scanners { members 192.0.2.0/24; dynamic }\n"
	"schedule office-hours { timezone \"UTC\"; allow mon-fri 07:00-19:00 }\n"
	"publish partners-with-tls { external 198.51.100.20:25; internal 10.0.0.31:25; from "
	"partners;"
	" when office-hours; pass }\n"
	"publish everyone-else { external 198.51.100.20:25, 198.51.100.21:25; internal "
	"10.0.0.30:25;"
	" from any except scanners; client-address gateway; recipients in inside }\n"
	"publish inside-out { external any:2525; internal original; from 10.0.0.0/24, 10.0.9.9;"
	" client-address gateway; recipients in inside }\n"
	"set inside { members example.org, *.example.com }\n"
	"default reset\n";

#define FRIDAY_NOON   1795176000 /* 2026-11-20T12:00:00Z */
#define SATURDAY_NOON (FRIDAY_NOON + 86400)

static void the_first_rule_that_holds_decides(void **state)
{
	static const struct {
		const char *client, *to;
		int64_t now_s;
		const char *rule; /* "-": the default */
	} cases[] = {
		{ "203.0.113.9", "198.51.100.20:25", FRIDAY_NOON, "partners-with-tls" },
		{ "203.0.113.9", "198.51.100.20:25", SATURDAY_NOON, "everyone-else" },
		{ "2001:db8:77::5", "198.51.100.20:25", FRIDAY_NOON, "partners-with-tls" },
		{ "203.0.113.9", "198.51.100.21:25", FRIDAY_NOON, "everyone-else" },
		{ "192.0.2.5", "198.51.100.20:25", FRIDAY_NOON, "-" },
		{ "203.0.114.9", "198.51.100.20:25", FRIDAY_NOON, "everyone-else" },
		{ "203.0.114.9", "198.51.100.20:26", FRIDAY_NOON, "-" },
		{ "203.0.114.9", "198.51.100.22:25", FRIDAY_NOON, "-" },
		{ "10.0.0.7", "203.0.113.1:2525", FRIDAY_NOON, "inside-out" },
		{ "10.0.9.9", "203.0.113.1:2525", FRIDAY_NOON, "inside-out" },
		{ "10.0.9.8", "203.0.113.1:2525", FRIDAY_NOON, "-" },
		{ "::ffff:192.0.2.5", "198.51.100.20:25", FRIDAY_NOON, "-" }, /* the same client */
	};
	struct rules_of r;

	(void)state;
	rules_of_init(&r, two_rules);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct match_facts f = facts(cases[i].client, cases[i].to, cases[i].now_s);
		const struct rule *rule = ruleset_match(r.rs, &f, NULL);

		expect_str(rule != NULL ? rule->publish->name : "-", cases[i].rule, cases[i].client,
			cases[i].to);
	}
	rules_of_deinit(&r);
}

static bool dynamic_member(void *context, const struct rule_set *set, const struct ip *ip)
{
	assert_string_equal(set->name, "scanners");
	return ip_eq(ip, context);
}

static void members_added_at_run_time_count(void **state)
{
	struct match_facts f = facts("203.0.114.9", "198.51.100.20:25", FRIDAY_NOON);
	struct ip added = f.client;
	struct rules_of r;

	(void)state;
	rules_of_init(&r, two_rules);
	assert_non_null(ruleset_match(r.rs, &f, NULL));
	f.dynamic = dynamic_member;
	f.context = &added;
	assert_null(ruleset_match(r.rs, &f, NULL));
	rules_of_deinit(&r);
}

static void on_rule(void *context, const struct rule *rule, bool matched)
{
	seen_fact(context, "%s:%s", rule->publish->name, matched ? "yes" : "no");
}

static void on_part(void *context, enum match_part part, bool holds, struct span why)
{
	seen_fact(context, "%s%s",
		part == MATCH_TO     ? "to"
		: part == MATCH_FROM ? "from"
				     : "when",
		holds ? "+" : "-");
	seen_text(context, why);
}

static void each_reason_is_told_up_to_the_one_that_does_not_hold(void **state)
{
	static const struct {
		const char *client, *to;
		int64_t now_s;
		const char *want;
	} cases[] = {
		{ "203.0.113.9", "198.51.100.20:25", SATURDAY_NOON,
			"partners-with-tls:no to+ '198.51.100.20:25' from+ '203.0.113.9 is in "
			"partners (203.0.113.0/24)' "
			"when- 'office-hours: Saturday 12:00 UTC is outside mon-fri 07:00-19:00' "
			"everyone-else:yes to+ '198.51.100.20:25' from+ 'any, not in scanners'" },
		{ "192.0.2.5", "198.51.100.21:25", FRIDAY_NOON,
			"partners-with-tls:no to- '198.51.100.21:25 is not 198.51.100.20:25' "
			"everyone-else:no to+ '198.51.100.21:25' from- '192.0.2.5 is in scanners "
			"(192.0.2.0/24), which is excepted' "
			"inside-out:no to- '198.51.100.21:25 is not any:2525'" },
		{ "10.0.9.8", "198.51.100.20:2525", FRIDAY_NOON,
			"partners-with-tls:no to- '198.51.100.20:2525 is not 198.51.100.20:25' "
			"everyone-else:no to- '198.51.100.20:2525 is not 198.51.100.20:25, "
			"198.51.100.21:25' "
			"inside-out:no to+ '198.51.100.20:2525' from- '10.0.9.8 is not in "
			"10.0.0.0/24, 10.0.9.9'" },
	};
	struct rules_of r;

	(void)state;
	rules_of_init(&r, two_rules);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct match_facts f = facts(cases[i].client, cases[i].to, cases[i].now_s);
		struct seen seen;
		const struct match_trace trace = { on_rule, on_part, &seen };

		seen_init(&seen);
		ruleset_match(r.rs, &f, &trace);
		expect_str(seen_str(&seen), cases[i].want, cases[i].client, "trace");
	}
	rules_of_deinit(&r);
}

static void a_domain_item_takes_every_mailbox_of_it(void **state)
{
	const struct rule_expr *in;
	struct expr_hit hit;
	struct rules_of r;

	(void)state;
	rules_of_init(&r, two_rules);
	in = &r.rs->rules[1].publish->recipients;
	assert_true(expr_has_mailbox(in, SPAN("anyone"), SPAN("EXAMPLE.org"), &hit));
	assert_string_equal(hit.item->set->name, "inside");
	assert_true(expr_has_domain(in, SPAN("a.example.com"), NULL));
	assert_false(expr_has_domain(in, SPAN("example.com"), &hit));
	assert_null(hit.item);
	assert_false(expr_has_mailbox(in, SPAN("a"), SPAN("example.net"), NULL));
	rules_of_deinit(&r);
}

/* What may be the same domain in another form does not get past an exception. */
static void exceptions_hold_for_internationalised_domains(void **state)
{
	static const struct {
		const char *except, *domain;
		bool has;
	} cases[] = {
		{ "bl\303\266ck.example", "bl\303\266ck.example", false },
		{ "bl\303\266ck.example", "BL\303\226CK.example", false },
		{ "bl\303\266ck.example", "xn--blck-5qa.example", false },
		{ "bl\303\266ck.example", "other.xn--p1ai", false },
		{ "bl\303\266ck.example", "plain.example", true },
		{ "xn--blck-5qa.example", "XN--BLCK-5qa.example", false },
		{ "xn--blck-5qa.example", "bl\303\266ck.example", false },
		{ "xn--blck-5qa.example", "other.XN--p1ai", true },
		{ "x@xn--blck-5qa.example", "bl\303\266ck.example", false },
		{ "plain.example", "bl\303\266ck.example", true },
		{ "plain.example", "xn--blck-5qa.example", true },
	};
#define IDN_RULE                                                                                   \
	"publish p { external 198.51.100.2:25; internal 10.0.0.1; client-address gateway; "        \
	"recipients any except "
	static const char *const in_a_set[] = {
		"version 1\nset s { members a.example, %s }\n" IDN_RULE "s }\n",
		"version 1\n" IDN_RULE "a.example, %s }\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t j = 0; j < 2; j++) {
			struct rules_of r;
			char text[512];

			snprintf(text, sizeof(text), in_a_set[j], cases[i].except);
			rules_of_init(&r, text);
			assert_non_null(r.rs);
			if (expr_has_mailbox(&r.rs->rules[0].publish->recipients, SPAN("x"),
				    span_str(cases[i].domain), NULL) != cases[i].has)
				fail_msg("%zu: except %s: %s", j, cases[i].except, cases[i].domain);
			rules_of_deinit(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_holds_decides),
		cmocka_unit_test(members_added_at_run_time_count),
		cmocka_unit_test(each_reason_is_told_up_to_the_one_that_does_not_hold),
		cmocka_unit_test(a_domain_item_takes_every_mailbox_of_it),
		cmocka_unit_test(exceptions_hold_for_internationalised_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
