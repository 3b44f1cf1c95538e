/* SPDX-License-Identifier: ISC */
#include "cli/doctor_tables.h"

#include <stdio.h>

#include "test/unit/support.h"

static const struct tables_packet smtp = { .dport = 25 };

static bool is_redirect(struct span target, struct span options, const void *context)
{
	(void)options;
	(void)context;
	return span_eq(target, SPAN("REDIRECT"));
}

static struct tables_packet to(const char *dst, const char *in)
{
	struct tables_packet p = { .dport = 25, .in = span_str(in) };

	assert_true(ip_parse(span_str(dst), &p.dst));
	return p;
}

/* What becomes of a packet in INPUT: "DROP", or "ACCEPT?" with a doubt. */
static const char *fate(const char *rules, const struct tables_packet *p)
{
	static char text[4096], said[64];
	struct tables_end end;
	struct tables t;
	struct out o;

	snprintf(text, sizeof(text), "*filter\n:INPUT ACCEPT [0:0]\n%s\nCOMMIT\n", rules);
	assert_int_equal(tables_read(&t, span_str(text)), 0);
	end = tables_walk(&t, "filter", "INPUT", p, NULL, NULL);
	out_init(&o, said, sizeof(said));
	out_bytes(&o, end.target);
	out_str(&o, end.doubt ? "?" : "");
	out_cstr(&o);
	tables_free(&t);
	return said;
}

static void each_match_holds_or_not_or_may(void **state)
{
	static const struct {
		const char *rule, *fate;
	} cases[] = {
		{ "", "ACCEPT" },
		{ ":INPUT DROP [0:0]", "DROP" },
		{ "-A INPUT -j DROP", "DROP" },
		{ "-A INPUT -p tcp -m tcp --dport 25 -j DROP", "DROP" },
		{ "-A INPUT -p tcp -m tcp --dport 26 -j DROP", "ACCEPT" },
		{ "-A INPUT -p tcp -m tcp ! --dport 26 -j DROP", "DROP" },
		{ "-A INPUT -p tcp -m multiport --dports 22,20:30 -j REJECT --reject-with x",
			"REJECT" },
		{ "-A INPUT -p tcp -m multiport --dports 22,80 -j DROP", "ACCEPT" },
		{ "-A INPUT -p udp -j DROP", "ACCEPT" },
		{ "-A INPUT -i lo -j DROP", "ACCEPT" },
		{ "-A INPUT -i ext -j DROP", "DROP" },
		{ "-A INPUT -i ex+ -j DROP", "DROP" },
		{ "-A INPUT ! -i ext -j DROP", "ACCEPT" },
		{ "-A INPUT -i int -j DROP", "ACCEPT" },
		{ "-A INPUT -d 198.51.100.2/32 -j DROP", "DROP" },
		{ "-A INPUT -d 198.51.100.0/24 -j DROP", "DROP" },
		{ "-A INPUT -d 198.51.100.3/32 -j DROP", "ACCEPT" },
		{ "-A INPUT ! -d 198.51.100.3/32 -j DROP", "DROP" },
		{ "-A INPUT -s 203.0.113.0/24 -j DROP", "ACCEPT?" },
		{ "-A INPUT ! -s 203.0.113.0/24 -j DROP", "ACCEPT?" },
		{ "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP", "ACCEPT" },
		{ "-A INPUT -m conntrack --ctstate INVALID,NEW -j DROP", "DROP" },
		{ "-A INPUT -m conntrack ! --ctstate DNAT -j DROP", "DROP" },
		{ "-A INPUT -m conntrack --ctstate DNAT -j DROP", "ACCEPT" },
		{ "-A INPUT -m mark --mark 0x0/0xf00000 -j DROP", "DROP" },
		{ "-A INPUT -m mark --mark 0x500000/0xf00000 -j DROP", "ACCEPT" },
		{ "-A INPUT -m connmark --mark 0x0/0xff000000 -j DROP", "DROP" },
		{ "-A INPUT -m connmark ! --mark 0x0/0xff000000 -j DROP", "ACCEPT" },
		{ "-A INPUT -m conntrack --ctreplsrc 10.0.0.21 -j DROP", "ACCEPT?" },
		{ "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP", "DROP" },
		{ "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP", "ACCEPT" },
		{ "-A INPUT -m comment --comment \"a \\\" -j ACCEPT\" -j DROP", "DROP" },
		{ "-A INPUT -m limit --limit 5/min --limit-burst 7 -j DROP", "ACCEPT?" },
		{ "-A INPUT -m nobody-knows --what 1 2 -j DROP", "ACCEPT?" },
		{ "-A INPUT -j LOG --log-prefix \"x -j DROP\"", "ACCEPT" },
		{ "-A INPUT -p tcp", "ACCEPT" },
	};
	const struct tables_packet p = to("198.51.100.2", "ext");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(fate(cases[i].rule, &p), cases[i].fate, cases[i].rule, "fate");
}

