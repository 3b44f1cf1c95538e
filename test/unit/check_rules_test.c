/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

static void what_stands_outside_of_blocks_is_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "publsh p { external 198.51.100.2:25; internal 10.0.0.1:25 }\n",
			"2:1: \"publsh\": did you mean \"publish\"? Expected \"version\", "
			"\"default\", \"set\", \"schedule\", \"commands\", \"screen\", "
			"\"certificate\", \"auth\", \"route\", \"publish\" or \"relay\"" },
		{ "version 1\n",
			"2:1: \"version\" may stand only once; it stands in rules.conf:1 already" },
		{ "default refuse; default drop\n", "2:17: \"default\" may stand only once; it "
						    "stands in rules.conf:2 already" },
		{ "default refuze\n", "2:9: \"refuze\": did you mean \"refuse\"? Expected "
				      "\"refuse\", \"reset\" or \"drop\"" },
		{ "default\n", "2:8: expected \"refuse\", \"reset\" or \"drop\" here, as in "
			       "\"default refuse \"554 5.7.1 Not published\"\"" },
		{ "default refuse \"no\"\n",
			"2:16: reply \"no\": give a code from 400 to 599, a blank and up to 400 "
			"letters of text; an enhanced code is of the same class, as in \"550 5.7.1 "
			"Not here\"" },
		{ "default refuse \"250 2.0.0 Fine\"\n",
			"2:16: reply \"250 2.0.0 Fine\": give a code from 400 to 599, a blank and "
			"up to 400 letters of text; an enhanced code is of the same class, as in "
			"\"550 5.7.1 Not here\"" },
		{ "default refuse \"550 No enhanced code\"\n", NULL },
		{ "default refuse \"550 5.7.1\"\n", NULL },
		{ "default refuse \"550 4.7.1 Not here\"\n",
			"2:16: reply \"550 4.7.1 Not here\": give a code from 400 to 599, a blank "
			"and up to 400 letters of text; an enhanced code is of the same class, as "
			"in \"550 5.7.1 Not here\"" },
		{ "default refuse \"550 5.7.1 Nö\"\n",
			"2:16: a reply holds more than printable ASCII" },
		{ "default refuse 550\n", "2:16: \"550\": a reply stands in quotes, as in "
					  "\"default refuse \"554 5.7.1 Not published\"\"" },
		{ "default refuse \"\"\n", "2:16: a reply is empty" },
		{ "default reset now\n", "2:15: \"now\": nothing more belongs here; the statement "
					 "is \"default refuse \"554 5.7.1 Not published\"\"" },
		{ "default reset { }\n", "2:1: \"default\" takes no block; the statement is "
					 "\"default refuse \"554 5.7.1 Not published\"\"" },
		{ "publish p\n", "2:1: \"publish\" needs a block, as in \"publish NAME { external "
				 "198.51.100.2:25; internal 10.0.0.21:25 }\"" },
		{ "publish { }\n", "2:1: \"external\" is missing in this block, as in \"external "
				   "198.51.100.2:25\"\n"
				   "2:1: \"internal\" is missing in this block, as in \"internal "
				   "10.0.0.21:25\"\n"
				   "2:8: a name is missing, as in \"publish NAME { ... }\"" },
		{ "publish 1p { external 198.51.100.2:25; internal 10.0.0.1:25 }\n",
			"2:9: \"1p\" is no name: a letter, then letters, digits, \"-\" and \"_\", "
			"64 at most" },
		/* A block whose name came from a macro that is not there is told by the macro
		   alone. */
		{ "commands $x { verb RCPT }\n" PUBLISH("inspect commands t"),
			"2:10: undefined macro \"$x\"; define it above: define NAME = VALUE\n"
			"3:78: undefined command table \"t\": define it by \"commands t { ... "
			"}\"" },
		{ "set any { }\n", "2:5: \"any\" is a word of the language and no name" },
		{ "set a { }\nset a { }\n",
			"3:5: set \"a\" stands in rules.conf:2 already; names of one kind differ" },
		{ "commands internet { }\n",
			"2:10: command table \"internet\" is built in; take another name, as in "
			"\"commands strict like internet\"" },
		{ "set bans { }\n",
			"2:5: set \"bans\" is that of the clients whom limits ban; take another "
			"name" },
		{ "set a b { }\n", "2:7: \"b\": nothing more belongs here; the statement is \"set "
				   "NAME { ... }\"" },
		{ "schedule s t { timezone \"UTC\" }\n",
			"2:12: \"t\": nothing more belongs here; the statement is \"schedule NAME "
			"{ ... }\"" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void values_have_units_and_ranges(void **state)
{
	static const struct check_case cases[] = {
		{ PUBLISH("limit recipients 99 per message"),
			"warning 2:78: limit recipients 99: RFC 5321 4.5.3.1.8 obliges to take "
			"100; a sender with "
			"more recipients has to send the message several times" },
		{ PUBLISH("limit message 2KiB"), "warning 2:75: limit message 2KiB: RFC 5321 "
						 "4.5.3.1.7 obliges to take 64KiB" },
		{ PUBLISH("limit recipients 100 per message; limit message 64KiB; timeout "
			  "greet-delay 0s"),
			NULL },
		{ PUBLISH("limit message 0"),
			"2:75: limit message 0: give 1KiB to 2GiB, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit message 35"),
			"2:75: limit message 35: the unit is missing (B, KiB, MiB or GiB); give "
			"1KiB to 2GiB, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit message 35MB"),
			"2:75: limit message 35MB: this is no number with a unit (B, KiB, MiB or "
			"GiB); give 1KiB to 2GiB, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit message 3GiB"), "2:75: limit message 3GiB: give 1KiB to 2GiB, as "
						 "in \"limit message 35MiB\"" },
		{ PUBLISH("limit message \"1MiB\""),
			"2:75: limit message 1MiB: this is no number with a unit (B, KiB, MiB or "
			"GiB); give 1KiB to 2GiB, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit message"),
			"2:74: a value is missing, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit message 99999999999999999999GiB"),
			"2:75: limit message 99999999999999999999GiB: give 1KiB to 2GiB, as in "
			"\"limit message 35MiB\"" },
		{ PUBLISH("limit message x"),
			"2:75: limit message x: this is no number with a unit (B, KiB, MiB or "
			"GiB); give 1KiB to 2GiB, as in \"limit message 35MiB\"" },
		{ PUBLISH("limit errors 0"),
			"2:74: limit errors 0: give 1 to 10000, as in \"limit errors 10\"" },
		{ PUBLISH("limit errors 5s"),
			"2:74: limit errors 5s: give 1 to 10000, as in \"limit errors 10\"" },
		{ PUBLISH("limit recipients 100"),
			"2:81: expected \"per\" here, as in \"limit recipients 100 per message, "
			"2000 per 1h per client\"" },
		{ PUBLISH("limit recipients 100 per mesage"),
			"2:86: \"mesage\": did you mean \"message\"? Expected \"message\"" },
		{ PUBLISH("limit connections 20"),
			"2:81: expected \"total\" or \"per\" here, as in \"limit connections 20 "
			"per client, 400 total\"" },
		{ PUBLISH("limit connections 20 per client, 30 per client"),
			"2:94: limit connections: this limit was given already" },
		{ PUBLISH("limit connections 20 per client total"),
			"2:93: \"total\": nothing more belongs here; the statement is \"limit "
			"connections 20 per client, 400 total\"" },
		{ PUBLISH("limit rate 60 per 1m"), "2:81: expected \"total\" or \"per\" here, as "
						   "in \"limit rate 60 per 1m per "
						   "client then tempfail for 10m\"" },
		{ PUBLISH("limit rate 60 per 1 per client"),
			"2:79: limit rate 1: the unit is missing (ms, s, m, h or d); give 1s to "
			"1d, as in \"limit rate 60 per 1m per client then tempfail for 10m\"" },
		{ PUBLISH("limit rate 60 per 1m per client then"),
			"2:97: expected \"refuse\" or \"tempfail\" here, as in \"limit rate 60 per "
			"1m per client then tempfail for 10m\"" },
		{ PUBLISH("limit rate 60 per 1m per client then tempfial for 1m"),
			"2:98: \"tempfial\": did you mean \"tempfail\"? Expected \"refuse\" or "
			"\"tempfail\"" },
		{ PUBLISH("limit rate 60 per 1m per client then refuse"),
			"2:104: expected \"for\" here, as in \"limit rate 60 per 1m per client "
			"then tempfail for 10m\"" },
		{ PUBLISH("limit slow 500B"),
			"2:76: expected \"per\" here, as in \"limit slow 500B per 1s\"" },
		{ PUBLISH("limit slow 500 per 1s"),
			"2:72: limit slow 500: the unit is missing (B, KiB, MiB or GiB); give 1B "
			"to 1GiB, as in \"limit slow 500B per 1s\"" },
		{ PUBLISH("limit mesage 1MiB"),
			"2:67: \"mesage\": did you mean \"message\"? Expected \"connections\", "
			"\"rate\", \"errors\", \"recipients\", \"octets\", \"message\" or "
			"\"slow\"" },
		{ PUBLISH("limit"),
			"2:66: expected \"connections\", \"rate\", \"errors\", \"recipients\", "
			"\"octets\", \"message\" or \"slow\" here, as in \"limit connections 20 "
			"per "
			"client, 400 total\"" },
		{ PUBLISH("limit errors 5; limit errors 6"),
			"2:83: \"limit errors\" may stand only once in a rule" },
		{ PUBLISH("timeout comand 5m"),
			"2:69: \"comand\": did you mean \"command\"? Expected \"connect\", "
			"\"greeting\", \"command\", \"data-block\", \"data-done\", \"idle\", "
			"\"total\" or \"greet-delay\"" },
		{ PUBLISH("timeout command 5"),
			"2:77: timeout command 5: the unit is missing (ms, s, m, h or d); give "
			"100ms to 1h, as in \"timeout command 5m\"" },
		{ PUBLISH("timeout command 5m, command 6m"),
			"2:81: \"timeout command\" may stand only once in a rule" },
		{ PUBLISH("timeout command 2h"), "2:77: timeout command 2h: give 100ms to 1h, as "
						 "in \"timeout command 5m\"" },
		{ PUBLISH("timeout greet-delay 5m"), "2:81: timeout greet-delay 5m: give 0s to 1m, "
						     "as in \"timeout greet-delay 2s\"" },
		{ PUBLISH("timeout"),
			"2:68: expected \"connect\", \"greeting\", \"command\", \"data-block\", "
			"\"data-done\", \"idle\", \"total\" or \"greet-delay\" here, as in "
			"\"timeout command 5m, data-block 3m\"" },
		{ PUBLISH("timeout command 5m; timeout command 5m"),
			"2:89: \"timeout command\" may stand only once in a rule" },
		{ PUBLISH("log sesions"),
			"2:65: \"sesions\": did you mean \"sessions\"? Expected \"sessions\", "
			"\"denials\", \"commands\", \"messages\", \"tls\" or \"none\"" },
		{ PUBLISH("log sessions, none"),
			"2:75: \"none\" stands alone, as in \"log none\"" },
		{ PUBLISH("log none, sessions"),
			"2:65: \"none\" stands alone, as in \"log none\"" },
		{ PUBLISH("log sessions, sessions"), "2:75: \"sessions\" stands twice" },
		{ PUBLISH("log"),
			"2:64: expected \"sessions\", \"denials\", \"commands\", \"messages\", "
			"\"tls\" or \"none\" here, as in \"log sessions, denials\"" },
		{ PUBLISH("log sessions, tls"),
			"2:75: \"log tls\" tells of the TLS of passed sessions, and this rule "
			"passes none; take \"tls\" out, or let the rule \"pass\"" },
		{ PUBLISH("pass; log denials, tls"),
			"2:80: \"log tls\" adds to the record of a session, which this rule does "
			"not log; add \"sessions\", as in \"log sessions, tls\"" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void limits_of_a_time_are_checked(void **state)
{
#define NEEDS_CLIENT                                                                               \
	": \"then\" is what becomes of one client: it needs a limit of a time \"per client\", as " \
	"in \""
#define ADD_CLIENT "\"; add a limit \"per client\" in front of it, or take it out"
	static const struct check_case cases[] = {
		{ PUBLISH("limit rate 60 per 1m per client, 1000 per 1m total then refuse for 10m; "
			  "limit errors 10, 50 per 1h per client then tempfail for 1h; limit "
			  "recipients 100 per message, 2000 per 1h per client, 20000 per 1h total; "
			  "limit octets 200MiB per 1h per client, 10GiB per 1h total"),
			NULL },
		{ PUBLISH("limit rate 1000 per 1m total, 60 per 1m per client; limit errors 50 per "
			  "1h per client, 10; limit recipients 20000 per 1h total, 2000 per 1h per "
			  "client, 100 per message then refuse for 30d; limit octets 10GiB per 1h "
			  "total, 200MiB per 1h per client then tempfail for 1s"),
			NULL },
		{ PUBLISH("limit errors 10 then refuse for 1h"), NULL },
		{ PUBLISH("limit errors 50 per 1h per client"), NULL },
		{ PUBLISH("limit errors 10, 50 per 1h total"),
			"2:88: limit errors: there is no total of these, since one hostile client "
			"could use it up and shut out everybody; write \"per client\"" },
		{ PUBLISH("limit errors 10, 11"),
			"2:78: limit errors: this limit was given already" },
		{ PUBLISH("limit errors 10001"),
			"2:74: limit errors 10001: give 1 to 10000, as in \"limit errors 10\"" },
		{ PUBLISH("limit errors 10 tehn refuse for 1h"),
			"2:77: \"tehn\": did you mean \"then\"? Expected \"then\", or nothing "
			"more" },
		{ PUBLISH("limit rate 60 per 1m per client, 5 per 1h per client"),
			"2:94: limit rate: this limit was given already" },
		{ PUBLISH("limit rate 60 per 1m total, 5 per 1h total"),
			"2:89: limit rate: this limit was given already" },
		{ PUBLISH("limit rate 60 per 1m total then refuse for 1h"),
			"2:88" NEEDS_CLIENT
			"limit rate 60 per 1m per client then tempfail for 10m" ADD_CLIENT },
		{ PUBLISH("limit recipients 100 per message then refuse for 1h"),
			"2:94" NEEDS_CLIENT
			"limit recipients 100 per message, 2000 per 1h per client" ADD_CLIENT },
		{ PUBLISH("limit recipients 100 per message, 200 per message"),
			"2:95: limit recipients: this limit was given already" },
		{ PUBLISH("limit recipients 2000 per 1h per message"),
			"2:94: \"message\": expected \"client\"" },
		{ PUBLISH("limit recipients 99 per 1h per client"),
			"warning 2:78: limit recipients 99: RFC 5321 4.5.3.1.8 obliges to take "
			"100; a message with more recipients comes through in parts" },
		{ PUBLISH("limit octets 200MiB"), "2:80: expected \"per\" here, as in \"limit "
						  "octets 200MiB per 1h per client, "
						  "10GiB per 1h total\"" },
		{ PUBLISH("limit octets 200 per 1h per client"),
			"2:74: limit octets 200: the unit is missing (B, KiB, MiB or GiB); give "
			"1KiB to 1024GiB, as in \"limit octets 200MiB per 1h per client\"" },
		{ PUBLISH("limit octets 1025GiB per 1h per client"),
			"2:74: limit octets 1025GiB: give 1KiB to 1024GiB, as in \"limit octets "
			"200MiB per 1h per client\"" },
		{ PUBLISH("limit octets 63KiB per 1h per client"),
			"warning 2:74: limit octets 63KiB: RFC 5321 4.5.3.1.7 obliges to take "
			"64KiB; a larger message that declares its size is refused always" },
		{ PUBLISH("limit octets 1GiB per 25h per client"),
			"2:83: limit octets 25h: give 1s to 1d, as in \"limit octets 200MiB per 1h "
			"per client, 10GiB per 1h total\"" },
		{ PUBLISH("limit octets 1GiB per 1h per client then refuse for 31d"),
			"2:113: limit octets 31d: give 1s to 30d, as in \"limit octets 200MiB per "
			"1h per client, 10GiB per 1h total\"" },
		{ PUBLISH("limit octets 1GiB per 1h per client,"),
			"2:96: a value is missing behind the comma" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void sets_are_checked_by_their_use(void **state)
{
	static const struct check_case cases[] = {
		{ "set a { member 192.0.2.1 }\n", "2:9: \"member\": did you mean \"members\"? "
						  "Expected \"members\", \"file\" or \"dynamic\"" },
		{ "set a { members }\n",
			"2:16: a member is missing, as in \"members 192.0.2.1, 198.51.100.0/24\"" },
		{ "set a { file blocked.txt }\n",
			"2:14: \"blocked.txt\": the name of a set file stands in quotes, as in "
			"\"file \"blocked.txt\" optional\"" },
		{ "set a { file \"blocked.txt\" }\n",
			"2:14: set file \"blocked.txt\": there is no such file; create it, or "
			"write \"optional\" behind its name" },
		{ "set a { file \"blocked.txt\" option }\n",
			"2:28: \"option\": did you mean \"optional\"? Expected \"optional\", or "
			"nothing more" },
		{ "set a { file \"unreadable.txt\" optional }\n",
			"2:14: set file \"unreadable.txt\": no permission to read it" },
		{ "set a { dynamic timout 4h }\n",
			"2:17: \"timout\": did you mean \"timeout\"? Expected \"timeout\"" },
		{ "set a { dynamic timeout 4 }\n",
			"2:25: dynamic timeout 4: the unit is missing (s, m, h or d); give 1s to "
			"365d, as in \"dynamic timeout 4h\"" },
		{ "set a { dynamic; dynamic }\n", "2:18: \"dynamic\" may stand only once; it "
						  "stands in rules.conf:2 already" },
		{ "set a { members x y }\n",
			"2:19: \"y\": nothing more belongs here; the statement is \"members "
			"192.0.2.1, 198.51.100.0/24\"" },
		{ "set a { members ..x }\n", "2:17: \"..x\" is no domain (as in example.org, or "
					     "*.example.org for everything below)" },
		{ "set a { file \"wrong.txt\" }\n" PUBLISH("from a"),
			"wrong.txt:2:1: \"example.org\" is no address or prefix (as in 192.0.2.1, "
			"192.0.2.0/24 or 2001:db8::/32)" },
		{ "set a { file \"\" }\n", "2:14: the name of a set file is empty" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

static void schedules_are_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "schedule s { allow mon }\n", "2:1: \"timezone\" is missing in this block, as in "
						"\"timezone \"Europe/London\"\"" },
		{ "schedule s { timezone \"Europe/Lundon\" }\n",
			"2:23: timezone \"Europe/Lundon\": there is no such zone; names stand in "
			"/usr/share/zoneinfo, as in \"Europe/London\"" },
		{ "schedule s { timezone Europe/London }\n",
			"2:23: \"Europe/London\": a time zone stands in quotes, as in \"timezone "
			"\"Europe/London\"\"" },
		{ "schedule s { timezone \"../etc/passwd\" }\n",
			"2:23: timezone \"../etc/passwd\" is no name of a zone, as in "
			"\"Europe/London\" or \"UTC\"" },
		{ "schedule s { timezone \"Broken/Zone\" }\n",
			"2:23: timezone \"Broken/Zone\": is time zone data that ends too early" },
		{ "schedule s { timezone \"UTC\"; allow mun-fri }\n",
			"2:36: \"mun-fri\" is no day: give mon-fri, sat, 2026-12-25 or "
			"2026-12-24..2027-01-01" },
		{ "schedule s { timezone \"UTC\"; allow }\n",
			"2:35: a day is missing, as in \"allow mon-fri 07:00-19:00\"" },
		{ "schedule s { timezone \"UTC\"; allow mon 7:00-19:00 }\n",
			"2:40: \"7:00-19:00\" is no range of time: give two different times from "
			"00:00 to 24:00, as in 07:00-19:00" },
		{ "schedule s { timezone \"UTC\"; allow mon 07:00-07:00 }\n",
			"2:40: \"07:00-07:00\" is no range of time: give two different times from "
			"00:00 to 24:00, as in 07:00-19:00" },
		{ "schedule s { timezone \"UTC\"; allow mon 07:00-24:01 }\n",
			"2:40: \"07:00-24:01\" is no range of time: give two different times from "
			"00:00 to 24:00, as in 07:00-19:00" },
		{ "schedule s { timezone \"UTC\"; deny 2026-02-29 }\n",
			"2:35: \"2026-02-29\" is no day: give mon-fri, sat, 2026-12-25 or "
			"2026-12-24..2027-01-01" },
		{ "schedule s { timezone \"UTC\"; deny 2026-12-25..2026-12-24 }\n",
			"2:35: \"2026-12-25..2026-12-24\" is no day: give mon-fri, sat, 2026-12-25 "
			"or 2026-12-24..2027-01-01" },
		{ "schedule s { timezone \"UTC\"; allow mon 07:00-08:00 tue }\n",
			"2:52: \"tue\": nothing more belongs here; the statement is \"allow "
			"mon-fri 07:00-19:00\"" },
		{ "schedule s { timezone \"UTC\"; allow 07:00-08:00, mon }\n",
			"2:49: \"mon\" is no range of time: give two different times from 00:00 to "
			"24:00, as in 07:00-19:00" },
		{ "schedule s { timezone \"UTC\"; alow mon }\n",
			"2:30: \"alow\": did you mean \"allow\"? Expected \"timezone\", \"allow\" "
			"or \"deny\"" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

/* "schedule s { timezone "UTC"; allow mon, mon ... 07:00-08:00, 07:00-08:00 ... }" */
static const char *schedule_of(unsigned days, unsigned times)
{
	static uint8_t text[65536];
	struct out o;

	out_init(&o, text, sizeof(text));
	out_str(&o, "version 1\nschedule s { timezone \"UTC\"\nallow mon");
	for (unsigned i = 1; i < days; i++)
		out_str(&o, ",\nmon");
	for (unsigned i = 0; i < times; i++)
		out_str(&o, i == 0 ? " 07:00-08:00" : ",\n07:00-08:00");
	out_str(&o, "\n}\n");
	return out_cstr(&o);
}

static void ranges_of_one_statement_have_a_bound(void **state)
{
#define TOO_MANY "days times times make more than 1024 ranges in one statement"
	static const struct {
		unsigned days, times;
		const char *place; /* NULL: they are taken */
	} cases[] = {
		{ 1024, 0, NULL },
		{ 1024, 1, NULL },
		{ 32, 32, NULL },
		{ 1, 1024, NULL },
		{ 1025, 0, "1027:1: " TOO_MANY },
		{ 1024, 2, "1027:1: " TOO_MANY },
		{ 33, 32, "66:1: " TOO_MANY },
		{ 1, 1025, "1027:1: " TOO_MANY },
		{ 1000, 1000, "1003:1: " TOO_MANY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *got = told(
			span_str(schedule_of(cases[i].days, cases[i].times)), (struct span){ 0 });

		if (cases[i].place == NULL)
			expect_str(got, "", "within the bound", "told");
		else
			assert_memory_equal(got, cases[i].place, strlen(cases[i].place));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_outside_of_blocks_is_checked),
		cmocka_unit_test(values_have_units_and_ranges),
		cmocka_unit_test(limits_of_a_time_are_checked),
		cmocka_unit_test(sets_are_checked_by_their_use),
		cmocka_unit_test(schedules_are_checked),
		cmocka_unit_test(ranges_of_one_statement_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
