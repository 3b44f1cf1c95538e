/* SPDX-License-Identifier: ISC */
#include "filter/smtp/param.h"

#include <stdio.h>

#include "test/unit/support.h"

#define ALL  ((1u << SMTP_EXT_COUNT) - 1)
#define MAIL SMTP_VERB_MAIL
#define RCPT SMTP_VERB_RCPT

static enum param_error parse(struct span text, enum smtp_verb verb, uint32_t offered,
	struct smtp_params *paramsp, struct span *badp, struct fence *f)
{
	return params_parse(span_of(fence_at_end(f, text), text.n), verb, offered, paramsp, badp);
}

static const struct good {
	enum smtp_verb verb;
	const char *text, *printed; /* NULL: as it stood */
} good[] = {
	{ MAIL, "", NULL }, { MAIL, "   ", "" }, { MAIL, " SIZE=0", NULL },
	{ MAIL, " size=0010", " SIZE=10" }, { MAIL, " SIZE=18446744073709551615", NULL },
	{ MAIL, " BODY=7bit", " BODY=7BIT" }, { MAIL, " BODY=8BITMIME", NULL },
	{ MAIL, "  SIZE=5   body=binarymime ", " SIZE=5 BODY=BINARYMIME" },
	{ MAIL, " BODY=7BIT SIZE=5", " SIZE=5 BODY=7BIT" }, /* in the order of the list */
	{ MAIL, " AUTH=<>", NULL }, { MAIL, " AUTH=e+3Dmc2@example.com", NULL }, /* RFC 4954 5 */
	{ MAIL, " SMTPUTF8", NULL }, { MAIL, " smtputf8", " SMTPUTF8" },
	{ MAIL, " RET=hdrs ENVID=QQ314159", " RET=HDRS ENVID=QQ314159" },
	{ MAIL, " RET=FULL", NULL }, { MAIL, " BY=120;R", NULL },
	{ MAIL, " BY=-10;nt", " BY=-10;NT" }, { MAIL, " BY=+10;RT", NULL },
	{ MAIL, " BY=0;N", NULL }, { MAIL, " MT-PRIORITY=-9", NULL },
	{ MAIL, " MT-PRIORITY=0", NULL }, { RCPT, " NOTIFY=never", " NOTIFY=NEVER" },
	{ RCPT, " NOTIFY=SUCCESS,FAILURE,DELAY", NULL },
	{ RCPT, " NOTIFY=delay,success", " NOTIFY=DELAY,SUCCESS" },
	{ RCPT, " ORCPT=rfc822;Bob+40x@in.test", NULL },
	{ RCPT, " ORCPT=utf-8;b\303\251@in.test", NULL }, /* RFC 6533 */
};

static void parameters_are_printed_in_one_form(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 2000);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		const char *want = good[i].printed ? good[i].printed : good[i].text;
		struct smtp_params params, again;
		struct span bad;
		uint8_t block[600];
		struct out o;

		if (parse(span_str(good[i].text), good[i].verb, ALL, &params, &bad, &f) != PARAM_OK)
			fail_msg("\"%s\"", good[i].text);
		out_init(&o, block, sizeof block);
		params_print(&o, &params);
		expect_octets(out_span(&o), span_str(want), good[i].text, "printed");
		assert_int_equal(
			parse(out_span(&o), good[i].verb, ALL, &again, &bad, &f), PARAM_OK);
		assert_int_equal(again.present, params.present);
		assert_int_equal(again.size, params.size);
		assert_int_equal(again.body, params.body);
	}
	fence_deinit(&f);
}

