/* SPDX-License-Identifier: ISC */
#include "rules/kernel/iptables.h"
#include "rules/kernel/nft.h"
#include "rules/kernel/routing.h"

#include <stdio.h>

#include "test/unit/check_cases.h"

static const char links[][KERNEL_LINK_MAX] = { "int", "dmz0.7" };

static char plan_block[1 << 20], text_block[1 << 20], other_block[1 << 20];

/* The rule set of @rules lives until the next call. */
static void plan_of(struct kernel_plan *plan, const char *rules, const char *host, size_t n_links)
{
	const struct ruleset *rs = build_text(span_str(rules), span_str(host));
	struct arena arena;

	assert_true(kernel_plan_room(rs) <= sizeof(plan_block));
	arena_init(&arena, plan_block, kernel_plan_room(rs));
	assert_int_equal(kernel_plan(&arena, rs, NULL, links, n_links, plan), RULES_OK);
}

static struct span set_of(char *block, const struct kernel_plan *plan, enum ip_family family)
{
	struct out o;

	out_init(&o, block, sizeof(text_block));
	iptables_render(&o, plan, family);
	assert_false(o.full);
	out_cstr(&o);
	return out_span(&o);
}

static const char *nft_of(const struct kernel_plan *plan)
{
	struct out o;

	out_init(&o, text_block, sizeof(text_block));
	nft_render(&o, plan);
	return out_cstr(&o);
}

static bool has(struct span text, const char *piece)
{
	return memmem(text.p, text.n, piece, strlen(piece)) != NULL;
}

static void expect(struct span text, const char *piece)
{
	if (!has(text, piece))
		fail_msg("\"%s\" is not in:\n%.*s", piece, (int)text.n, text.p);
}

static void expect_not(struct span text, const char *piece)
{
	if (has(text, piece))
		fail_msg("\"%s\" is in:\n%.*s", piece, (int)text.n, text.p);
}

#define HEAD   "version 1\n"
#define HOST   "version 1\nmode external\n"
#define TPROXY HOST "intercept tproxy port 2525\nmark 0x1/0xff\n"
#define ONE                                                                                        \
	HEAD "publish one {\n external 198.51.100.2:25\n internal 10.0.0.1\n"                      \
	     " client-address xclient\n}\n"
#define BOTH                                                                                       \
	HEAD "publish both { external 198.51.100.2:25, [2001:db8::2]:587\n"                        \
	     " internal 10.0.0.1:2525, [fd00::1]\n}\n"

/* ---- texts ---- */

static void one_rule_whole(void **state)
{
	struct kernel_plan plan;

	(void)state;
	plan_of(&plan, ONE, HOST, 1);
	expect_octets(set_of(text_block, &plan, IP_V4),
		SPAN("*filter\n:POSTERN-INPUT - [0:0]\n"
		     "-A POSTERN-INPUT -p tcp -m tcp --dport 10525 -m socket -m comment --comment "
		     "\"postern: own packets\" -j RETURN\n"
		     "-A POSTERN-INPUT -p tcp -m tcp --dport 10525 -m conntrack ! --ctstate DNAT"
		     " -m comment --comment \"postern: not diverted\" -j DROP\n"
		     "-A POSTERN-INPUT -i lo -m comment --comment \"postern: own packets\" -j "
		     "RETURN\n"
		     "-A POSTERN-INPUT -d 198.51.100.2/32 -p tcp -m tcp --dport 25"
		     " -m comment --comment \"publish one rules.conf:3\" -j DROP\n"
		     "*filter\n:POSTERN-FORWARD - [0:0]\n"
		     "-A POSTERN-FORWARD -d 198.51.100.2/32 -p tcp -m tcp --dport 25"
		     " -m comment --comment \"publish one rules.conf:3\" -j DROP\n"
		     "-A POSTERN-FORWARD -p tcp -m conntrack --ctorigdst 198.51.100.2 "
		     "--ctorigdstport 25"
		     " -m comment --comment \"publish one rules.conf:3\" -j DROP\n"
		     "-A POSTERN-FORWARD -d 10.0.0.1/32 -p tcp -m tcp --dport 25"
		     " -m comment --comment \"publish one rules.conf:4\" -j DROP\n"
		     "-A POSTERN-FORWARD -o int -p tcp -m tcp --dport 25"
		     " -m comment --comment \"postern: around the filter\" -j DROP\n"
		     "*nat\n:POSTERN-PREROUTING - [0:0]\n"
		     "-A POSTERN-PREROUTING -m mark --mark 0x500000/0xf00000"
		     " -m comment --comment \"postern: for the proxies\" -j RETURN\n"
		     "-A POSTERN-PREROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 25"
		     " -m comment --comment \"publish one rules.conf:3\" -j REDIRECT --to-ports "
		     "10525\n"),
		"one rule", "");
}

