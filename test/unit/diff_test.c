/* SPDX-License-Identifier: ISC */
#include "rules/diff.h"

#include "test/unit/rules_of.h"
#include "test/unit/zones.h"

#define BASE                                                                                       \
	"version 1\n"                                                                              \
	"set inside { members example.org, example.com, example.net }\n"                           \
	"set spare { dynamic timeout 4h }\n"                                                       \
	"schedule open { timezone \"UTC\"; allow mon-fri 07:00-19:00; deny 2026-12-25 }\n"         \
	"commands strict like internet { verb RCPT max 266; verb VRFY deny }\n"                    \
	"publish a {\n external 198.51.100.2:25\n internal 10.0.0.1\n recipients in inside\n"      \
	" client-address gateway\n inspect commands strict\n limit errors 10\n"                    \
	" timeout idle 2m, command 4m\n}\n"                                                        \
	"publish b { external 198.51.100.3:25; internal 10.0.0.2; pass }\n"                        \
	"publish c { external 198.51.100.4:25; internal 10.0.0.3; pass }\n"                        \
	"default reset\n"

static void build(struct rules_of *r, const char *text, const char *host)
{
	uint8_t utc[ZONE_TZIF_MAX];
	const struct source sources[] = {
		{ .kind = SOURCE_RULES, .name = "rules.conf", .text = span_str(text) },
		{ .kind = SOURCE_HOST, .name = "postern.conf", .text = span_str(host) },
		{ .kind = SOURCE_TIMEZONE, .name = "UTC", .text = zone_tzif(utc, "UTC0") },
	};

	rules_of_sources(r, sources, COUNT_OF(sources));
	for (const struct diag *d = r->diags.first; d != NULL; d = d->next)
		if (d->level == DIAG_ERROR)
			fail_msg("line %u: %s", d->at.line, d->text);
}

/* Exactly the lines of @want. */
static void expect_hosts(const char *name, const char *was, const char *was_host, const char *is,
	const char *is_host, const char *want)
{
	static uint8_t text[1 << 16];
	struct rules_of old, new, room;
	struct diff diff;
	struct out o;
	size_t n = 0;

	build(&old, was, was_host);
	build(&new, is, is_host);
	rules_of_init(&room, "version 1\n");
	assert_int_equal(rules_diff(&room.arena, old.rs, new.rs, &diff), RULES_OK);
	out_init(&o, text, sizeof(text));
	for (const struct diff_change *c = diff.first; c != NULL; c = c->next, n++) {
		rules_diff_print(&o, c);
		out_octet(&o, '\n');
	}
	expect_str(out_cstr(&o), want, name, "");
	assert_int_equal(n, diff.n);
	rules_of_deinit(&old);
	rules_of_deinit(&new);
	rules_of_deinit(&room);
}

#define HOST "version 1\n"
#define PUBLISH(name, rows)                                                                        \
	"publish " name " { external 198.51.100.9:25; internal 10.0.0.9; " rows " }\n"
#define RELAY(tls)                                                                                 \
	"certificate c { chain \"c.pem\"; key \"k.pem\" }\n"                                       \
	"route o { domains any; next-hop mx }\n"                                                   \
	"relay r { listen 198.51.100.3:587 " tls "; recipients in example.org; deliver o }\n"
#define IN "set inside { members example.org }\n"
#define SAFE                                                                                       \
	"recipients in inside; client-address gateway; " /* what an inspected rule must say        \
							  */

