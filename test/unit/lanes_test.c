/* SPDX-License-Identifier: ISC */
#include "rules/kernel/lanes.h"

#include "rules/kernel/iptables.h"
#include "rules/kernel/nft.h"

#include <stdio.h>

#include "test/unit/check_cases.h"

#define HEAD "version 1\n"
#define HOST "version 1\nmode managed\n"
#define INSPECTED                                                                                  \
	"publish mail { external 198.51.100.2:25; internal 10.0.0.1:2525; recipients any\n "       \
	"client-address xclient }\n"
#define PASSED                                                                                     \
	"publish imaps { external 198.51.100.2:993, [2001:db8::2]:993\n"                           \
	" internal 10.0.0.3, 10.0.0.4:9993, [fd00::4]; pass }\n"

static char block[1 << 20], plan_block[1 << 20], text_block[1 << 18], before_block[1 << 12];

static const struct ruleset *rules_of(const char *rules, const char *host)
{
	return build_text(span_str(rules), span_str(host));
}

static int assign(const struct ruleset *rs, const char *before, struct lanes *lanes)
{
	struct arena arena;

	arena_init(&arena, block, sizeof(block));
	return lanes_assign(&arena, rs, span_str(before), lanes);
}

static const char *text_of(const struct lanes *lanes)
{
	struct out o;

	out_init(&o, before_block, sizeof(before_block));
	lanes_print(&o, lanes);
	assert_false(o.full);
	return out_cstr(&o);
}

static int read_back(const struct ruleset *rs, const char *text, struct lanes *lanes)
{
	struct arena arena;

	arena_init(&arena, plan_block, sizeof(plan_block));
	return lanes_read(&arena, rs, span_str(text), lanes);
}

/* ---- numbers ---- */

static void one_for_an_inspected_rule_one_for_each_internal_of_a_passing_one(void **state)
{
	const struct ruleset *rs = rules_of(HEAD INSPECTED PASSED, HOST);
	struct lanes lanes;

	(void)state;
	assert_int_equal(lanes_need(rs), 4);
	assert_int_equal(assign(rs, "", &lanes), LANES_OK);
	assert_string_equal(text_of(&lanes),
		"lanes 1 4\n1 mail -\n2 imaps 10.0.0.3\n3 imaps 10.0.0.4:9993\n"
		"4 imaps fd00::4\n");
	assert_ptr_equal(lanes_of_rule(&lanes, rs->rules[1].publish), &lanes.list[1]);
	assert_int_equal(lanes_find(&lanes, 3)->internal, 1);
	assert_null(lanes_find(&lanes, 0));
	assert_null(lanes_find(&lanes, 5));
}

static void kinds(void **state)
{
	const struct ruleset *rs =
		rules_of(HEAD "publish a { external 198.51.100.2:25; internal 10.0.0.1; pass; "
			      "client-address proxy-v2 }\n"
			      "publish b { external any:25; internal original; pass }\n"
			      "publish c { external 198.51.100.2:26; internal 10.0.0.1; pass }\n",
			HOST);
	struct lanes lanes;

	(void)state;
	assert_int_equal(assign(rs, "", &lanes), LANES_OK);
	assert_int_equal(lanes.list[0].kind, LANE_PROXY);
	assert_int_equal(lanes.list[1].kind, LANE_ASIS);
	assert_int_equal(lanes.list[2].kind, LANE_PASS);
}

static void marks(void **state)
{
	struct hostconf host = { .lane_mask = 0xff000000, .intercept_port = 10525 };

	(void)state;
	assert_int_equal(lane_mark(&host, 3), 0x03000000);
	assert_int_equal(lane_of_mark(&host, 0x03500001), 3);
	assert_int_equal(lane_reset(&host), 255);
	assert_int_equal(lane_refuse(&host), 254);
	assert_int_equal(lanes_max(&host), 253);
	assert_int_equal(lane_port(&host, 3), 10528);
	host.lane_mask = 0xffffffff; /* bounded by what is kept apart */
	assert_true(lanes_max(&host) < 4096);
	host.intercept_port = 65530; /* and by the ports there are */
	assert_int_equal(lane_port(&host, lane_reset(&host)), 65535);
	host.lane_mask = 0x70;
	host.intercept_port = 1000;
	assert_int_equal(lane_mark(&host, lanes_max(&host)), 0x50);
}

