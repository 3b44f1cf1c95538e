/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

static void command_tables_are_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "commands t { verb }\n", "2:18: a verb is missing, as in \"verb RCPT max 512 "
					   "limit 100 per message\"" },
		{ "commands t { verb RCTP }\n",
			"2:19: \"RCTP\": did you mean \"RCPT\"? Expected \"HELO\", \"EHLO\", "
			"\"MAIL\", \"RCPT\", \"DATA\", \"BDAT\", \"RSET\", \"VRFY\", \"EXPN\", "
			"\"HELP\", \"NOOP\", \"QUIT\", \"AUTH\" or \"ETRN\"" },
		{ "commands t { verb STARTTLS }\n",
			"2:19: \"STARTTLS\" cannot be allowed where mail is inspected: write "
			"\"deny\" or \"hide\" behind it" },
		{ "commands t { verb RCPT; verb RCPT max 512 }\n",
			"2:30: \"verb RCPT\" may stand only once in a table" },
		{ "commands t { verb RCPT, RCPT }\n",
			"2:25: \"verb RCPT\" may stand only once in a table" },
		{ "commands t { verb RCPT max 3 }\n",
			"2:28: max 3: give 6 to 12288, as in \"verb RCPT max 512\"" },
		{ "commands t { verb RCPT max 512B }\n",
			"2:28: max 512B: give 6 to 12288, as in \"verb RCPT max 512\"" },
		{ "commands t { verb VRFY deny max 512 }\n",
			"2:33: max 512: a refused verb has no length" },
		{ "commands t { verb VRFY deny limit 3 per message }\n",
			"2:35: limit 3: a refused verb has no limit" },
		{ "commands t { verb RCPT limit 100 }\n",
			"2:33: expected \"per\" here, as in \"verb RCPT max 512 limit 100 per "
			"message\"" },
		{ "commands t { verb RCPT reply \"550 5.7.1 No\" }\n",
			"2:30: reply: an allowed verb has none of ours; write \"deny\" or \"hide\" "
			"in front" },
		{ "commands t { verb RCPT denny }\n",
			"2:24: \"denny\": did you mean \"deny\"? Expected \"deny\", \"hide\", "
			"\"after-tls\", \"max\", \"limit\", \"reply\", or nothing more" },
		{ "commands t { verb VRFY deny reply \"no\" }\n",
			"2:35: reply \"no\": give a code from 400 to 599, a blank and up to 400 "
			"letters of text; an enhanced code is of the same class, as in \"550 5.7.1 "
			"Not here\"" },
		{ "commands t { extension SIZ allow }\n",
			"2:24: \"SIZ\": did you mean \"SIZE\"? Expected \"PIPELINING\", \"SIZE\", "
			"\"8BITMIME\", \"BINARYMIME\", \"CHUNKING\", \"SMTPUTF8\", \"DSN\", "
			"\"ENHANCEDSTATUSCODES\", \"AUTH\", \"HELP\", \"ETRN\", \"DELIVERBY\", "
			"\"LIMITS\", \"MT-PRIORITY\" or \"STARTTLS\"" },
		{ "commands t { extension SIZE }\n", "2:28: expected \"allow\" or \"hide\" here, "
						     "as in \"extension CHUNKING hide\"" },
		{ "commands t { extension SIZE alow }\n",
			"2:29: \"alow\": did you mean \"allow\"? Expected \"allow\" or \"hide\"" },
		{ "commands t { extension SIZE allow; extension SIZE hide }\n",
			"2:46: \"extension SIZE\" may stand only once in a table" },
		{ "commands t { extension STARTTLS hide; extension STARTTLS allow }\n",
			"2:49: \"extension STARTTLS\" may stand only once in a table" },
		{ "commands t { extension BINARYMIME allow }\n",
			"2:24: BINARYMIME follows \"data binary allow\" and \"data binary "
			"refuse\"" },
		{ "commands t like internet { verb BDAT; extension CHUNKING hide }\n",
			"2:39: extension CHUNKING is hidden, which refuses BDAT, but this table "
			"allows that verb" },
		{ "commands t like internet { extension AUTH allow }\n",
			"warning 2:28: extension AUTH stays hidden, since its verb is refused: add "
			"\"verb AUTH\"" },
		{ "commands t { data bare-newlin refuse }\n",
			"2:19: \"bare-newlin\": did you mean \"bare-newline\"? Expected "
			"\"bare-newline\", \"binary\", \"max-line\" or \"max-header\"" },
		{ "commands t { data bare-newline fix }\n",
			"2:32: \"fix\": expected \"refuse\" or \"normalise\"" },
		{ "commands t { data binary yes }\n",
			"2:26: \"yes\": expected \"allow\" or \"refuse\"" },
		{ "commands t { data max-line 10 }\n",
			"2:28: data max-line 10: give 64 to 1048576, as in \"data max-line 998\"" },
		{ "commands t { data max-line 500 }\n", "warning 2:28: data max-line 500: RFC 5321 "
							"4.5.3.1.6 obliges to take 998 octets" },
		{ "commands t { data max-header 100 }\n",
			"2:30: data max-header 100: the unit is missing (B, KiB, MiB or GiB); give "
			"4KiB to 16MiB, as in \"data max-header 100KiB\"" },
		{ "commands t { data max-header 100KiB; data max-header 1MiB }\n",
			"2:43: \"data max-header\" may stand only once in a table" },
		{ "commands t { local-part strickt }\n",
			"2:25: \"strickt\": did you mean \"strict\"? Expected \"strict\" or "
			"\"tolerant\"" },
		{ "commands t like interned { }\n",
			"2:17: undefined command table \"interned\"; did you mean \"internet\"?" },
		{ "commands t like t { }\n", "2:17: \"like t\" leads in a circle" },
		{ "commands t like u { }\ncommands u like v { }\ncommands v like t { }\n",
			"4:17: \"like t\" leads in a circle" },
		{ "commands t internet { }\n",
			"2:12: \"internet\": expected \"like\", or nothing more" },
		{ "commands t { verb RCPT max 320 limit 50 per message }\n",
			"warning 2:28: max 320: RCPT may be longer: RFC 5321 4.5.3.1.4 obliges to "
			"take 512 octets\n"
			"warning 2:38: limit 50 per message: RFC 5321 4.5.3.1.8 obliges to take "
			"100 recipients" },
		{ "commands t { verb MAIL, AUTH max 600 }\n",
			"warning 2:34: max 600: AUTH may be longer: RFC 4954 4 obliges to take "
			"12288 octets" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void a_long_chain_of_likes_is_refused(void **state)
{
	char text[1024];
	struct out o;

	(void)state;
	for (unsigned n = 17; n <= 18; n++) {
		struct check_case c = { .text = text,
			.want = n == 18 ? "18:19: \"like t17\": more than 16 blocks in a row"
					: NULL };

		out_init(&o, text, sizeof(text));
		for (unsigned i = 0; i < n; i++) {
			out_str(&o, i == 0 ? "" : " { }\n");
			out_str(&o, "commands t");
			out_u64(&o, i);
			out_str(&o, i + 1 < n ? " like t" : "");
			if (i + 1 < n)
				out_u64(&o, i + 1);
		}
		out_str(&o, " { }\n");
		out_cstr(&o);
		expect_told(&c, 1, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_tables_are_checked),
		cmocka_unit_test(a_long_chain_of_likes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