/* TCP-11: nothing is published in IPv6, and its drop stands all the same. */
static void the_family_without_a_rule(void **state)
{
	struct kernel_plan plan;
	struct span set;

	(void)state;
	plan_of(&plan, ONE, HOST, 2);
	set = set_of(text_block, &plan, IP_V6);
	expect(set, "-A POSTERN-FORWARD -o int -p tcp -m tcp --dport 25 ");
	expect(set, "-A POSTERN-FORWARD -o dmz0.7 -p tcp -m tcp --dport 25 ");
	expect(set, "-A POSTERN-INPUT -p tcp -m tcp --dport 10525 ");
	expect_not(set, "198.51");
	expect_not(set, "REDIRECT");
}

static void both_families(void **state)
{
	struct kernel_plan plan;
	struct span v4, v6;

	(void)state;
	plan_of(&plan, BOTH, HOST, 1);
	v4 = set_of(text_block, &plan, IP_V4);
	v6 = set_of(other_block, &plan, IP_V6);
	expect(v4, "-d 198.51.100.2/32 -p tcp -m tcp --dport 25 ");
	expect_not(v4, "-d 198.51.100.2/32 -p tcp -m tcp --dport 587 ");
	expect(v6, "-d 2001:db8::2/128 -p tcp -m tcp --dport 587 ");
	expect(v6, "--ctorigdst 2001:db8::2 --ctorigdstport 587 ");
	/* an internal without a port has those of the externals */
	expect(v6, "-A POSTERN-FORWARD -d fd00::1/128 -p tcp -m tcp --dport 25 ");
	expect(v6, "-A POSTERN-FORWARD -d fd00::1/128 -p tcp -m tcp --dport 587 ");
	expect(v4, "-A POSTERN-FORWARD -d 10.0.0.1/32 -p tcp -m tcp --dport 2525 ");
	expect_not(v4, "-d 10.0.0.1/32 -p tcp -m tcp --dport 587 ");
	expect(v6, "-o int -p tcp -m tcp --dport 2525 ");
	/* client-address keep */
	expect(v4, "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m socket --transparent"
		   " -m comment --comment \"postern: for the proxies\" -j MARK --set-xmark"
		   " 0x500000/0xf00000\n");
	expect_not(v4, "notrack");
}

static void tproxy(void **state)
{
	struct kernel_plan plan;
	struct span set;

	(void)state;
	plan_of(&plan, ONE, TPROXY, 0);
	set = set_of(text_block, &plan, IP_V4);
	expect(set, "-A POSTERN-INPUT -p tcp -m tcp --dport 2525 -m comment");
	expect(set, "-A POSTERN-INPUT -d 198.51.100.2/32 -p tcp -m tcp --dport 25 -m mark ! --mark"
		    " 0x1/0xff ");
	expect(set, " -j TPROXY --on-port 2525 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xff\n");
	expect(set, "-A POSTERN-PREROUTING -m mark --mark 0x1/0xff ");
	expect_not(set, "*nat");
	plan_of(&plan, BOTH, TPROXY, 0);
	expect(set_of(text_block, &plan, IP_V6), " --on-ip :: --tproxy-mark 0x1/0xff\n");
}