static void more_lanes_than_numbers(void **state)
{
	struct lanes lanes;

	(void)state;
	assert_int_equal(
		assign(rules_of(HEAD INSPECTED PASSED, HOST "connection-mark 0x7\n"), "", &lanes),
		LANES_OK);
	assert_int_equal(
		assign(rules_of(HEAD INSPECTED PASSED "publish more { external 198.51.100.2:26; "
						      "internal 10.0.0.1; pass }\n"
						      "publish most { external 198.51.100.2:27; "
						      "internal 10.0.0.1; pass }\n",
			       HOST "connection-mark 0x7\n"),
			"", &lanes),
		LANES_E_FULL);
}

/* ---- over reloads ---- */

static void a_number_stays_with_its_rule_and_internal(void **state)
{
	const struct ruleset *rs = rules_of(HEAD PASSED INSPECTED, HOST);
	struct lanes lanes;

	(void)state;
	assert_int_equal(
		assign(rs, "lanes 1 9\n7 mail -\n9 imaps 10.0.0.3\n8 imaps fd00::4\n", &lanes),
		LANES_OK);
	assert_string_equal(text_of(&lanes), "lanes 1 10\n9 imaps 10.0.0.3\n10 imaps "
					     "10.0.0.4:9993\n8 imaps fd00::4\n7 mail -\n");
}

static void a_number_given_back_is_given_out_last(void **state)
{
	struct lanes lanes;

	(void)state;
	/* 1 was another rule's; connections may still carry it */
	assert_int_equal(
		assign(rules_of(HEAD INSPECTED, HOST), "lanes 1 2\n1 gone -\n2 gone2 -\n", &lanes),
		LANES_OK);
	assert_int_equal(lanes.list[0].number, 3);
	assert_int_equal(
		assign(rules_of(HEAD INSPECTED, HOST), "lanes 1 253\n253 gone -\n", &lanes),
		LANES_OK);
	assert_int_equal(lanes.list[0].number, 1);
}

/* ---- text ---- */

static void what_is_printed_is_read(void **state)
{
	const struct ruleset *rs = rules_of(HEAD INSPECTED PASSED, HOST);
	struct lanes lanes, again;

	(void)state;
	assert_int_equal(assign(rs, "lanes 1 9\n9 imaps 10.0.0.3\n", &lanes), LANES_OK);
	assert_int_equal(read_back(rs, text_of(&lanes), &again), LANES_OK);
	assert_int_equal(again.n, lanes.n);
	assert_int_equal(again.given, lanes.given);
	for (size_t i = 0; i < lanes.n; i++)
		assert_memory_equal(&again.list[i], &lanes.list[i], sizeof(lanes.list[i]));
}

static void what_is_not_exactly_the_lanes_of_the_rules_is_refused(void **state)
{
	static const char *const texts[] = { "", "lanes 2 1\n1 mail -\n", "lanes 1 x\n1 mail -\n",
		"lanes 1 1\n", "lanes 1 1\n1 mail\n", "lanes 1 1\n0 mail -\n",
		"lanes 1 1\n254 mail -\n", "lanes 1 1\n1 male -\n", "lanes 1 1\n1 mail 10.0.0.1\n",
		"lanes 1 2\n1 mail -\n1 mail -\n", "lanes 1 2\n1 mail -\n2 mail -\n",
		"lanes 1 1\n\n1 mail -\n", "lanes 1 1\n 1 mail -\n" };
	const struct ruleset *rs = rules_of(HEAD INSPECTED, HOST);
	struct lanes lanes;

	(void)state;
	assert_int_equal(read_back(rs, "lanes 1 1\n1 mail -\n", &lanes), LANES_OK);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_back(rs, texts[i], &lanes) != LANES_E_TEXT)
			fail_msg("taken for lanes: %s", texts[i]);
}

static void one_number_for_two_is_refused(void **state)
{
	struct lanes lanes;

	(void)state;
	assert_int_equal(read_back(rules_of(HEAD INSPECTED PASSED, HOST),
				 "lanes 1 4\n1 mail -\n2 imaps 10.0.0.3\n2 imaps 10.0.0.4:9993\n4 "
				 "imaps fd00::4\n",
				 &lanes),
		LANES_E_TEXT);
}

/* ---- kernel rules ---- */

static struct span rendered(const char *rules, const char *host, enum ip_family family)
{
	static const char links[][KERNEL_LINK_MAX] = { "int" };
	const struct ruleset *rs = rules_of(rules, host);
	struct kernel_plan plan;
	struct lanes lanes;
	struct arena arena;
	struct out o;

