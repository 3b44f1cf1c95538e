/* SPDX-License-Identifier: ISC */
#include "rules/kernel/settings.h"

#include "test/unit/check_cases.h"

static char block[1 << 16];

/* The settings that a rule set in "mode managed" wants, as letters: 4 6 A T. */
static const char *wanted_by(const char *rules)
{
	static char letters[SETTINGS + 1];
	const struct ruleset *rs = build_text(span_str(rules), SPAN("version 1\nmode managed\n"));
	struct setting_want want[SETTINGS];
	struct lanes lanes;
	struct arena arena;
	size_t n = 0;

	arena_init(&arena, block, sizeof(block));
	assert_int_equal(lanes_assign(&arena, rs, (struct span){ 0 }, &lanes), LANES_OK);
	settings_want(&lanes, want);
	for (enum kernel_setting s = 0; s < SETTINGS; s++)
		if (want[s].wanted)
			letters[n++] = "46AT"[s];
	letters[n] = '\0';
	return letters;
}

#define HEAD "version 1\n"

static void only_what_the_kernel_carries_needs_any(void **state)
{
	(void)state;
	assert_string_equal(
		wanted_by(HEAD "publish a { external 198.51.100.2:25; internal 10.0.0.1 }\n"), "");
	assert_string_equal(
		wanted_by(HEAD "publish a { external 198.51.100.2:25; internal 10.0.0.1; pass }\n"),
		"4AT");
	assert_string_equal(
		wanted_by(
			HEAD "publish a { external [2001:db8::2]:25; internal [fd00::1]; pass }\n"),
		"6AT");
	assert_string_equal(
		wanted_by(HEAD "publish a { external 198.51.100.2:25, [2001:db8::2]:25\n"
			       " internal 10.0.0.1, [fd00::1]; pass }\n"),
		"46AT");
	assert_string_equal(
		wanted_by(HEAD "publish a { external any:25; internal original; pass }\n"), "46AT");
	/* a proxy carries it, and tells the server of the client */
	assert_string_equal(
		wanted_by(HEAD "publish a { external 198.51.100.2:25; internal 10.0.0.1\n"
			       " pass; client-address proxy-v2 }\n"),
		"");
}

/* ---- memory ---- */

static void a_line_is_read_as_it_was_printed(void **state)
{
	static const uint64_t values[] = { 0, 1, 2, 9, 10, UINT32_MAX };

	(void)state;
	for (enum kernel_setting s = 0; s < SETTINGS; s++)
		for (size_t i = 0; i < COUNT_OF(values); i++) {
			const struct setting_memory m = { s, values[i], 1 };
			struct setting_memory got;
			char line[SETTING_LINE_MAX];
			struct out o;

			out_init(&o, line, sizeof(line));
			setting_print(&o, &m);
			assert_false(o.full);
			assert_true(setting_parse(out_span(&o), &got));
			assert_int_equal(got.setting, m.setting);
			assert_true(got.before == m.before && got.ours == m.ours);
		}
}

/* At every cut, and with whatever somebody may have put into a comment. */
static void nothing_else_is_read(void **state)
{
	static const char *const others[] = { "", " ", "net.ipv4.ip_forward",
		"net.ipv4.ip_forward 0", "net.ipv4.ip_forward 0 ", "net.ipv4.ip_forward  0 1",
		"net.ipv4.ip_forward 0 1 ", "net.ipv4.ip_forward 0 1\n", " net.ipv4.ip_forward 0 1",
		"net.ipv4.ip_forward 00 1", "net.ipv4.ip_forward 0 01", "net.ipv4.ip_forward -1 1",
		"net.ipv4.ip_forward 0 1 2", "net.ipv4.ip_forward 4294967296 1",
		"net.ipv4.ip_forward 0x1 1", "net/ipv4/ip_forward 0 1", "kernel.modprobe 0 1",
		"../../kernel/core_pattern 0 1" };
	const struct span line = SPAN("net.netfilter.nf_conntrack_acct 0 1");
	struct setting_memory m;
	struct fence f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(setting_parse(span_str(others[i]), &m));
	fence_init(&f, line.n);
	for (size_t n = 0; n <= line.n; n++) {
		const uint8_t *p = fence_at_end(&f, span_sub(line, 0, n));

		assert_int_equal(setting_parse(span_of(p, n), &m), n == line.n);
	}
	fence_deinit(&f);
}

static void what_is_remembered(void **state)
{
	const struct setting_memory was = { SETTING_FORWARD4, 0, 1 };
	struct setting_memory m;

	(void)state;
	m = setting_remember(NULL, SETTING_FORWARD4, 0, 1);
	assert_true(m.before == 0 && m.ours == 1);
	/* ours still stands: what was before us is what counts */
	m = setting_remember(&was, SETTING_FORWARD4, 1, 2);
	assert_true(m.before == 0 && m.ours == 2);
	/* somebody came after us: that is his will */
	m = setting_remember(&was, SETTING_FORWARD4, 3, 1);
	assert_true(m.before == 3 && m.ours == 1);
}

static void values(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(setting_value(SPAN("1\n"), &v) && v == 1);
	assert_true(setting_value(SPAN("0"), &v) && v == 0);
	assert_false(setting_value(SPAN(""), &v));
	assert_false(setting_value(SPAN("\n"), &v));
	assert_false(setting_value(SPAN("1\n1\n"), &v));
	assert_false(setting_value(SPAN("-1\n"), &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_the_kernel_carries_needs_any),
		cmocka_unit_test(a_line_is_read_as_it_was_printed),
		cmocka_unit_test(nothing_else_is_read),
		cmocka_unit_test(what_is_remembered),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
