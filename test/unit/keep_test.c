/* SPDX-License-Identifier: ISC */
#include "proxy/house/keep.h"

#include <stdio.h>

#include "test/unit/rules_of.h"

#define NOW  5000000u   /* steady, milliseconds */
#define WALL 1800000000 /* seconds */

static const char text[] = "version 1\n"
			   "set a { dynamic timeout 1h }\n"
			   "set b { dynamic timeout 1h }\n"
			   "set fixed { members 192.0.2.7 }\n"
			   "publish p {\n"
			   "    external 198.51.100.2:25\n"
			   "    internal 10.0.0.1:25\n"
			   "    from any except a, b, fixed\n"
			   "    limit rate 5 per 1m per client then refuse for 10m\n"
			   "    limit errors 5 per 1m per client then refuse for 1h\n"
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

struct kept {
	struct dynamic d;
	struct bans b;
	struct keep_found found;
};

static void drop(struct kept *k)
{
	dynamic_deinit(&k->d);
	bans_deinit(&k->b);
}

static struct kept parse(struct span s, uint64_t now_ms, int64_t wall_s)
{
	struct kept k = { 0 };

	k.found = keep_parse(s, rules.rs, &k.d, &k.b, now_ms, wall_s);
	return k;
}

/* As it would be written, of a moment at which nothing has passed. */
static void expect(const struct kept *k, uint64_t now_ms, int64_t wall_s, const char *want)
{
	static char block[65536];
	struct out o;

	out_init(&o, block, sizeof(block));
	keep_print(&o, &k->d, &k->b, now_ms, wall_s);
	expect_octets(out_span(&o), span_str(want), "members", "kept");
}

static const char all[] = "postern-members 1 1800000000\n"
			  "member a 192.0.2.0/24 -\n"
			  "member a 192.0.2.1 1800000060\n"
			  "member b 2001:db8::/32 1800003600\n"
			  "ban p 203.0.113.9 rate 1800000600\n"
			  "ban p 2001:db8:1::/64 errors 1800003600\n";

static void what_was_written_is_read(void **state)
{
	struct kept k = parse(span_str(all), NOW, WALL);

	(void)state;
	assert_false(k.found.not_ours);
	assert_int_equal(k.found.lines, 0);
	assert_true(k.d.changed);
	expect(&k, NOW, WALL, all);
	drop(&k);
}

static void time_passes_meanwhile(void **state)
{
	struct kept k = parse(span_str(all), NOW, WALL + 60);

	(void)state;
	expect(&k, NOW, WALL + 60,
		"postern-members 1 1800000060\n"
		"member a 192.0.2.0/24 -\n"
		"member b 2001:db8::/32 1800003600\n"
		"ban p 203.0.113.9 rate 1800000600\n"
		"ban p 2001:db8:1::/64 errors 1800003600\n");
	drop(&k);
	k = parse(span_str(all), NOW, WALL + 36000);
	expect(&k, NOW, WALL + 36000, "postern-members 1 1800036000\nmember a 192.0.2.0/24 -\n");
	drop(&k);
}

/* One that was set back, or a host that begins in 1970: nobody stays longer for that. */
static void a_clock_that_goes_back_makes_no_time_pass(void **state)
{
	static const int64_t clocks[] = { WALL - 86400, 7, 0, -5 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(clocks); i++) {
		struct kept k = parse(span_str(all), NOW, clocks[i]);

		expect(&k, NOW, WALL, all);
		drop(&k);
	}
}

static void what_the_rules_do_not_know_is_left_out_in_silence(void **state)
{
	struct kept k = parse(SPAN("postern-members 1 1800000000\n"
				   "member gone 192.0.2.1 -\n"
				   "member fixed 192.0.2.1 -\n"
				   "ban gone 203.0.113.9 rate 1800000600\n"
				   "ban p 203.0.113.9 octets 1800000600\n"
				   "ban p 203.0.113.0/24 rate 1800000600\n"
				   "ban p 2001:db8::1 rate 1800000600\n"
				   "ban p 203.0.113.9 rate 1800000000\n"),
		NOW, WALL);

	(void)state;
	assert_int_equal(k.found.lines, 0);
	expect(&k, NOW, WALL, "postern-members 1 1800000000\n");
	drop(&k);
}

static void no_ban_is_longer_than_its_rule_says(void **state)
{
	struct kept k = parse(SPAN("postern-members 1 1800000000\n"
				   "ban p 203.0.113.9 rate 253402300799\n"),
		NOW, WALL);

	(void)state;
	expect(&k, NOW, WALL, "postern-members 1 1800000000\nban p 203.0.113.9 rate 1800000600\n");
	drop(&k);
}

