/* SPDX-License-Identifier: ISC */
#include "filter/policy/policy.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/rule_of.h"
#include "test/unit/support.h"

static const char text[] =
	"version 1\n"
	"set home { members in.test, *.below.test, boss@other.test }\n"
	"commands t like submission {\n"
	"    verb VRFY deny reply \"550 5.0.0 Who knows\"\n"
	"    verb EXPN deny reply \"550 5.7.1 Never\"\n"
	"    verb RCPT limit 3 per message\n"
	"    verb ETRN\n"
	"}\n"
	"publish p {\n"
	"    external 198.51.100.2:25; internal 10.0.0.21:25; client-address gateway\n"
	"    inspect commands t\n"
	"    recipients in home\n"
	"    limit message 64KiB\n"
	"    limit recipients 100 per message\n"
	"    limit octets 60KiB per 1h per client, 63KiB per 1h total\n"
	"}\n";

static const struct publish *rule(void)
{
	static const struct publish *built;

	if (built == NULL)
		built = rule_of(SPAN(text));
	return built;
}

static struct verdict decide(const char *line, struct policy_facts facts)
{
	const struct command_rules rules = { .offered = facts.offered,
		.line_max = rule()->smtp.line_max };
	struct smtp_command cmd;
	size_t at;

	if (command_parse(span_str(line), &rules, &cmd, &at) != SMTP_DEFECT_NONE)
		fail_msg("%s: a defect", line);
	return policy_command(rule(), &facts, &cmd);
}

#define ALL UINT32_MAX