static const struct bad {
	enum smtp_verb verb;
	const char *text;
	enum param_error want;
} bad[] = {
	{ MAIL, "SIZE=10", PARAM_E_SYNTAX },                    /* CMD-16 */
	{ MAIL, " SIZE=99999999999999999999", PARAM_E_SYNTAX }, /* ATK-21 */
	{ MAIL, " SIZE=-1", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=1x", PARAM_E_SYNTAX },
	{ MAIL, " SIZE", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=+1", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=000000000000000000001", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=18446744073709551616", PARAM_E_SYNTAX },
	{ MAIL, " SIZE =1", PARAM_E_SYNTAX },
	{ MAIL, " SIZE= 1", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=1=1", PARAM_E_SYNTAX },
	{ MAIL, " =1", PARAM_E_SYNTAX },
	{ MAIL, " -SIZE=1", PARAM_E_SYNTAX },
	{ MAIL, " S\303\204=1", PARAM_E_SYNTAX },
	{ MAIL, " SIZE=1\tBODY=7BIT", PARAM_E_SYNTAX },
	{ MAIL, " BODY=8BITMIME BODY=7BIT", PARAM_E_DUPLICATE }, /* ATK-22 */
	{ MAIL, " SIZE=1 SIZE=2", PARAM_E_DUPLICATE },
	{ MAIL, " SIZE=1 size=1", PARAM_E_DUPLICATE },
	{ MAIL, " FOO=1", PARAM_E_UNKNOWN },
	{ MAIL, " FOO", PARAM_E_UNKNOWN },
	{ MAIL, " SIZEX=1", PARAM_E_UNKNOWN },
	{ MAIL, " NOTIFY=NEVER", PARAM_E_UNKNOWN }, /* RCPT's */
	{ RCPT, " SIZE=1", PARAM_E_UNKNOWN },
	{ RCPT, " RET=FULL", PARAM_E_UNKNOWN },
	{ MAIL, " BODY=", PARAM_E_SYNTAX },
	{ MAIL, " BODY=8BIT", PARAM_E_SYNTAX },
	{ MAIL, " SMTPUTF8=1", PARAM_E_SYNTAX },
	{ MAIL, " SMTPUTF8=", PARAM_E_SYNTAX },
	{ MAIL, " AUTH=", PARAM_E_SYNTAX },
	{ MAIL, " AUTH=a+3dx", PARAM_E_SYNTAX }, /* lower case is no xtext */
	{ MAIL, " AUTH=a+3", PARAM_E_SYNTAX },
	{ MAIL, " AUTH=a+", PARAM_E_SYNTAX },
	{ MAIL, " AUTH=a+0D+0AX", PARAM_E_SYNTAX }, /* a line end in disguise */
	{ MAIL, " AUTH=a+00", PARAM_E_SYNTAX },
	{ MAIL, " AUTH=a\303\251", PARAM_E_SYNTAX },
	{ MAIL, " RET=BODY", PARAM_E_SYNTAX },
	{ MAIL, " ENVID=", PARAM_E_SYNTAX },
	{ MAIL, " ENVID=a=b", PARAM_E_SYNTAX },
	{ MAIL, " BY=120", PARAM_E_SYNTAX },
	{ MAIL, " BY=;R", PARAM_E_SYNTAX },
	{ MAIL, " BY=-", PARAM_E_SYNTAX },
	{ MAIL, " BY=-10;R", PARAM_E_SYNTAX },
	{ MAIL, " BY=0;R", PARAM_E_SYNTAX },
	{ MAIL, " BY=10;X", PARAM_E_SYNTAX },
	{ MAIL, " BY=10;NTT", PARAM_E_SYNTAX },
	{ MAIL, " BY=1234567890;N", PARAM_E_SYNTAX },
	{ MAIL, " MT-PRIORITY=10", PARAM_E_SYNTAX },
	{ MAIL, " MT-PRIORITY=-0", PARAM_E_SYNTAX },
	{ MAIL, " MT-PRIORITY=-", PARAM_E_SYNTAX },
	{ MAIL, " MT-PRIORITY=x", PARAM_E_SYNTAX },
	{ RCPT, " NOTIFY=", PARAM_E_SYNTAX },
	{ RCPT, " NOTIFY=NEVER,DELAY", PARAM_E_SYNTAX },
	{ RCPT, " NOTIFY=DELAY,DELAY", PARAM_E_SYNTAX },
	{ RCPT, " NOTIFY=DELAY,", PARAM_E_SYNTAX },
	{ RCPT, " NOTIFY=,DELAY", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=rfc822", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=;a@in.test", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=rfc822;", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=rfc_822;a", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=rfc822;b\303\251@in.test", PARAM_E_SYNTAX },
	{ RCPT, " ORCPT=utf-8;b\303(@in.test", PARAM_E_SYNTAX },
};

static void what_does_not_follow_its_grammar_is_refused(void **state)
{
	struct fence f;

	(void)state;
	fence_init(&f, 2000);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct smtp_params params;
		struct span what = { 0 };
		enum param_error got =
			parse(span_str(bad[i].text), bad[i].verb, ALL, &params, &what, &f);

		if (got != bad[i].want)
			fail_msg("\"%s\": %d, not %d", bad[i].text, got, bad[i].want);
		assert_in_range(what.n, 1, strlen(bad[i].text));
	}
	fence_deinit(&f);
}

static void a_parameter_needs_its_extension(void **state)
{
	static const struct {
		enum smtp_verb verb;
		const char *text;
		uint32_t any; /* one of these will do */
	} rows[] = {
		{ MAIL, " SIZE=1", SMTP_EXT_BIT(SIZE) },
		{ MAIL, " BODY=7BIT", SMTP_EXT_BIT(8BITMIME) | SMTP_EXT_BIT(BINARYMIME) },
		{ MAIL, " BODY=8BITMIME", SMTP_EXT_BIT(8BITMIME) },
		{ MAIL, " BODY=BINARYMIME", SMTP_EXT_BIT(BINARYMIME) },
		{ MAIL, " AUTH=<>", SMTP_EXT_BIT(AUTH) },
		{ MAIL, " SMTPUTF8", SMTP_EXT_BIT(SMTPUTF8) },
		{ MAIL, " RET=FULL", SMTP_EXT_BIT(DSN) },
		{ MAIL, " ENVID=x", SMTP_EXT_BIT(DSN) },
		{ MAIL, " BY=1;N", SMTP_EXT_BIT(DELIVERBY) },
		{ MAIL, " MT-PRIORITY=1", SMTP_EXT_BIT(MT_PRIORITY) },
		{ RCPT, " NOTIFY=NEVER", SMTP_EXT_BIT(DSN) },
		{ RCPT, " ORCPT=a;b", SMTP_EXT_BIT(DSN) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned ext = 0; ext < SMTP_EXT_COUNT; ext++) {
			bool fits = rows[i].any & 1u << ext;
			struct smtp_params params;
			struct span what;
			enum param_error got = params_parse(
				span_str(rows[i].text), rows[i].verb, 1u << ext, &params, &what);

			if (got != (fits ? PARAM_OK : PARAM_E_UNKNOWN))
				fail_msg("\"%s\" with %s: %d", rows[i].text, smtp_ext_name(ext),
					got);
		}
	}
}

/* " KEY=" and the value filled up to @n octets */
static enum param_error filled(enum smtp_verb verb, const char *head, const char *value, size_t n)
{
	char text[1200];
	size_t at = (size_t)snprintf(text, sizeof text, "%s%s", head, value);
	struct smtp_params params;
	struct span what;

	memset(text + at, 'x', n - strlen(value));
	return params_parse(span_of(text, at + n - strlen(value)), verb, ALL, &params, &what);
}

static void values_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(filled(MAIL, " ENVID=", "", 100), PARAM_OK);
	assert_int_equal(filled(MAIL, " ENVID=", "", 101), PARAM_E_LONG);
	assert_int_equal(filled(MAIL, " AUTH=", "", 500), PARAM_OK);
	assert_int_equal(filled(MAIL, " AUTH=", "", 501), PARAM_E_LONG);
	assert_int_equal(filled(RCPT, " ORCPT=", "rfc822;", 500), PARAM_OK);
	assert_int_equal(filled(RCPT, " ORCPT=", "rfc822;", 501), PARAM_E_LONG);
}

static void the_wrong_one_is_named(void **state)
{
	struct smtp_params params;
	struct span what;

	(void)state;
	assert_int_equal(params_parse(SPAN(" SIZE=1  FOO=2 BODY=7BIT"), MAIL, ALL, &params, &what),
		PARAM_E_UNKNOWN);
	expect_octets(what, SPAN("FOO=2"), "bad", "named");
	assert_string_equal(smtp_param_name(SMTP_PARAM_MT_PRIORITY), "MT-PRIORITY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_printed_in_one_form),
		cmocka_unit_test(what_does_not_follow_its_grammar_is_refused),
		cmocka_unit_test(a_parameter_needs_its_extension),
		cmocka_unit_test(values_have_bounds),
		cmocka_unit_test(the_wrong_one_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