	assert_int_equal(assign(rs, "", &lanes), LANES_OK);
	arena_init(&arena, plan_block, sizeof(plan_block));
	assert_int_equal(kernel_plan(&arena, rs, &lanes, links, 1, &plan), RULES_OK);
	out_init(&o, text_block, sizeof(text_block));
	if (family == IP_NONE)
		nft_render(&o, &plan);
	else
		iptables_render(&o, &plan, family);
	out_cstr(&o);
	return out_span(&o);
}

static void expect_lines(struct span text, const char *const *lines, size_t n)
{
	const uint8_t *at = text.p;

	for (size_t i = 0; i < n; i++) { /* in this order */
		const uint8_t *hit =
			memmem(at, text.n - (size_t)(at - text.p), lines[i], strlen(lines[i]));
		if (hit == NULL)
			fail_msg("\"%s\" is not in its place in:\n%.*s", lines[i], (int)text.n,
				text.p);
		at = hit + 1;
	}
}
#define EXPECT_LINES(text, ...)                                                                    \
	do {                                                                                       \
		static const char *const list[] = { __VA_ARGS__ };                                 \
		expect_lines(text, list, sizeof(list) / sizeof(list[0]));                          \
	} while (0)

static void expect_not(struct span text, const char *piece)
{
	if (memmem(text.p, text.n, piece, strlen(piece)) != NULL)
		fail_msg("\"%s\" is in:\n%.*s", piece, (int)text.n, text.p);
}

static void a_first_packet_is_asked_about_and_its_answer_saved(void **state)
{
	(void)state;
	EXPECT_LINES(rendered(HEAD INSPECTED, HOST, IP_V4), "*raw\n",
		"-A POSTERN-PREROUTING -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m set "
		"--match-set "
		"POSTERN-BANS4 dst,dst,src -m comment --comment \"postern: banned\" -j DROP\n",
		"*mangle\n",
		"-A POSTERN-PREROUTING -m mark ! --mark 0x0/0xff000000 -m comment --comment "
		"\"postern: answer "
		"of the gate\" -j CONNMARK --save-mark --nfmask 0xff000000 --ctmask 0xff000000\n"
		"-A POSTERN-PREROUTING -m mark ! --mark 0x0/0xff000000 -m comment --comment "
		"\"postern: answer "
		"of the gate\" -j MARK --set-xmark 0x0/0xff000000\n",
		"--tcp-flags FIN,SYN,RST,ACK SYN -m connmark --mark 0x0/0xff000000 -m hashlimit ",
		"-A POSTERN-PREROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 25 --tcp-flags "
		"FIN,SYN,RST,ACK SYN -m connmark --mark 0x0/0xff000000 -m comment --comment "
		"\"publish mail "
		"rules.conf:2\" -j NFQUEUE --queue-num 525\n");
}

static void each_lane_goes_its_way(void **state)
{
	const struct span v4 = rendered(HEAD INSPECTED PASSED, HOST, IP_V4);

	(void)state;
	EXPECT_LINES(v4, "*nat\n",
		"-p tcp -m connmark --mark 0x1000000/0xff000000 -m comment --comment \"publish "
		"mail "
		"rules.conf:2\" -j REDIRECT --to-ports 10526\n",
		"-p tcp -m connmark --mark 0xfe000000/0xff000000 -m comment --comment \"postern: "
		"default refuse\" -j REDIRECT --to-ports 10525\n",
		"--mark 0x2000000/0xff000000 -m comment --comment \"publish imaps rules.conf:5\" "
		"-j DNAT "
		"--to-destination 10.0.0.3\n",
		"--mark 0x3000000/0xff000000 -m comment --comment \"publish imaps rules.conf:5\" "
		"-j DNAT "
		"--to-destination 10.0.0.4:9993\n");
	expect_not(v4, "fd00");
	EXPECT_LINES(
		rendered(HEAD INSPECTED PASSED, HOST, IP_V6), "-j DNAT --to-destination fd00::4\n");
	expect_not(rendered(HEAD INSPECTED PASSED, HOST, IP_V6), "10526");
}

