/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "test/unit/rules_of.h"

#define GATEWAY "client-address gateway; recipients in inside }\n"
#define INSIDE  "version 1\nset inside { members example.org }\n"

/* The warnings, joined by " | ", each with its line. */
static void expect_warnings(const char *text, const char *want)
{
	struct seen seen;
	struct rules_of r;

	rules_of_init(&r, text);
	seen_init(&seen);
	for (const struct diag *d = r.diags.first; d != NULL; d = d->next)
		if (d->level == DIAG_WARNING) {
			assert_non_null(d->help);
			seen_fact(&seen, "%u: %s.", d->at.line, d->text);
		}
	expect_str(seen_str(&seen), want, text, "warnings");
	rules_of_deinit(&r);
}

static void a_rule_that_is_never_reached(void **state)
{
	(void)state;
	expect_warnings(INSIDE
		"publish a { external 198.51.100.2:25, 198.51.100.3:25; internal 10.0.0.1; " GATEWAY
		"publish b { external 198.51.100.2:25; internal 10.0.0.2; from "
		"192.0.2.0/24; " GATEWAY,
		"4: rule \"b\" is never reached: \"a\" (rules.conf:3) takes everything first.");
	/* each address by another rule */
	expect_warnings(INSIDE "publish a { external 198.51.100.2:25; internal 10.0.0.1; " GATEWAY
			       "publish b { external any:26; internal 10.0.0.1; " GATEWAY
			       "publish c { external 198.51.100.2:25, 198.51.100.3:26; internal "
			       "10.0.0.2; " GATEWAY,
		"5: rule \"c\" is never reached: \"b\" (rules.conf:4) takes everything first.");
	/* a narrower list, a set with all its members */
	expect_warnings(INSIDE
		"set few { members 192.0.2.1, 192.0.2.9 }\n"
		"publish a { external 198.51.100.2:25; internal 10.0.0.1; from "
		"192.0.2.0/24; " GATEWAY
		"publish b { external 198.51.100.2:25; internal 10.0.0.2; from few; " GATEWAY,
		"5: rule \"b\" is never reached: \"a\" (rules.conf:4) takes everything first.");
}

static void a_rule_that_something_is_left_to(void **state)
{
	(void)state;
	expect_warnings(INSIDE /* another port, another client, another hour */
		"schedule day { timezone \"UTC\"; allow mon-fri 08:00-18:00 }\n"
		"publish a { external 198.51.100.2:25; internal 10.0.0.1; when day; " GATEWAY
		"publish b { external 198.51.100.2:25; internal 10.0.0.2; from any except "
		"192.0.2.1; " GATEWAY "publish c { external 198.51.100.2:25; internal 10.0.0.2; "
		"from 192.0.2.0/24; " GATEWAY
		"publish d { external 198.51.100.2:25, 198.51.100.2:26; internal "
		"10.0.0.2; " GATEWAY,
		"");
	expect_warnings(INSIDE /* a dynamic set may get other members */
		"set few { members 192.0.2.1; dynamic }\n"
		"publish a { external 198.51.100.2:25; internal 10.0.0.1; from "
		"192.0.2.0/24; " GATEWAY
		"publish b { external 198.51.100.2:25; internal 10.0.0.2; from few; " GATEWAY,
		"");
}

static void sets_that_nothing_uses_or_that_are_empty(void **state)
{
	static const char rules[] = INSIDE "set nowhere { members 192.0.2.1 }\n"
					   "set later { dynamic }\n"
					   "set empty { file \"empty.txt\" }\n"
					   "set perhaps { file \"perhaps.txt\" optional }\n"
					   "publish a { external 198.51.100.2:25; internal "
					   "10.0.0.1; from any except empty, perhaps; " GATEWAY;
	const struct source sources[] = {
		{ .kind = SOURCE_RULES, .name = "rules.conf", .text = SPAN(rules) },
		{ .kind = SOURCE_SET, .name = "empty.txt", .text = SPAN("# nobody\n") },
		{ .kind = SOURCE_SET, .name = "perhaps.txt", .error = 2 },
	};
	struct rules_of r;

	(void)state;
	rules_of_sources(&r, sources, COUNT_OF(sources));
	assert_non_null(r.rs);
	assert_int_equal(r.diags.warnings, 2);
	expect_str(r.diags.first->text, "\"nowhere\" is used by no rule", "unused", "text");
	expect_str(r.diags.first->next->text, "\"empty\" is an empty set", "empty", "text");
	rules_of_deinit(&r);
}

#define LIMITS(rows)                                                                               \
	INSIDE "publish a { external 198.51.100.2:25; internal 10.0.0.1; " rows "; " GATEWAY