static void each_command_has_its_verdict(void **state)
{
	static const struct {
		const char *line;
		struct policy_facts facts;
		enum code code; /* CODE_COUNT: it passes */
		unsigned reply, at;
	} cases[] = {
		{ "EHLO c.test", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "NOOP x", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "MAIL FROM:<>", { .offered = ALL }, CODE_COUNT, 0, 0 },
		/* what can never fit into the limit of a time is not put off */
		{ "MAIL FROM:<a@out.test> SIZE=61440", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "MAIL FROM:<a@out.test> SIZE=61441", { .offered = ALL }, CODE_SIZE_DECLARED, 552,
			15 },
		{ "MAIL FROM:<a@out.test> SIZE=65536", { .offered = ALL }, CODE_SIZE_DECLARED, 552,
			15 },
		{ "MAIL FROM:<a@out.test> SIZE=65537", { .offered = ALL }, CODE_SIZE_DECLARED, 552,
			13 },
		{ "RCPT TO:<b@in.test>", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "RCPT TO:<b@IN.TEST>", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "RCPT TO:<b@x.below.test>", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "RCPT TO:<BOSS@other.test>", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "RCPT TO:<postmaster>", { .offered = ALL }, CODE_COUNT, 0,
			0 }, /* RFC 5321 4.5.1 */
		{ "RCPT TO:<b@out.test>", { .offered = ALL }, CODE_RECIPIENT_DENIED, 550, 12 },
		{ "RCPT TO:<b@below.test>", { .offered = ALL }, CODE_RECIPIENT_DENIED, 550, 12 },
		{ "RCPT TO:<b@xin.test>", { .offered = ALL }, CODE_RECIPIENT_DENIED, 550, 12 },
		{ "RCPT TO:<b@[192.0.2.1]>", { .offered = ALL }, CODE_RECIPIENT_DENIED, 550, 12 },
		{ "RCPT TO:<clerk@other.test>", { .offered = ALL }, CODE_RECIPIENT_DENIED, 550,
			12 },
		{ "RCPT TO:<b@in.test>", { .offered = ALL, .verbs = 2 }, CODE_COUNT, 0, 0 },
		{ "RCPT TO:<b@in.test>", { .offered = ALL, .verbs = 3 }, CODE_LIMIT_PER_MESSAGE,
			452, 6 },
		{ "RCPT TO:<b@in.test>", { .offered = ALL, .recipients = 100 },
			CODE_LIMIT_RECIPIENTS, 452, 14 },
		{ "VRFY x", { .offered = ALL }, CODE_VERB_DENIED, 550, 4 },
		{ "EXPN x", { .offered = ALL }, CODE_VERB_DENIED, 550, 5 },
		{ "STARTTLS", { .offered = ALL }, CODE_STARTTLS_DENIED, 502, 0 },
		{ "XCLIENT ADDR=192.0.2.1", { .offered = ALL }, CODE_VERB_DENIED, 502, 0 },
		{ "TURN", { .offered = ALL }, CODE_VERB_DENIED, 502, 0 },
		{ "BDAT 5", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "BDAT 5", { .offered = 0 }, CODE_CHUNKING_DENIED, 502, 0 },
		{ "AUTH PLAIN", { .offered = ALL }, CODE_COUNT, 0, 0 },
		{ "AUTH PLAIN", { .offered = 0 }, CODE_AUTH_DENIED, 502, 0 },
		{ "ETRN in.test", { .offered = 0 }, CODE_VERB_DENIED, 502, 7 },
		/* of a relay listener */
		{ "STARTTLS", { .tls = POLICY_TLS_NONE }, CODE_STARTTLS_DENIED, 502, 0 },
		{ "STARTTLS", { .tls = POLICY_TLS_OFFERED }, CODE_COUNT, 0, 0 },
		{ "STARTTLS", { .tls = POLICY_TLS_REQUIRED }, CODE_COUNT, 0, 0 },
		{ "STARTTLS", { .tls = POLICY_TLS_ON }, CODE_TLS_ALREADY, 503, 0 }, /* TLS-15 */
		{ "EHLO c.test", { .tls = POLICY_TLS_REQUIRED }, CODE_COUNT, 0, 0 },
		{ "NOOP x", { .tls = POLICY_TLS_REQUIRED }, CODE_COUNT, 0, 0 },
		{ "RSET", { .tls = POLICY_TLS_REQUIRED }, CODE_COUNT, 0, 0 },
		{ "QUIT", { .tls = POLICY_TLS_REQUIRED }, CODE_COUNT, 0, 0 },
		{ "HELO c.test", { .tls = POLICY_TLS_REQUIRED }, CODE_AFTER_TLS, 530, 0 },
		{ "MAIL FROM:<>", { .tls = POLICY_TLS_REQUIRED }, CODE_AFTER_TLS, 530, 0 },
		{ "AUTH PLAIN", { .offered = ALL, .tls = POLICY_TLS_REQUIRED }, CODE_AFTER_TLS, 530,
			0 }, /* TLS-13 */
		{ "AUTH PLAIN", { .offered = ALL, .tls = POLICY_TLS_OFFERED }, CODE_AFTER_TLS, 530,
			0 },
		{ "AUTH PLAIN", { .offered = ALL, .tls = POLICY_TLS_NONE }, CODE_AFTER_TLS, 530,
			0 },
		{ "AUTH PLAIN", { .offered = ALL, .tls = POLICY_TLS_ON }, CODE_COUNT, 0, 0 },
		{ "MAIL FROM:<>", { .tls = POLICY_TLS_ON, .login_required = true },
			CODE_LOGIN_REQUIRED, 530, 0 },
		{ "RCPT TO:<b@in.test>", { .tls = POLICY_TLS_ON, .login_required = true },
			CODE_LOGIN_REQUIRED, 530, 0 },
		{ "VRFY x", { .tls = POLICY_TLS_ON, .login_required = true }, CODE_LOGIN_REQUIRED,
			530, 0 },
		{ "HELO c.test", { .tls = POLICY_TLS_ON, .login_required = true }, CODE_COUNT, 0,
			0 },
		{ "MAIL FROM:<>",
			{ .tls = POLICY_TLS_ON, .login_required = true, .logged_in = true },
			CODE_COUNT, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct verdict v = decide(cases[i].line, cases[i].facts);

		if (v.pass != (cases[i].code == CODE_COUNT) ||
			(!v.pass && (v.code != cases[i].code || v.reply != cases[i].reply ||
					    (cases[i].at != 0 && v.at.line != cases[i].at))))
			fail_msg("%s: pass %d, %s, reply %u, line %u", cases[i].line, v.pass,
				v.pass ? "" : code_info(v.code)->name, v.reply, v.at.line);
	}
}

static void a_row_words_what_it_denies(void **state)
{
	(void)state;
	assert_string_equal(
		decide("EXPN x", (struct policy_facts){ .offered = ALL }).text, "5.7.1 Never");
	/* also when the line is defective: nobody learns the grammar of what is denied */
	assert_string_equal(
		policy_defect(rule(), SMTP_DEFECT_ARGUMENT_MISSING, SMTP_VERB_EXPN).text,
		"5.7.1 Never");
	assert_int_equal(
		policy_defect(rule(), SMTP_DEFECT_ARGUMENT_MISSING, SMTP_VERB_STARTTLS).code,
		CODE_STARTTLS_DENIED);
	assert_int_equal(policy_defect(rule(), SMTP_DEFECT_ARGUMENT_MISSING, SMTP_VERB_MAIL).code,
		CODE_ARGUMENT_MISSING);
}

/* "5.5.2 Line too long": RFC 3463, its class that of the code. */
static void expect_reply(enum code code)
{
	const struct code_info *info = code_info(code);

	if (info->reply < 400 || info->reply > 599 ||
		info->reply_text[0] != (char)('0' + info->reply / 100) ||
		info->reply_text[1] != '.')
		fail_msg("%s: %u %s", info->name, info->reply, info->reply_text);
}

static void every_defect_and_fault_has_a_reply(void **state)
{
	(void)state;
	for (unsigned d = SMTP_DEFECT_NONE + 1; d < SMTP_DEFECT_COUNT; d++)
		expect_reply(policy_defect(rule(), (enum smtp_defect)d, SMTP_VERB_OTHER).code);
	for (unsigned f = SMTP_FAULT_NONE + 1; f < SMTP_FAULT_COUNT; f++) {
		const struct verdict v = policy_fault((enum smtp_fault)f);

		assert_true(v.cut);
		expect_reply(v.code);
	}
}

static void codes_are_found_by_their_text_and_stand_once(void **state)
{
	char shown[7];

	(void)state;
	for (unsigned c = 0; c < CODE_COUNT; c++) {
		assert_int_equal(code_find(span_str(code_text((enum code)c, shown))), c);
		for (unsigned d = 0; d < c; d++)
			assert_int_not_equal(
				code_info((enum code)c)->number, code_info((enum code)d)->number);
	}
	assert_int_equal(code_find(SPAN("PN9999")), CODE_COUNT);
	assert_int_equal(code_find(SPAN("")), CODE_COUNT);
	assert_int_equal(code_find(SPAN("3021")), CODE_TEXT_BARE_LF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_has_its_verdict),
		cmocka_unit_test(a_row_words_what_it_denies),
		cmocka_unit_test(every_defect_and_fault_has_a_reply),
		cmocka_unit_test(codes_are_found_by_their_text_and_stand_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