static void only_what_has_its_lane_and_its_way_is_forwarded(void **state)
{
	const struct span v4 = rendered(HEAD INSPECTED PASSED, HOST, IP_V4);

	(void)state;
	EXPECT_LINES(v4, "*filter\n:POSTERN-INPUT",
		"-p tcp -m tcp --dport 10525:10778 -m conntrack ! --ctstate DNAT ",
		"-m connmark --mark 0xff000000/0xff000000 -m comment --comment \"postern: "
		"refused\" -j REJECT "
		"--reject-with tcp-reset\n",
		"-d 198.51.100.2/32 -p tcp -m tcp --dport 25 ",
		"-p tcp -m conntrack --ctorigdst 198.51.100.2 --ctorigdstport 25 -m connmark "
		"--mark "
		"0x0/0xff000000 ",
		":POSTERN-FORWARD",
		"-p tcp -m conntrack --ctreplsrc 10.0.0.3 -m connmark --mark 0x2000000/0xff000000 "
		"-m comment "
		"--comment \"publish imaps rules.conf:5\" -j RETURN\n",
		"-A POSTERN-FORWARD -d 198.51.100.2/32 -p tcp -m tcp --dport 25 ",
		"--ctorigdst 198.51.100.2 ", "-A POSTERN-FORWARD -d 10.0.0.3/32 ");
	/* an inspected lane is for a listener: were it forwarded, its redirection has been taken
	 * out */
	expect_not(v4, "0x1000000/0xff000000 -m comment --comment \"publish mail rules.conf:2\" -j "
		       "RETURN");
}

static void by_tproxy(void **state)
{
	const struct span v4 = rendered(HEAD INSPECTED PASSED, HOST "intercept tproxy\n", IP_V4);

	(void)state;
	EXPECT_LINES(v4, "*mangle\n", "-m mark --mark 0x500000/0xf00000 ", "CONNMARK --save-mark",
		"-p tcp -m connmark --mark 0x1000000/0xff000000 -m comment --comment \"publish "
		"mail "
		"rules.conf:2\" -j TPROXY --on-port 10526 --on-ip 0.0.0.0 --tproxy-mark "
		"0x500000/0xf00000\n",
		"NFQUEUE", "*nat\n", "DNAT --to-destination 10.0.0.3\n");
	expect_not(v4, "REDIRECT");
}

/* Else iptables-save would show another number than was asked for. */
static void first_packets_as_the_kernel_counts_them(void **state)
{
	(void)state;
	EXPECT_LINES(rendered(HEAD INSPECTED, HOST "first-packets 3600 per second\n", IP_V4),
		"--hashlimit-above 3610/sec --hashlimit-burst 7200 ");
	EXPECT_LINES(rendered(HEAD INSPECTED, HOST "first-packets 100000 per second\n", IP_V4),
		"--hashlimit-above 100000/sec --hashlimit-burst 200000 ");
	EXPECT_LINES(rendered(HEAD INSPECTED, HOST "first-packets 1 per second\n", IP_V4),
		"--hashlimit-above 1/sec --hashlimit-burst 2 ");
}

#define OPEN                                                                                       \
	"publish open { external 198.51.100.4:993; internal 10.0.0.5:9993, 10.0.0.6; pass\n"       \
	" client-address gateway; gate fail-open }\n"

/* Without a gate the first internal is passed to, by what has no lane; and nothing else. */
static void a_rule_that_fails_open(void **state)
{
	const struct span v4 = rendered(HEAD INSPECTED OPEN, HOST, IP_V4);

	(void)state;
	EXPECT_LINES(v4, ":POSTERN-FORWARD",
		"-A POSTERN-FORWARD -p tcp -m conntrack --ctorigdst 198.51.100.4 --ctreplsrc "
		"10.0.0.5 "
		"--ctorigdstport 993 -m connmark --mark 0x0/0xff000000 -m comment --comment "
		"\"publish open "
		"rules.conf:4\" -j RETURN\n",
		"-A POSTERN-FORWARD -d 198.51.100.2/32 -p tcp -m tcp --dport 25 ", "*mangle\n",
		"--comment \"publish mail rules.conf:2\" -j NFQUEUE --queue-num 525\n",
		"--comment \"publish open rules.conf:4\" -j NFQUEUE --queue-num 525 "
		"--queue-bypass\n",
		"*nat\n",
		"-A POSTERN-PREROUTING -d 198.51.100.4/32 -p tcp -m tcp --dport 993 --tcp-flags "
		"FIN,SYN,RST,ACK "
		"SYN -m connmark --mark 0x0/0xff000000 -m comment --comment \"publish open "
		"rules.conf:4\" -j DNAT "
		"--to-destination 10.0.0.5:9993\n",
		"-A POSTERN-POSTROUTING -p tcp -m conntrack --ctorigdst 198.51.100.4 "
		"--ctorigdstport 993 -m connmark "
		"--mark 0x0/0xff000000 -m comment --comment \"publish open rules.conf:4\" -j "
		"MASQUERADE\n");
	EXPECT_LINES(rendered(HEAD INSPECTED OPEN, HOST, IP_NONE), "counter queue num 525 comment",
		"counter queue num 525 bypass comment");
}