static void limits_that_shut_out_or_contradict(void **state)
{
	static const char total[] = "3: one client alone can use up this total, and shut out "
				    "everybody.";
	static const char octets[] = "3: a message as large as \"limit message\" allows is "
				     "refused by this limit when it declares its size.";

	(void)state;
	expect_warnings(LIMITS("limit rate 9 per 1m total"), total);
	expect_warnings(LIMITS("limit octets 1GiB per 1h total"), total);
	expect_warnings(LIMITS("limit recipients 900 per 1h total, 100 per message"), total);
	expect_warnings(LIMITS("limit rate 9 per 1m total, 5 per 1m per client"), "");
	expect_warnings(LIMITS("limit octets 9MiB per 1h per client; limit message 10MiB"), octets);
	expect_warnings(LIMITS("limit octets 10MiB per 1h per client; limit message 10MiB"), "");
	expect_warnings(
		LIMITS("limit message 10MiB; limit octets 30MiB per 1h per client, 1MiB per "
		       "1h total"),
		octets);
	expect_warnings("version 1\nroute r { domains any; next-hop 10.0.0.1:25 }\n"
			"set d { members example.org }\n"
			"relay a { listen 198.51.100.2:25; recipients in d; deliver r\n"
			"limit octets 1GiB per 1h total }\n",
		"5: one client alone can use up this total, and shut out everybody.");
}

static void a_schedule_that_never_matches(void **state)
{
	(void)state;
	expect_warnings(INSIDE
		"schedule never { timezone \"UTC\"; allow mon 08:00-18:00; deny mon-fri }\n"
		"publish a { external 198.51.100.2:25; internal 10.0.0.1; when never; " GATEWAY,
		"3: \"never\" is never open: a rule with this schedule never matches.");
}

static void passwords_in_clear(void **state)
{
	(void)state;
	expect_warnings(INSIDE "publish a { external 198.51.100.2:587; internal 10.0.0.1; inspect "
			       "commands submission; " GATEWAY,
		"3: \"a\" is inspected and allows AUTH: passwords cross the network in clear.");
}

static void a_login_listener_without_a_queue(void **state)
{
	static const char head[] =
		"version 1\n\n"
		"certificate mail { chain \"c.pem\"; key \"k.pem\" }\n"
		"auth staff { via file \"staff.passwd\"; mechanisms PLAIN }\n"
		"route world { domains any; next-hop mx }\n"
		"route queue { domains any; next-hop 127.0.0.1:10025 }\n"
		"relay q { listen 127.0.0.1:26; recipients in q.example; deliver queue }\n"
		"relay a { listen 198.51.100.2:465 tls certificate mail; auth required "
		"staff; recipients any; deliver ";
	char text[1024];
	struct out o;

	(void)state;
	for (int i = 0; i < 2; i++) {
		out_init(&o, text, sizeof(text));
		out_str(&o, head);
		out_str(&o, i == 0 ? "world }\n"
				   : "queue }\nrelay b { listen 10.0.0.1:25; from 10.0.0.0/24; "
				     "recipients any; deliver world }\n");
		expect_warnings(out_cstr(&o),
			i == 0 ? "8: \"a\" takes mail from programs that log in and do not retry, "
				 "and delivers it by MX without a queue."
			       : "");
	}
}

static void parts_of_relays_that_nothing_uses(void **state)
{
	static const char unused[] =
		"version 1\n"
		"certificate mail { chain \"c.pem\"; key \"k.pem\" }\n"
		"auth staff { via pam \"postern\"; mechanisms PLAIN }\n"
		"route world { domains any; next-hop mx; resolver 192.0.2.53 }\n"
		"route queue { domains any; next-hop 127.0.0.1:10025; resolver 192.0.2.53 }\n";
	static const char used[] =
		"relay a { listen 198.51.100.2:465 tls certificate mail; auth staff; recipients "
		"in a.example; deliver queue }\n"
		"relay b { listen 198.51.100.2:25; recipients in b.example; deliver world }\n";
	static const char lookups[] = "5: \"queue\" names a resolver, but its next hops are "
				      "addresses: nothing is looked up.";
	char text[1024];
	struct out o;

	(void)state;
	out_init(&o, text, sizeof(text));
	out_str(&o, unused);
	expect_warnings(out_cstr(&o),
		"2: \"mail\" is used by no relay. 3: \"staff\" is used by no relay. "
		"4: \"world\" is used by no relay. 5: \"queue\" is used by no relay. "
		"5: \"queue\" names a resolver, but its next hops are addresses: nothing is "
		"looked up.");
	out_str(&o, used);
	expect_warnings(out_cstr(&o), lookups);
}

static void passwords_passed_on_in_clear(void **state)
{
	static const char head[] =
		"version 1\n"
		"certificate c { chain \"c.pem\"; key \"k.pem\" }\n"
		"auth a { via next-hop; mechanisms PLAIN }\n"
		"route o { domains any; next-hop 192.0.2.25:25; tls %s }\n"
		"relay r { listen 198.51.100.2:465 tls certificate c; auth required a; recipients "
		"any; deliver o }\n";
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), head, "none");
	expect_warnings(text, "5: auth \"a\" passes passwords on by route \"o\", which says \"tls "
			      "none\": they cross the network in clear.");
	snprintf(text, sizeof(text), head, "required");
	expect_warnings(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_that_is_never_reached),
		cmocka_unit_test(a_rule_that_something_is_left_to),
		cmocka_unit_test(sets_that_nothing_uses_or_that_are_empty),
		cmocka_unit_test(limits_that_shut_out_or_contradict),
		cmocka_unit_test(a_schedule_that_never_matches),
		cmocka_unit_test(passwords_in_clear),
		cmocka_unit_test(a_login_listener_without_a_queue),
		cmocka_unit_test(passwords_passed_on_in_clear),
		cmocka_unit_test(parts_of_relays_that_nothing_uses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