static void the_same_meaning_is_no_difference(void **state)
{
	static const struct {
		const char *name, *was, *is;
	} cases[] = {
		{ "itself", BASE, BASE },
		{ "layout, macros, comments",
			"version 1\ndefine x = 198.51.100.9\npublish a { external $x:25 # c\n"
			"internal 10.0.0.9; pass }\n",
			"version 1\npublish a {\n\nexternal 198.51.100.9:25\ninternal 10.0.0.9\n"
			"pass\n}\n" },
		{ "defaults that are said", "version 1\n" IN PUBLISH("a", SAFE "log sessions"),
			"version 1\n" IN PUBLISH("a", SAFE
				"inspect commands internet; limit errors 20; "
				"limit recipients 1000 per message; timeout idle 5m; from any; "
				"banner pass; log sessions") "default refuse\n" },
		{ "limits in any order, and what is not said of them",
			"version 1\n" IN PUBLISH("a", SAFE
				"limit errors 50 per 60m per client; limit rate 9 per 1m total, 3 "
				"per 1m per client"),
			"version 1\n" IN PUBLISH("a", SAFE
				"limit rate 3 per 1m per client, 9 per 60s total; limit errors 20, "
				"50 per 1h per client") },
		{ "the port of the one external", "version 1\n" PUBLISH("a", "pass"),
			"version 1\npublish a { external 198.51.100.9:25; internal 10.0.0.9:25; "
			"pass "
			"}\n" },
		{ "a row for each verb",
			"version 1\ncommands t { verb VRFY, EXPN deny reply \"502 5.5.1 No\"; "
			"verb HELP, RSET }\n",
			"version 1\ncommands t { verb HELP; verb EXPN deny reply \"502 5.5.1 No\"\n"
			"verb RSET\nverb VRFY deny reply \"502 5.5.1 No\"; verb MAIL deny }\n" },
		{ "members in any order, twice, of a set that nobody uses",
			"version 1\nset s { members b.example, a.example }\n",
			"version 1\nset s { members a.example\nmembers B.example, a.example }\n" },
		{ "a name in any case, a port that is the usual one",
			"version 1\nroute r { domains any; next-hop Relay.example.net }\n",
			"version 1\nroute r { domains any; next-hop relay.example.net.:25 }\n" },
		{ "TLS from the version that is the usual one",
			"version 1\n" RELAY("tls certificate c"),
			"version 1\n" RELAY("tls min 1.2 certificate c") },
		{ "sets and tables in any order",
			"version 1\nset s { members a.example }\nset t { members b.example }\n",
			"version 1\nset t { members b.example }\nset s { members a.example }\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_hosts(cases[i].name, cases[i].was, HOST, cases[i].is, HOST, "");
}

static void what_changed_is_told_by_statement(void **state)
{
	static const struct {
		const char *name, *was, *is, *want;
	} cases[] = {
		{ "statements",
			"version 1\n" IN PUBLISH(
				"a", SAFE "limit errors 10; limit rate 5 per 1m per client"),
			"version 1\n" IN PUBLISH("a",
				SAFE "limit errors 30; timeout idle 2m; banner \"mx \\\"1\\\"\""),
			"~ publish a  +banner \"mx \\\"1\\\"\"\n"
			"~ publish a  limit errors 10 -> 30\n"
			"~ publish a  timeout idle 5m -> 2m\n"
			"~ publish a  -limit rate 5 per 1m per client\n" },
		{ "limits of a time",
			"version 1\n" IN PUBLISH(
				"a", SAFE "limit octets 1GiB per 1h per client; limit errors 9"),
			"version 1\n" IN PUBLISH("a", SAFE "limit octets 1GiB per 1h per client, "
							   "2GiB per 1h total then refuse "
							   "for 1h; limit recipients 500 per 1h "
							   "per client; limit errors 9, 30 "
							   "per 1h per client"),
			"~ publish a  limit errors 9 -> 9, 30 per 1h per client\n"
			"~ publish a  limit recipients 1000 per message -> 1000 per message, 500 "
			"per 1h per client\n"
			"~ publish a  limit octets 1GiB per 1h per client -> 1GiB per 1h per "
			"client, 2GiB per 1h total then refuse for 1h\n" },
		{ "a relay and its route",
			"version 1\n" RELAY("starttls certificate c") "route s { domains any; "
								      "next-hop 10.0.0.9:25 }\n",
			"version 1\n" RELAY(
				"starttls required min 1.3 certificate c") "route s { "
									   "domains any; next-hop "
									   "relay.example.net:587, "
									   "10.0.0.9:25 }\n",
			"~ route s  next-hop 10.0.0.9:25 -> relay.example.net:587, 10.0.0.9:25\n"
			"~ relay r  listen 198.51.100.3:587 starttls certificate c -> "
			"198.51.100.3:587 starttls required min 1.3 certificate c\n" },
		{ "no inspection any more", "version 1\n" IN PUBLISH("a", SAFE),
			"version 1\n" IN PUBLISH("a", "pass; client-address gateway"),
			"~ publish a  +pass\n"
			"~ publish a  -inspect commands internet\n"
			"~ publish a  -recipients in inside\n" },
		{ "a table and one that is like it",
			"version 1\ncommands t like internet { verb RCPT max 266 }\ncommands u "
			"like t { }\n",
			"version 1\ncommands t like internet { verb RCPT max 320 limit 50 per "
			"message\n"
			"extension CHUNKING hide }\ncommands u like t { }\n",
			"~ commands t  verb RCPT max 266 -> max 320 limit 50 per message\n"
			"~ commands t  verb BDAT max 32 -> hide\n"
			"~ commands t  -extension CHUNKING allow\n"
			"~ commands u  verb RCPT max 266 -> max 320 limit 50 per message\n"
			"~ commands u  verb BDAT max 32 -> hide\n"
			"~ commands u  -extension CHUNKING allow\n" },
		{ "members",
			"version 1\nset s { members 192.0.2.1, 192.0.2.2, 2001:db8::/32 "
			"}\n" PUBLISH("a", "from s; pass"),
			"version 1\nset s { members 192.0.2.2, 10.0.0.0/8, 192.0.2.3, 192.0.2.4, "
			"192.0.2.5; dynamic timeout 1h }\n" PUBLISH("a", "from s; pass"),
			"~ set s  +dynamic timeout 1h\n"
			"~ set s  members +4 (10.0.0.0/8, 192.0.2.3, 192.0.2.4, ...) -2 "
			"(192.0.2.1, "
			"2001:db8::/32)\n" },
		{ "things come and go", "version 1\nset s { members a.example, b.example }\n",
			"version 1\nset t { members a.example }\n" PUBLISH(
				"a", "pass") "default drop\n",
			"+ set t  1 member\n+ publish a\n"
			"~ default  refuse \"554 5.7.1 Not published\" -> drop\n"
			"- set s  2 members\n" },
		{ "a schedule",
			"version 1\nschedule w { timezone \"UTC\"; allow mon-fri; deny 2026-12-25 "
			"}\n",
			"version 1\nschedule w { timezone \"UTC\"; deny 2026-12-25; allow mon-sat\n"
			"deny 2026-12-26 }\n",
			"~ schedule w  allow mon-fri -> mon-sat\n"
			"~ schedule w  +deny 2026-12-26\n" },
		{ "the order of a screen",
			"version 1\nscreen s { attachment over 20MiB refuse; attachment over 10MiB "
			"hold }\n",
			"version 1\nscreen s { attachment over 10MiB hold; attachment over 20MiB "
			"refuse }\n",
			"~ screen s  order changed\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_hosts(cases[i].name, cases[i].was, HOST, cases[i].is, HOST, cases[i].want);
}

/* The fewest rules that must have moved. */
static void rules_that_moved_are_told(void **state)
{
	static const struct {
		const char *was, *is, *want;
	} cases[] = {
		{ "abcd", "dabc", "~ publish d  order 4 -> 1\n" },
		{ "abcd", "bcda", "~ publish a  order 1 -> 4\n" },
		{ "abcd", "xabcd", "+ publish x\n" },
		{ "abcd", "cxd", "+ publish x\n- publish a\n- publish b\n" },
		{ "abc", "cba", "~ publish c  order 3 -> 1\n~ publish b  order 2 -> 2\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char texts[2][1024];
		const char *orders[] = { cases[i].was, cases[i].is };

		for (size_t t = 0; t < 2; t++) {
			struct out o;
			out_init(&o, texts[t], sizeof(texts[t]));
			out_str(&o, "version 1\n");
			for (const char *c = orders[t]; *c != '\0'; c++) {
				out_str(&o, "publish ");
				out_octet(&o, (uint8_t)*c);
				out_str(&o, " { external 198.51.100.");
				out_u64(&o, (uint64_t)*c);
				out_str(&o, ":25; internal 10.0.0.1; pass }\n");
			}
			out_cstr(&o);
		}
		expect_hosts(cases[i].is, texts[0], HOST, texts[1], HOST, cases[i].want);
	}
}

static void the_host_is_compared(void **state)
{
	(void)state;
	expect_hosts("host", BASE, HOST "drain 10m\nlog json \"a.log\"\n", BASE,
		HOST "drain 5m\nmode direct\nintercept redirect\nlog json \"b.log\"\n"
		     "log w3c \"c.log\"\n",
		"~ host  +mode direct\n"
		"~ host  drain 10m -> 5m\n"
		"~ host  log json \"a.log\" max 1GiB -> json \"b.log\" max 1GiB\n"
		"~ host  +log w3c \"c.log\" max 1GiB\n");
}

/* Nothing but RULES_E_ARENA, and never a part of the answer. */
static void an_arena_too_small_is_told(void **state)
{
	static uint8_t block[1 << 18];
	struct rules_of old, new;
	struct diff diff;
	size_t size = 0;
	int r = RULES_E_ARENA;

	(void)state;
	build(&old, BASE, HOST);
	build(&new, "version 1\nset inside { members a.example }\n", HOST);
	for (; r != RULES_OK && size < sizeof(block); size += 512) {
		struct arena arena;

		arena_init(&arena, block, size);
		r = rules_diff(&arena, old.rs, new.rs, &diff);
		assert_true(r == RULES_OK || r == RULES_E_ARENA);
	}
	assert_int_equal(r, RULES_OK);
	assert_int_equal(diff.n, 8);
	rules_of_deinit(&old);
	rules_of_deinit(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_meaning_is_no_difference),
		cmocka_unit_test(what_changed_is_told_by_statement),
		cmocka_unit_test(rules_that_moved_are_told),
		cmocka_unit_test(the_host_is_compared),
		cmocka_unit_test(an_arena_too_small_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