static void the_gateways_address_for_a_passing_rule(void **state)
{
	(void)state;
	EXPECT_LINES(
		rendered(HEAD "publish p { external 198.51.100.2:993; internal 10.0.0.3; pass\n"
			      " client-address gateway }\n",
			HOST, IP_V4),
		":POSTERN-POSTROUTING",
		"-A POSTERN-POSTROUTING -p tcp -m connmark --mark 0x1000000/0xff000000 ",
		"-j MASQUERADE\n");
}

#define TOLD                                                                                       \
	"publish told { external 198.51.100.2:993, [2001:db8::2]:993; internal 10.0.0.3, "         \
	"fd00::4\n"                                                                                \
	" pass; log sessions, tls }\n"

/* Of `log tls`, and of nothing else. */
static void first_packets_of_a_session_are_copied(void **state)
{
	(void)state;
	EXPECT_LINES(rendered(HEAD PASSED TOLD, HOST, IP_V4), "*mangle\n:POSTERN-PREROUTING",
		"*mangle\n:POSTERN-FORWARD - [0:0]\n"
		"-A POSTERN-FORWARD -p tcp -m connmark --mark 0x4000000/0xff000000 -m connbytes "
		"--connbytes 0:20 --connbytes-mode packets --connbytes-dir both -m comment "
		"--comment \"publish told rules.conf:4\" -j NFLOG --nflog-group 525 "
		"--nflog-size 4224\n"
		"*nat\n");
	EXPECT_LINES(rendered(HEAD PASSED TOLD, HOST, IP_V6), "*mangle\n:POSTERN-FORWARD",
		"--mark 0x5000000/0xff000000 -m connbytes ", "*nat\n");
	EXPECT_LINES(rendered(HEAD PASSED TOLD, HOST, IP_NONE), "chain mangle-forward",
		" ct mark & 0xff000000 == 0x04000000 ct packets <= 20 counter log group 525 "
		"snaplen 4224 comment",
		"chain nat-prerouting");
	expect_not(rendered(HEAD PASSED, HOST, IP_V4), "NFLOG");
	expect_not(rendered(HEAD PASSED, HOST, IP_V4), "*mangle\n:POSTERN-FORWARD");
}

static void by_nft(void **state)
{
	const struct span text = rendered(HEAD INSPECTED PASSED, HOST, IP_NONE);

	(void)state;
	EXPECT_LINES(text, "set bans4 {", "chain input",
		" ct mark & 0xff000000 == 0xff000000 counter reject with tcp reset",
		"chain raw-prerouting", " ip daddr . tcp dport . ip saddr @bans4 counter drop",
		"chain mangle-prerouting",
		" meta mark & 0xff000000 == 0x01000000 ct mark set ct mark & 0x00ffffff | "
		"0x01000000",
		" meta mark set meta mark & 0x00ffffff | 0x00000000", "update @asking4",
		"counter queue num 525", "chain nat-prerouting",
		" ct mark & 0xff000000 == 0x01000000 counter redirect to :10526",
		"dnat ip to 10.0.0.4:9993", "dnat ip6 to fd00::4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_for_an_inspected_rule_one_for_each_internal_of_a_passing_one),
		cmocka_unit_test(kinds),
		cmocka_unit_test(marks),
		cmocka_unit_test(more_lanes_than_numbers),
		cmocka_unit_test(a_number_stays_with_its_rule_and_internal),
		cmocka_unit_test(a_number_given_back_is_given_out_last),
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(what_is_not_exactly_the_lanes_of_the_rules_is_refused),
		cmocka_unit_test(one_number_for_two_is_refused),
		cmocka_unit_test(a_first_packet_is_asked_about_and_its_answer_saved),
		cmocka_unit_test(each_lane_goes_its_way),
		cmocka_unit_test(only_what_has_its_lane_and_its_way_is_forwarded),
		cmocka_unit_test(by_tproxy),
		cmocka_unit_test(a_rule_that_fails_open),
		cmocka_unit_test(first_packets_as_the_kernel_counts_them),
		cmocka_unit_test(the_gateways_address_for_a_passing_rule),
		cmocka_unit_test(first_packets_of_a_session_are_copied),
		cmocka_unit_test(by_nft),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