static void chains_lead_on_and_back(void **state)
{
	static const struct {
		const char *rules, *fate;
	} cases[] = {
		{ ":C - [0:0]\n-A INPUT -j C\n-A C -j DROP", "DROP" },
		{ ":C - [0:0]\n-A INPUT -j C\n-A C -j RETURN\n-A C -j DROP", "ACCEPT" },
		{ ":C - [0:0]\n-A INPUT -g C\n-A INPUT -j DROP\n-A C -p udp -j DROP", "ACCEPT" },
		{ ":C - [0:0]\n-A INPUT -s 10.0.0.0/8 -j C\n-A C -j DROP", "ACCEPT?" },
		{ ":C - [0:0]\n-A INPUT -p tcp -j C\n-A C -s 10.0.0.0/8 -j RETURN\n-A C -j DROP",
			"DROP" },
		{ "-A INPUT -j NOWHERE\n-A INPUT -j DROP", "DROP" },
		{ "-A INPUT -j INPUT", "ACCEPT" },
		{ ":A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A A -j B\n-A B -j A\n-A B -j "
		  "A",
			"ACCEPT" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(fate(cases[i].rules, &smtp), cases[i].fate, cases[i].rules, "fate");
}

static void marks_of_packet_and_connection_are_told_apart(void **state)
{
	struct tables_packet p = { .mark = 0x500000, .connmark = 0x1000000 };

	(void)state;
	assert_true(ip_parse(SPAN("10.0.0.21"), &p.server));
	expect_str(fate("-A INPUT -m mark --mark 0x500000 -j DROP", &p), "DROP", "packet", "fate");
	expect_str(fate("-A INPUT -m connmark --mark 0x500000 -j DROP", &p), "ACCEPT", "connection",
		"fate");
	expect_str(fate("-A INPUT -m mark --mark 0x500000 -m connmark ! --mark 0x0/0xff000000 -j "
			"DROP",
			   &p),
		"DROP", "both", "fate");
	expect_str(fate("-A INPUT -m conntrack --ctreplsrc 10.0.0.22 -j DROP", &p), "ACCEPT",
		"server", "fate");
}

static void chains_of_ours_are_not_asked_about_others(void **state)
{
	static const char rules[] = ":POSTERN-INPUT - [0:0]\n-A INPUT -j POSTERN-INPUT\n"
				    "-A POSTERN-INPUT -j DROP\n-A INPUT -j REJECT";
	struct tables_packet p = { 0 };

	(void)state;
	expect_str(fate(rules, &p), "DROP", "all", "fate");
	p.others = true;
	expect_str(fate(rules, &p), "REJECT", "others", "fate");
}

static void what_is_looked_for_is_found_when_it_may_match(void **state)
{
	static const char text[] = "*nat\n:PREROUTING ACCEPT [0:0]\n:C - [0:0]\n"
				   "-A PREROUTING -i ext -j C\n"
				   "-A C -s 10.0.0.0/8 -j ACCEPT\n"
				   "-A C -i ext -p tcp --dport 25 -j REDIRECT --to-ports 10525\n";
	struct tables_end end;
	struct tables t;

	(void)state;
	assert_int_equal(tables_read(&t, span_str(text)), 0);
	end = tables_walk(&t, "nat", "PREROUTING", &smtp, is_redirect, NULL);
	assert_true(end.found);
	expect_octets(tables_option(end.options, "--to-ports"), SPAN("10525"), "port", "");
	expect_octets(tables_option(end.line, "-i"), SPAN("ext"), "interface", "");
	assert_false(tables_walk(&t, "mangle", "PREROUTING", &smtp, is_redirect, NULL).found);
	assert_true(tables_has_chain(&t, "PRE"));
	assert_false(tables_has_chain(&t, "ufw"));
	tables_free(&t);
}

static void an_option_that_is_negated_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(tables_option(SPAN("! -i ext -j DROP"), "-i").n, 0);
	assert_int_equal(tables_option(SPAN("-p tcp -i"), "-i").n, 0);
	assert_int_equal(tables_option(SPAN(""), "-i").n, 0);
}

static void marks_are_numbers(void **state)
{
	static const char *const bad[] = { "", "/", "0x", "0x/1", "x", "1/", "-1", "0x123456789",
		"4294967296", "0x1g", "1 " };
	uint32_t value, mask;

	(void)state;
	assert_true(tables_mark(SPAN("0x500000/0xf00000"), &value, &mask));
	assert_int_equal(value, 0x500000);
	assert_int_equal(mask, 0xf00000);
	assert_true(tables_mark(SPAN("5"), &value, &mask));
	assert_int_equal(value, 5);
	assert_true(mask == UINT32_MAX);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(tables_mark(span_str(bad[i]), &value, &mask));
}

/* Every octet of the text exists, and none beyond it. */
static void walk_at_fence(struct fence *f, struct span text)
{
	struct tables t;

	assert_int_equal(tables_read(&t, span_of(fence_at_end(f, text), text.n)), 0);
	tables_walk(&t, "filter", "INPUT", &smtp, is_redirect, NULL);
	tables_walk(&t, "nat", "PREROUTING", &smtp, is_redirect, NULL);
	tables_free(&t);
}

static void cut_and_broken_text_is_read_all_the_same(void **state)
{
	static const char text[] = "*filter\n:INPUT DROP [0:0]\n-A INPUT ! -i \"ex t\" -p tcp -m "
				   "multiport --dports 1:2,,x,25 "
				   "-d 300.1.1.1 --mark 0x/ -m comment --comment \"\\\" -j C\n-A "
				   "INPUT -j\n-A\n*\n:\n\"";
	struct fence f;

	(void)state;
	fence_init(&f, 4096);
	for (size_t n = 0; n < sizeof(text); n++)
		walk_at_fence(&f, span_of(text, n));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		static const char octets[] = "\0\"\\ \n!-\xff";

		for (size_t k = 0; k < sizeof(octets) - 1; k++) {
			char copy[sizeof(text)];

			memcpy(copy, text, sizeof(text));
			copy[i] = octets[k];
			walk_at_fence(&f, span_of(copy, sizeof(copy) - 1));
		}
	}
	fence_deinit(&f);
}