static void lines_that_are_none_are_counted_and_the_others_count(void **state)
{
	static const struct span lines[] = { OCTETS(""), OCTETS(" "), OCTETS("member"),
		OCTETS("member a 192.0.2.1"), OCTETS("member a 192.0.2.1 - "),
		OCTETS("member a 192.0.2.1/24 -"), OCTETS("member a  192.0.2.1 -"),
		OCTETS("member a 192.0.2.1 -1"), OCTETS("member a 192.0.2.1 253402300800"),
		OCTETS("member a 192.0.2.1 99999999999999999999"), OCTETS("member  192.0.2.1 -"),
		OCTETS("member a\0 192.0.2.1 -"), OCTETS("Member a 192.0.2.1 -"),
		OCTETS("ban p 203.0.113.9 rate -"), OCTETS("ban p 203.0.113.9 rates 1800000600"),
		OCTETS("ban p 203.0.113.9 1800000600"), OCTETS("ban p 0.0.0.0/33 rate 1800000600"),
		OCTETS("member a 192.0.2.1 -\r"), OCTETS("x y z u v w"),
		OCTETS("member "
		       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		       "aaaaaaa 192.0.2.1 -") };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char block[1024];
		struct out o;
		struct kept k;

		out_init(&o, block, sizeof(block));
		out_str(&o, "postern-members 1 1800000000\nmember b 192.0.2.9 -\n");
		out_bytes(&o, lines[i]);
		out_str(&o, "\nban p 203.0.113.9 rate 1800000600\n");
		k = parse(out_span(&o), NOW, WALL);
		if (k.found.not_ours || k.found.lines != 1 || k.found.first != 3)
			fail_msg("line %zu: %zu faults, the first in %zu", i, k.found.lines,
				k.found.first);
		expect(&k, NOW, WALL,
			"postern-members 1 1800000000\n"
			"member b 192.0.2.9 -\n"
			"ban p 203.0.113.9 rate 1800000600\n");
		drop(&k);
	}
}

/* Cut anywhere: whole lines count, and it is told when one is not whole. */
static void a_file_that_was_cut(void **state)
{
	const size_t head = strcspn(all, "\n") + 1;

	(void)state;
	for (size_t n = 0; n < sizeof(all) - 1; n++) {
		char *block = test_malloc(n + 1); /* whatever is read beyond is seen */
		struct kept k;

		memcpy(block, all, n);
		k = parse(span_of(block, n), NOW, WALL);
		assert_int_equal(k.found.not_ours, n < head);
		assert_int_equal(k.found.lines, n >= head && all[n - 1] != '\n');
		drop(&k);
		test_free(block);
	}
}

static void another_beginning_counts_for_nothing(void **state)
{
	static const char *const heads[] = { "", "\n", "postern-members 2 1800000000\n",
		"postern-members 1\n", "postern-members 1 \n", "postern-members 1 x\n",
		"postern-members 1 -1\n", "postern-members 1 253402300800\n", "members 1\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		char block[256];
		struct kept k;

		snprintf(block, sizeof(block), "%s%s", heads[i],
			i > 0 ? "member a 192.0.2.1 -\n" : "");
		k = parse(span_str(block), NOW, WALL);
		assert_true(k.found.not_ours);
		assert_int_equal(k.d.n, 0);
		drop(&k);
	}
}

/* Every octet of it replaced by any: nothing but what may be comes of it. */
static void any_octets(void **state)
{
	char block[sizeof(all)];

	(void)state;
	for (size_t i = 0; i < sizeof(all) - 1; i++)
		for (int c = 0; c < 256; c += 3) {
			struct kept k;

			memcpy(block, all, sizeof(all));
			block[i] = (char)c;
			k = parse(span_of(block, sizeof(all) - 1), NOW, WALL);
			assert_true(k.d.n <= 3 && k.b.n <= 2);
			for (size_t j = 0; j < k.b.n; j++)
				assert_true(k.b.list[j].end_ms <= NOW + 3600000);
			drop(&k);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(time_passes_meanwhile),
		cmocka_unit_test(a_clock_that_goes_back_makes_no_time_pass),
		cmocka_unit_test(what_the_rules_do_not_know_is_left_out_in_silence),
		cmocka_unit_test(no_ban_is_longer_than_its_rule_says),
		cmocka_unit_test(lines_that_are_none_are_counted_and_the_others_count),
		cmocka_unit_test(a_file_that_was_cut),
		cmocka_unit_test(another_beginning_counts_for_nothing),
		cmocka_unit_test(any_octets),
	};

	return cmocka_run_group_tests(tests, begin, finish);
}