static void any_address(void **state)
{
	struct kernel_plan plan;

	(void)state;
	plan_of(&plan, HEAD "publish out { external any:25; internal original }\n", HOST, 0);
	for (int i = 0; i < 2; i++) {
		const struct span set = set_of(text_block, &plan, i == 0 ? IP_V4 : IP_V6);

		expect(set, "-A POSTERN-FORWARD -p tcp -m tcp --dport 25 ");
		expect_not(set, "ctorigdst");
		expect(set, "-A POSTERN-PREROUTING -p tcp -m tcp --dport 25 ");
		expect(set, "-A POSTERN-PREROUTING -p tcp -m tcp --sport 25 ! --tcp-flags "
			    "FIN,SYN,RST,ACK SYN -m socket --transparent");
		expect(set, "-A POSTERN-OUTPUT -p tcp -m tcp --dport 25 -m mark --mark "
			    "0x500000/0xf00000 -m comment --comment \"postern: original "
			    "destination\" -j CT --notrack\n");
	}
}

static void two_rules_at_one_address(void **state)
{
	struct kernel_plan plan;
	struct span set;
	const char *hit;

	(void)state;
	plan_of(&plan,
		HEAD "set partners { members 203.0.113.0/24 }\n"
		     "publish partners { external 198.51.100.20:25; internal 10.0.0.31:25\n"
		     " from partners; pass }\n"
		     "publish others { external 198.51.100.20:25\n"
		     " internal 10.0.0.30:25, 10.0.0.32:25 }\n",
		HOST, 0);
	set = set_of(text_block, &plan, IP_V4);
	hit = strstr(text_block, "REDIRECT");
	assert_non_null(hit);
	assert_null(strstr(hit + 1, "REDIRECT"));
	expect(set, "-d 10.0.0.31/32 ");
	expect(set, "-d 10.0.0.32/32 ");
}

static void a_whole_mark(void **state)
{
	struct kernel_plan plan;

	(void)state;
	plan_of(&plan, BOTH, HOST "mark 0x5/0xffffffff\n", 0);
	expect(set_of(text_block, &plan, IP_V4), "-m mark --mark 0x5 -m comment");
	expect(set_of(text_block, &plan, IP_V4), "--set-xmark 0x5/0xffffffff\n");
}

static void as_nft(void **state)
{
	struct kernel_plan plan;
	struct span text;

	(void)state;
	plan_of(&plan, BOTH, TPROXY, 1);
	text = span_str(nft_of(&plan));
	expect(text, "table inet postern\ndelete table inet postern\ntable inet postern {\n");
	expect(text, "ip daddr 198.51.100.2 tcp dport 25 counter tproxy ip to :2525 meta mark set "
		     "meta mark & 0xffffff00 | 0x00000001 accept comment \"publish both "
		     "rules.conf:2\"\n");
	expect(text, "ip6 daddr 2001:db8::2 tcp dport 587 meta mark & 0x000000ff != 0x00000001 "
		     "counter drop");
	expect(text, "oifname \"int\" tcp dport 587 counter drop");
	plan_of(&plan, BOTH, HOST, 0);
	expect(span_str(nft_of(&plan)), "counter redirect to :10525 comment");
	plan_of(&plan, HEAD "publish out { external any:25; internal original }\n", TPROXY, 0);
	text = span_str(nft_of(&plan));
	expect(text, "meta nfproto ipv4 tcp dport 25 counter tproxy ip to :2525");
	expect(text, "meta nfproto ipv6 tcp dport 25 counter tproxy ip6 to :2525");
}