/* Each chain leads twice to the next: two to the power of their number, if nothing bounded it. */
static void a_maze_of_chains_ends(void **state)
{
	static char text[8192];
	struct tables t;
	struct out o;

	(void)state;
	out_init(&o, text, sizeof(text));
	out_str(&o, "*filter\n:INPUT DROP [0:0]\n-A INPUT -j c10\n");
	for (unsigned i = 10; i < 60; i++)
		for (unsigned twice = 0; twice < 20; twice++) {
			out_str(&o, "-A c");
			out_u64(&o, i);
			out_str(&o, " -j c");
			out_u64(&o, i + 1);
			out_str(&o, "\n");
		}
	assert_int_equal(tables_read(&t, out_span(&o)), 0);
	expect_octets(tables_walk(&t, "filter", "INPUT", &smtp, NULL, NULL).target, SPAN("DROP"),
		"maze", "");
	tables_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_match_holds_or_not_or_may),
		cmocka_unit_test(chains_lead_on_and_back),
		cmocka_unit_test(marks_of_packet_and_connection_are_told_apart),
		cmocka_unit_test(chains_of_ours_are_not_asked_about_others),
		cmocka_unit_test(what_is_looked_for_is_found_when_it_may_match),
		cmocka_unit_test(an_option_that_is_negated_is_not_there),
		cmocka_unit_test(marks_are_numbers),
		cmocka_unit_test(cut_and_broken_text_is_read_all_the_same),
		cmocka_unit_test(a_maze_of_chains_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
