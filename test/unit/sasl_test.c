/* SPDX-License-Identifier: ISC */
#include "filter/smtp/sasl.h"

#include "filter/smtp/command.h"
#include "test/unit/support.h"

static void mechanism_names_are_those_of_rfc_4422(void **state)
{
	static const char *const good[] = { "PLAIN", "login", "SCRAM-SHA-256", "X_1", "A",
		"ABCDEFGHIJKLMNOPQRST" };
	static const char *const bad[] = { "", "PLAIN ", "PL.AIN", "PL=AIN", "PL\303\204",
		"ABCDEFGHIJKLMNOPQRSTU" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!sasl_mechanism(span_str(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (sasl_mechanism(span_str(bad[i])))
			fail_msg("%s", bad[i]);
}

static void base64_has_one_text_for_each_secret(void **state)
{
	static const char *const good[] = { "AGEAYg==", "AA==", "AAA=", "AAAA", "ab+/",
		"/w==", "//8=" };
	static const char *const bad[] = { "", "=", "A", "AA", "AAA", "AAAAA",
		"A===", "====", "AA=A", "=AAA", "AA==AAAA", "AB==", "AAB=", "/x==", "AA A", "AA-_",
		"AAA\t", "AA\303\204", "*", "AAAA\r" };
	struct fence f;

	(void)state;
	fence_init(&f, 64);
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!sasl_base64(span_of(fence_at_end(&f, span_str(good[i])), strlen(good[i]))))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (sasl_base64(span_of(fence_at_start(&f, span_str(bad[i])), strlen(bad[i]))))
			fail_msg("%s", bad[i]);
	fence_deinit(&f);
}

static void a_line_behind_334_is_a_response(void **state)
{
	static uint8_t line[SMTP_COMMAND_MAX];
	struct smtp_command cmd;
	uint8_t block[64];
	struct out o;
	size_t at = 9;

	(void)state;
	assert_int_equal(sasl_parse(SPAN("AGEAYg=="), &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(cmd.verb, SMTP_VERB_SASL);
	out_init(&o, block, sizeof block);
	command_print(&o, &cmd);
	expect_octets(out_span(&o), SPAN("AGEAYg==\r\n"), "response", "printed");
	assert_int_equal(sasl_parse(SPAN(""), &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(sasl_parse(SPAN("*"), &cmd, &at), SMTP_DEFECT_NONE); /* AUT-06 */
	assert_int_equal(sasl_parse(SPAN("QUIT"), &cmd, &at),
		SMTP_DEFECT_NONE); /* AUT-10: four letters of base64 */
	assert_int_equal(sasl_parse(SPAN("NOOP x"), &cmd, &at), SMTP_DEFECT_SASL_SYNTAX);
	assert_int_equal(at, 0);
	assert_int_equal(sasl_parse(SPAN("**"), &cmd, &at), SMTP_DEFECT_SASL_SYNTAX);
	memset(line, 'A', sizeof line); /* AUT-01 */
	assert_int_equal(
		sasl_parse(span_of(line, SMTP_COMMAND_MAX - 4), &cmd, &at), SMTP_DEFECT_NONE);
	assert_int_equal(
		sasl_parse(span_of(line, SMTP_COMMAND_MAX), &cmd, &at), SMTP_DEFECT_LINE_LONG);
	assert_int_equal(at, SMTP_COMMAND_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanism_names_are_those_of_rfc_4422),
		cmocka_unit_test(base64_has_one_text_for_each_secret),
		cmocka_unit_test(a_line_behind_334_is_a_response),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