/* Whatever a file is called: no quote, no line end, nothing longer than nft takes. */
static void hostile_names(void **state)
{
	static const char *const names[] = { "a\"\n-A INPUT -j ACCEPT\n#", "\\", "'; rm -rf /", "",
		"\xff\xfe\x1b[2J", "%s%n", "$(reboot)`reboot`" };
	char longest[1024], block[256];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i <= COUNT_OF(names); i++) {
		const char *name = i < COUNT_OF(names) ? names[i] : longest;
		const struct publish rule = { .name = name };
		const struct kernel_line l = { .rule = &rule,
			.at = { .file = name, .line = UINT32_MAX } };
		struct out o;

		out_init(&o, block, sizeof(block));
		kernel_comment(&o, &l);
		assert_true(o.n <= 120 && memchr(block, ' ', o.n) != NULL);
		for (size_t j = 0; j < o.n; j++)
			if (!ascii_alpha(o.p[j]) && !ascii_digit(o.p[j]))
				assert_non_null(memchr("._/:@+,- ", o.p[j], 9));
	}
}

static struct span example(const char *name)
{
	static char text[64 << 10];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s/rules.conf", EXAMPLES, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return span_of(text, n);
}

static void the_examples(void **state)
{
	struct kernel_plan plan;
	struct span set;

	(void)state;
	plan_of(&plan, (const char *)example("A").p, HOST, 1);
	set = set_of(text_block, &plan, IP_V4);
	for (size_t i = 0; i < 4; i++) {
		static const char *const lines[] = { "-d 198.51.100.2/32 -p tcp -m tcp --dport 25 ",
			"-d 198.51.100.3/32 -p tcp -m tcp --dport 25 ",
			"-d 198.51.100.3/32 -p tcp -m tcp --dport 587 ",
			"-d 198.51.100.3/32 -p tcp -m tcp --dport 993 " };
		expect(set, lines[i]);
	}
	expect(set, "-A POSTERN-FORWARD -d 10.0.0.22/32 -p tcp -m tcp --dport 587 ");
	plan_of(&plan, (const char *)example("C").p, HOST, 1);
	set = set_of(text_block, &plan, IP_V4);
	expect(set, "-d 198.51.100.20/32 -p tcp -m tcp --dport 25 -m comment --comment \"publish "
		    "partners-with-tls rules.conf:");
	expect(set, "-A POSTERN-FORWARD -d 10.0.0.32/32 ");
}

static void a_small_arena(void **state)
{
	const struct ruleset *rs = build_text(span_str(BOTH), span_str(HOST));
	struct kernel_plan plan;
	struct arena arena;

	(void)state;
	arena_init(&arena, plan_block, 64);
	assert_int_equal(kernel_plan(&arena, rs, NULL, links, 0, &plan), RULES_E_ARENA);
}

/* ---- what iptables-save shows ---- */

#define SAVED                                                                                      \
	"# Generated by iptables-save\n*nat\n:PREROUTING ACCEPT [7:420]\n:THEIRS - [0:0]\n"        \
	":POSTERN-PREROUTING - [0:0]\n"                                                            \
	"[1:60] -A PREROUTING -p udp -m udp --dport 9 -j THEIRS\n"                                 \
	"[2:120] -A PREROUTING -j POSTERN-PREROUTING\n"                                            \
	"[2:120] -A PREROUTING -j POSTERN-PREROUTING\n"                                            \
	"[2:120] -A POSTERN-PREROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 25 -m comment "    \
	"--comment \"publish one rules.conf:3\" -j REDIRECT --to-ports 10525\nCOMMIT\n"            \
	"*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -j ACCEPT\n"                                 \
	"[0:0] -A INPUT -s 10.0.0.0/8 -j POSTERN-INPUT\n:POSTERN-INPUTS - [0:0]\nCOMMIT\n"

