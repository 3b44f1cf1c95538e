/* SPDX-License-Identifier: ISC */
#include "filter/smtp/verb.h"

#include "filter/smtp/defect.h"
#include "test/unit/support.h"

static struct span in_case(struct out *o, const char *word, bool upper)
{
	if (upper)
		out_upper(o, span_str(word));
	else
		out_lower(o, span_str(word));
	return out_span(o);
}

static void each_named_verb_is_found_in_either_case(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++)
		for (int upper = 0; upper < 2; upper++) {
			uint8_t block[32];
			struct out o;

			out_init(&o, block, sizeof block);
			const char *name = smtp_verb_name((enum smtp_verb)i);
			if (smtp_verb_find(in_case(&o, name, upper)) != (enum smtp_verb)i)
				fail_msg("%s was not found", name);
		}
}

static void what_is_no_verb_is_other(void **state)
{
	/* CMD-30: nothing is matched by its beginning; the pseudo verbs are not words of a client
	 */
	static const char *const words[] = { "", "EHLOx", "EHL", "MAILFROM:", "RCPTTO:", "other",
		"greeting", "end of message", "authentication response", "DATA ", " DATA",
		"D\303\201TA" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (smtp_verb_find(span_str(words[i])) != SMTP_VERB_OTHER)
			fail_msg("\"%s\" was found", words[i]);
	assert_int_equal(smtp_verb_find(SPAN("DATA\0")), SMTP_VERB_OTHER);
}

static void each_extension_is_found_in_either_case(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++)
		for (int upper = 0; upper < 2; upper++) {
			uint8_t block[32];
			struct out o;

			out_init(&o, block, sizeof block);
			const char *name = smtp_ext_name((enum smtp_extension)i);
			if (smtp_ext_find(in_case(&o, name, upper)) != (enum smtp_extension)i)
				fail_msg("%s was not found", name);
		}
	assert_int_equal(smtp_ext_find(SPAN("STARTTLS")), SMTP_EXT_COUNT);
	assert_int_equal(smtp_ext_find(SPAN("8BITMIM")), SMTP_EXT_COUNT);
	assert_int_equal(smtp_ext_find(SPAN("")), SMTP_EXT_COUNT);
}

static void names_are_the_words_on_the_wire(void **state)
{
	(void)state;
	assert_string_equal(smtp_verb_name(SMTP_VERB_X_LINK2STATE), "X-LINK2STATE");
	assert_string_equal(smtp_verb_name(SMTP_VERB_SASL), "authentication response");
	assert_string_equal(smtp_ext_name(SMTP_EXT_MT_PRIORITY), "MT-PRIORITY");
	assert_string_equal(smtp_ext_name(SMTP_EXT_8BITMIME), "8BITMIME");
}

/* The name is the word in lower case with hyphens, and fits where it is kept. */
static void check_name(const char *name, const char *word, const char *text)
{
	size_t i;

	for (i = 0; word[i] != '\0'; i++) {
		char want = word[i] == '_' ? '-' : (char)ascii_lower((uint8_t)word[i]);
		if (name[i] != want)
			fail_msg("%s: seen \"%s\"", word, name);
	}
	if (name[i] != '\0' || text[0] == '\0')
		fail_msg("%s: seen \"%s\", \"%s\"", word, name, text);
}

static void defect_and_fault_names_follow_their_words(void **state)
{
	(void)state;
#define CHECK(word, text)                                                                          \
	check_name(smtp_defect_name(SMTP_DEFECT_##word), #word,                                    \
		smtp_defect_text(SMTP_DEFECT_##word));
	SMTP_DEFECTS(CHECK)
#undef CHECK
#define CHECK(word, text)                                                                          \
	check_name(smtp_fault_name(SMTP_FAULT_##word), #word, smtp_fault_text(SMTP_FAULT_##word));
	SMTP_FAULTS(CHECK)
#undef CHECK
	assert_string_equal(smtp_defect_name(SMTP_DEFECT_LINE_BARE_LF), "line-bare-lf");
	assert_string_equal(smtp_defect_text(SMTP_DEFECT_LINE_BARE_LF), "line holds a bare LF");
	assert_string_equal(smtp_fault_name(SMTP_FAULT_C_TLS), "c-tls");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_named_verb_is_found_in_either_case),
		cmocka_unit_test(what_is_no_verb_is_other),
		cmocka_unit_test(each_extension_is_found_in_either_case),
		cmocka_unit_test(names_are_the_words_on_the_wire),
		cmocka_unit_test(defect_and_fault_names_follow_their_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