static void seeing(void **state)
{
	struct iptables_seen seen;
	struct out o;

	(void)state;
	iptables_see(SPAN(SAVED), &seen);
	assert_true(seen.chain[KERNEL_NAT].there);
	assert_int_equal(seen.chain[KERNEL_NAT].jumps, 2);
	assert_int_equal(seen.chain[KERNEL_NAT].position, 2);
	assert_false(seen.chain[KERNEL_INPUT].there);
	assert_int_equal(seen.chain[KERNEL_INPUT].jumps, 0);
	assert_false(seen.chain[KERNEL_MANGLE].there);
	out_init(&o, text_block, sizeof(text_block));
	iptables_cut(&o, SPAN(SAVED));
	expect_str(out_cstr(&o),
		"*nat\n:POSTERN-PREROUTING - [0:0]\n"
		"-A POSTERN-PREROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 25 -m comment "
		"--comment \"publish one rules.conf:3\" -j REDIRECT --to-ports 10525\n",
		"cut", "");
}

static const char *script_of(struct span set, struct span saved, enum iptables_part part)
{
	struct iptables_seen seen;
	struct out o;

	iptables_see(saved, &seen);
	out_init(&o, other_block, sizeof(other_block));
	iptables_script(&o, set, &seen, part);
	return out_cstr(&o);
}

static void scripts(void **state)
{
	const struct span nothing = { NULL, 0 };
	const struct span small =
		SPAN("*filter\n:POSTERN-INPUT - [0:0]\n-A POSTERN-INPUT -j DROP\n");

	(void)state;
	expect_str(script_of(nothing, SPAN(SAVED), IPTABLES_ALL),
		"*nat\n:POSTERN-PREROUTING - [0:0]\n-D PREROUTING -j POSTERN-PREROUTING\n"
		"-D PREROUTING -j POSTERN-PREROUTING\n-X POSTERN-PREROUTING\nCOMMIT\n",
		"remove", "");
	expect_str(script_of(nothing, SPAN(SAVED), IPTABLES_DROP), "", "nothing to remove", "");
	expect_str(script_of(small, SPAN(SAVED), IPTABLES_DROP),
		"*filter\n:POSTERN-INPUT - [0:0]\n-A POSTERN-INPUT -j DROP\n"
		"-I INPUT 1 -j POSTERN-INPUT\nCOMMIT\n",
		"the drop", "");
	expect_str(script_of(small, SPAN(SAVED), IPTABLES_WAYS),
		"*nat\n:POSTERN-PREROUTING - [0:0]\n-D PREROUTING -j POSTERN-PREROUTING\n"
		"-D PREROUTING -j POSTERN-PREROUTING\n-X POSTERN-PREROUTING\nCOMMIT\n",
		"the ways", "");
}

static void comparing(void **state)
{
	static const struct {
		const char *saved;
		enum iptables_state want;
	} cases[] = {
		{ "*filter\n:POSTERN-INPUT - [0:0]\n[3:4] -A INPUT -j POSTERN-INPUT\n"
		  "[1:2] -A POSTERN-INPUT -j DROP\nCOMMIT\n",
			IPTABLES_IN_SYNC },
		{ "*filter\n:POSTERN-INPUT - [0:0]\n-A INPUT -j X\n-A INPUT -j POSTERN-INPUT\n"
		  "-A POSTERN-INPUT -j DROP\n",
			IPTABLES_MOVED },
		{ "*filter\n:POSTERN-INPUT - [0:0]\n-A INPUT -j POSTERN-INPUT\n-A INPUT -j "
		  "POSTERN-INPUT\n-A POSTERN-INPUT -j DROP\n",
			IPTABLES_MOVED },
		{ "*filter\n:POSTERN-INPUT - [0:0]\n-A POSTERN-INPUT -j DROP\n", IPTABLES_MISSING },
		{ "*nat\n:POSTERN-INPUT - [0:0]\n-A INPUT -j POSTERN-INPUT\n-A POSTERN-INPUT -j "
		  "DROP\n",
			IPTABLES_MISSING },
		{ "", IPTABLES_MISSING },
		{ "*filter\n:POSTERN-INPUT - [0:0]\n-A INPUT -j POSTERN-INPUT\n",
			IPTABLES_CHANGED },
		{ "*filter\n:POSTERN-INPUT - [0:0]\n-A INPUT -j POSTERN-INPUT\n"
		  "-A POSTERN-INPUT -j ACCEPT\n-A POSTERN-INPUT -j DROP\n",
			IPTABLES_CHANGED },
	};
	const struct span set = SPAN("*filter\n:POSTERN-INPUT - [0:0]\n-A POSTERN-INPUT -j DROP\n");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(iptables_compare(set, span_str(cases[i].saved), KERNEL_INPUT),
			cases[i].want);
	assert_int_equal(iptables_compare(set, SPAN(SAVED), KERNEL_NAT), IPTABLES_SURPLUS);
	assert_int_equal(iptables_compare(set, SPAN(SAVED), KERNEL_MANGLE), IPTABLES_UNNEEDED);
}

static void note_count(void *context, const struct iptables_count *count)
{
	unsigned *n = context;

	assert_int_equal(count->chain, KERNEL_NAT);
	assert_int_equal(count->packets, 2);
	assert_int_equal(count->octets, 120);
	assert_true(span_eq(count->comment, SPAN("publish one rules.conf:3")));
	assert_true(span_eq(count->target, SPAN("REDIRECT")));
	++*n;
}

static void counters(void **state)
{
	unsigned n = 0;

	(void)state;
	iptables_counts(SPAN(SAVED), note_count, &n);
	assert_int_equal(n, 1);
	iptables_counts(
		SPAN("[\n[1\n[1:\n[1:2]\n[1:2] \n*\n*nat\n-A\n-A \n[a:b] -A POSTERN-PREROUTING"
		     "\n[1:2]-A POSTERN-PREROUTING --comment \"\n"),
		note_count, &n);
	assert_int_equal(n, 1);
}

/* ---- routing ---- */

static void routing(void **state)
{
	static const char right[] = "5252: from all nop\n"
				    "5250: from all fwmark 0x500000/0xf00000 iif lo goto 5252\n"
				    "5251: from all fwmark 0x500000/0xf00000 lookup 5250\n"
				    "local default dev lo\n";
	struct kernel_plan plan;
	struct out o;

	(void)state;
	plan_of(&plan, ONE, HOST, 0); /* redirect, client-address xclient */
	out_init(&o, text_block, sizeof(text_block));
	routing_render(&o, &plan);
	expect_str(out_cstr(&o), "", "not needed", "");
	plan_of(&plan, BOTH, HOST, 0);
	routing_render(&o, &plan);
	expect_str(out_cstr(&o), right, "needed", "");

	out_init(&o, text_block, sizeof(text_block));
	routing_cut(&o,
		SPAN("0:\tfrom all lookup 255\n5250:\tfrom all fwmark 0x500000/0xf00000 iif lo "
		     "goto 5252\n5251:\tfrom all fwmark 0x500000/0xf00000 lookup 5250\n"
		     "5251:\tfrom all lookup 17\n5252:\tfrom all nop\n32766:\tfrom all lookup "
		     "254\n"),
		SPAN("local default dev lo scope host \n198.51.100.0/24 dev ext\n"));
	expect_str(out_cstr(&o), right, "seen", "");

	out_init(&o, other_block, sizeof(other_block));
	routing_script(&o, SPAN("5252: from all nop\nlocal default dev lo\n"),
		SPAN("5252: from all nop\n"));
	expect_str(out_cstr(&o),
		"route del local default dev lo table 5250\nrule del priority 5252 from all nop\n"
		"rule add priority 5252 from all nop\n",
		"script", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_rule_whole),
		cmocka_unit_test(the_family_without_a_rule),
		cmocka_unit_test(both_families),
		cmocka_unit_test(tproxy),
		cmocka_unit_test(any_address),
		cmocka_unit_test(two_rules_at_one_address),
		cmocka_unit_test(a_whole_mark),
		cmocka_unit_test(as_nft),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(the_examples),
		cmocka_unit_test(a_small_arena),
		cmocka_unit_test(seeing),
		cmocka_unit_test(scripts),
		cmocka_unit_test(comparing),
		cmocka_unit_test(counters),
		cmocka_unit_test(routing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
