/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

static void publishing_rules_are_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "publish p { }\n", "2:1: \"external\" is missing in this block, as in \"external "
				     "198.51.100.2:25\"\n"
				     "2:1: \"internal\" is missing in this block, as in \"internal "
				     "10.0.0.21:25\"" },
		{ "publish p { extrnal 198.51.100.2:25 }\n",
			"2:13: \"extrnal\": did you mean \"external\"? Expected \"external\", "
			"\"internal\", \"from\", \"when\", \"inspect\", \"pass\", \"gate\", "
			"\"recipients\", \"client-address\", \"limit\", \"timeout\", \"banner\" or "
			"\"log\"" },
		{ "publish p { external 198.51.100.2; internal 10.0.0.1 }\n",
			"2:22: \"198.51.100.2\": the port is missing, as in \"198.51.100.2:25\"" },
		{ "publish p { external 2001:db8::1; internal 10.0.0.1 }\n",
			"2:22: \"2001:db8::1\": the port is missing, as in \"[2001:db8::1]:25\"" },
		{ "publish p { external mail.example.org:25; internal 10.0.0.1 }\n",
			"2:22: \"mail.example.org:25\" is a name; write the address itself, as in "
			"\"external 198.51.100.2:25\"" },
		{ "publish p { external 198.51.100.2:0; internal 10.0.0.1 }\n",
			"2:22: \"198.51.100.2:0\": expected ADDRESS:PORT (IPv6 as "
			"[2001:db8::1]:25; any:25 for every address), as in \"external "
			"198.51.100.2:25\"" },
		{ "publish p { external any; internal 10.0.0.1 }\n",
			"2:22: \"any\": the port is missing, as in \"any:25\"" },
		{ "publish p { external 198.51.100.2:25; internal any:25 }\n",
			"2:48: \"any:25\": expected ADDRESS or ADDRESS:PORT (IPv6 as "
			"[2001:db8::1]:25), as in \"internal 10.0.0.21:25\"" },
		{ "publish p { external 198.51.100.2:25; internal 10.0.0.1 balance rond-robin }\n",
			"2:65: \"rond-robin\": did you mean \"round-robin\"? Expected \"first\" or "
			"\"round-robin\"" },
		{ "publish p { external 198.51.100.2:25; internal 10.0.0.300 }\n",
			"2:48: \"10.0.0.300\": expected ADDRESS or ADDRESS:PORT (IPv6 as "
			"[2001:db8::1]:25), as in \"internal 10.0.0.21:25\"" },
		{ "publish p { external 198.51.100.2:25; internal 198.51.100.2 }\n",
			"2:39: the internal server is the published address itself: a connection "
			"would come back for ever" },
		{ "publish p { external 198.51.100.2:25; external 198.51.100.3:25; internal "
		  "10.0.0.1 }\n",
			"2:39: \"external\" may stand only once; it stands in rules.conf:2 "
			"already" },
		{ "publish p { external; internal 10.0.0.1 }\n",
			"2:21: an address is missing, as in \"external 198.51.100.2:25\"" },
		{ PUBLISH("from 300.1.1.1"), "2:66: \"300.1.1.1\" is no address or prefix (as in "
					     "192.0.2.1, 192.0.2.0/24 or 2001:db8::/32)" },
		{ PUBLISH("from partners"),
			"2:66: undefined set \"partners\": define it by \"set partners { ... }\"" },
		{ "set partners { members 192.0.2.1 }\n" PUBLISH("from partner"),
			"3:66: undefined set \"partner\"; did you mean \"partners\"?" },
		{ PUBLISH("from 192.0.2.1/24"),
			"2:66: \"192.0.2.1/24\" has bits set behind its prefix length (as "
			"192.0.2.1/24 has; write 192.0.2.0/24)" },
		{ PUBLISH("from in 192.0.2.1"), "2:66: \"in\" does not belong here; the statement "
						"is \"from any except blocked-clients\"" },
		{ PUBLISH("from example.org"), "2:66: \"example.org\" is no address or prefix (as "
					       "in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32)" },
		{ PUBLISH("recipients example.org"),
			"2:72: \"example.org\": expected \"any\" or \"in\"" },
		{ PUBLISH("recipients in"),
			"2:74: a name is missing, as in \"recipients in hosted-domains\"" },
		{ PUBLISH("recipients in *.*.example"),
			"2:75: \"*.*.example\" has a \"*\" that does not stand in front (as in "
			"*.example.org)" },
		{ PUBLISH("recipients in joe@@example.org"),
			"2:75: \"joe@@example.org\" is no mail address or domain (as in "
			"someone@example.org, example.org or *.example.org)" },
		{ PUBLISH("recipients in [192.0.2.1]"),
			"2:75: \"[192.0.2.1]\" is an address literal; a domain name belongs here" },
		{ PUBLISH("recipients in joe@[192.0.2.1]"),
			"2:75: \"joe@[192.0.2.1]\" is an address literal; a domain name belongs "
			"here" },
		{ PUBLISH("when office"), "2:66: undefined schedule \"office\": define it by "
					  "\"schedule office { ... }\"" },
		{ PUBLISH("when"), "2:65: a name is missing, as in \"when office-hours\"" },
		{ PUBLISH("inspect comands x"),
			"2:69: \"comands\": did you mean \"commands\"? Expected \"commands\", "
			"\"screen\", or nothing more" },
		{ PUBLISH("inspect commands intrenet"),
			"2:78: undefined command table \"intrenet\"; did you mean \"internet\"?" },
		{ PUBLISH("inspect screen x"),
			"2:76: undefined screen \"x\": define it by \"screen x { ... }\"" },
		{ PUBLISH("client-address gatway"),
			"2:76: \"gatway\": did you mean \"gateway\"? Expected \"keep\", "
			"\"gateway\", \"xclient\" or \"proxy-v2\"" },
		{ PUBLISH("banner x"), "2:68: \"x\": a greeting stands in quotes, as in \"banner "
				       "\"mail.example.org ESMTP\"\"" },
		{ PUBLISH("banner"), "2:67: a greeting is missing, as in \"banner "
				     "\"mail.example.org ESMTP\"\"" },
		{ "set a { members 192.0.2.1 }\n" PUBLISH("from a; recipients in a"),
			"3:83: set \"a\" holds addresses, as it is used in rules.conf:3; mail "
			"addresses and domains belong here: make two sets of it" },
		{ "set a { members 192.0.2.1, example.org }\n" PUBLISH("from a"),
			"2:28: \"example.org\" is no address or prefix (as in 192.0.2.1, "
			"192.0.2.0/24 or 2001:db8::/32)" },
		{ PUBLISH("pass; inspect"),
			"2:67: \"inspect\" stands beside \"pass\", but a passed session is not "
			"looked at; take \"pass\" out, or this statement" },
		{ PUBLISH("pass; recipients any"),
			"2:67: \"recipients\" stands beside \"pass\", but a passed session is not "
			"looked at; take \"pass\" out, or this statement" },
		{ PUBLISH("pass; limit message 1MiB; limit errors 3"),
			"2:67: \"limit message\" stands beside \"pass\", but a passed session is "
			"not looked at; take \"pass\" out, or this statement\n"
			"2:87: \"limit errors\" stands beside \"pass\", but a passed session is "
			"not looked at; take \"pass\" out, or this statement" },
		{ PUBLISH("pass; limit errors 5 per 1h per client; limit recipients 900 per 1h per "
			  "client; limit octets 1MiB per 1h per client; limit rate 5 per 1h per "
			  "client, 9 per 1h total; limit connections 9 total"),
			"2:67: \"limit errors\" stands beside \"pass\", but a passed session is "
			"not looked at; take \"pass\" out, or this statement\n"
			"2:101: \"limit recipients\" stands beside \"pass\", but a passed session "
			"is not looked at; take \"pass\" out, or this statement\n"
			"2:141: \"limit octets\" stands beside \"pass\", but a passed session is "
			"not looked at; take \"pass\" out, or this statement" },
		{ PUBLISH("pass; banner \"x\""),
			"2:67: \"banner\" stands beside \"pass\", but a passed session is not "
			"looked at; take \"pass\" out, or this statement" },
#define BESIDE_PASS                                                                                \
	"\" stands beside \"pass\", but a passed session is not looked at; take \"pass\" out, or " \
	"this timeout; \"connect\", \"idle\" and \"total\" work beside \"pass\""
		{ PUBLISH("pass; timeout connect 1s, idle 1m, total 1h"), NULL },
		{ PUBLISH("pass; timeout idle 1m, command 5m; timeout data-block 3m"),
			"2:84: \"timeout command" BESIDE_PASS "\n"
			"2:104: \"timeout data-block" BESIDE_PASS },
		{ PUBLISH("timeout data-done 10m, greet-delay 0s, greeting 5m; pass"),
			"2:69: \"timeout data-done" BESIDE_PASS "\n"
			"2:84: \"timeout greet-delay" BESIDE_PASS "\n"
			"2:100: \"timeout greeting" BESIDE_PASS },
		{ PUBLISH("pass; client-address xclient"),
			"2:67: \"client-address xclient\" stands beside \"pass\": XCLIENT is an "
			"SMTP command, and a passed session is not spoken to; \"client-address "
			"proxy-v2\" works beside \"pass\"" },
		{ PUBLISH("pass; inspect commands strict"),
			"2:67: \"inspect\" stands beside \"pass\", but a passed session is not "
			"looked at; take \"pass\" out, or this statement\n"
			"2:84: undefined command table \"strict\": define it by \"commands strict "
			"{ ... }\"" },
		{ PUBLISH("gate fail-open"),
			"2:61: \"gate fail-open\" may stand only beside \"pass\": what is "
			"inspected must not go by uninspected" },
		{ "publish p { external 198.51.100.2:25\n",
			"2:1: block \"publish p\" is not closed: \"}\" is missing" },
		{ PUBLISH("client-address gateway; recipents in d"),
			"2:85: \"recipents\": did you mean \"recipients\"? Expected "
			"\"external\", \"internal\", \"from\", \"when\", \"inspect\", "
			"\"pass\", \"gate\", \"recipients\", \"client-address\", \"limit\", "
			"\"timeout\", \"banner\" or \"log\"" },
		{ PUBLISH("gate fail-open; pass"), NULL },
		{ PUBLISH("gate fail-open; pass; from any except 192.0.2.0/24"),
			"warning 2:61: without the gate those behind \"except\" come in, too" },
		{ PUBLISH("gate fail-open; pass; from 192.0.2.0/24"),
			"2:61: \"gate fail-open\" lets everybody in, at any hour, and the rule is "
			"for "
			"some; take \"gate fail-open\" out, or \"from\" and \"when\"" },
		{ PUBLISH("gate fail-open; pass; client-address proxy-v2"),
			"2:61: \"gate fail-open\" stands beside \"client-address proxy-v2\", which "
			"needs a proxy; take one of both out" },
		{ "publish p { external any:25; internal original; pass; gate fail-open }\n",
			"2:55: \"gate fail-open\" needs one way for each published address: not "
			"\"external any\", nor \"internal original\"; name the addresses, or take "
			"\"gate fail-open\" out" },
		{ PUBLISH("gate fail-open; pass") "publish q { external 198.51.100.2:26, "
						  "198.51.100.2:25\n"
						  "internal 10.0.0.1\npass }\n",
			"2:61: \"gate fail-open\" opens the address and port to everybody, and "
			"\"q\" "
			"publishes them, too; give this rule an address or a port of its own" },
		{ PUBLISH("gate open; pass"), "2:66: \"open\": expected \"fail-open\"" },
		{ PUBLISH("pass through"),
			"2:66: \"through\": nothing more belongs here; the statement is \"pass\"" },
		{ PUBLISH("client-address gateway"),
			"2:61: \"client-address gateway\" without \"recipients\": a server usually "
			"trusts the gateway's address and would relay for anyone; add \"recipients "
			"in SET\"" },
		{ PUBLISH("client-address gateway; recipients any"),
			"warning 2:85: \"recipients any\" with \"client-address gateway\": if the "
			"server trusts the gateway's address, this is an open relay" },
#define ADD_SERVER "; add such a server, or write \"client-address gateway\""
		{ "publish p { external 198.51.100.2:25, [2001:db8::2]:25; internal 10.0.0.1 }\n",
			"2:39: clients of this address have IPv6 addresses, and \"client-address "
			"keep\" (the default) shows them to servers of that family only, of which "
			"\"internal\" names none" ADD_SERVER ", \"client-address xclient\" or "
			"\"client-address proxy-v2\"" },
		{ "publish p { external 198.51.100.2:25; internal fd00:10::1; pass; client-address "
		  "keep }\n",
			"2:22: clients of this address have IPv4 addresses, and \"client-address "
			"keep\" shows them to servers of that family only, of which \"internal\" "
			"names none" ADD_SERVER " or \"client-address proxy-v2\"" },
		{ "publish p { external [2001:db8::2]:25; internal 10.0.0.1; client-address "
		  "xclient }\n",
			NULL },
		{ "publish p { external [2001:db8::2]:25, 198.51.100.2:25; internal 10.0.0.1, "
		  "fd00:10::1 }\n",
			NULL },
		{ "publish p { external [2001:db8::2]:25; internal original }\n", NULL },
		{ "publish p { external any:25; internal 10.0.0.1 }\n", NULL },
		{ "publish p { external [2001:db8::2]:25; internal 10.0.0.1; client-address kep "
		  "}\n",
			"2:74: \"kep\": did you mean \"keep\"? Expected \"keep\", \"gateway\", "
			"\"xclient\" or \"proxy-v2\"" },
		{ "commands t like internet { extension STARTTLS allow }\n" PUBLISH(
			  "inspect commands t"),
			"3:61: command table \"t\" offers STARTTLS, which ends inspection: that is "
			"for relays only; a rule with \"pass\" lets STARTTLS through, "
			"uninspected" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), false);
}

/* What is told of rules.conf, with this postern.conf beside it. */
static void the_port_of_intercepted_connections_is_not_published(void **state)
{
#define TAKEN(place)                                                                               \
	place ": this is the port that intercepted connections are taken on: it cannot be "        \
	      "published itself; \"intercept ... port N\" of postern.conf moves it"
	static const struct {
		const char *rules, *host, *want;
	} cases[] = {
		{ "version 1\npublish p { external any:10525; internal original }\n",
			"mode external\n", TAKEN("2:22") },
		{ "version 1\npublish p { external 198.51.100.2:25, 198.51.100.2:2525; internal "
		  "10.0.0.1 }\n",
			"mode external\nintercept tproxy port 2525\n", TAKEN("2:39") },
		{ "version 1\npublish p { external 198.51.100.2:2525; internal 10.0.0.1 }\n",
			"mode external\n", "" },
		{ "version 1\npublish p { external 198.51.100.2:10525; internal 10.0.0.1 }\n",
			"mode direct\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		expect_str(told(span_str(cases[i].rules), span_str(cases[i].host)), cases[i].want,
			cases[i].rules, cases[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publishing_rules_are_checked),
		cmocka_unit_test(the_port_of_intercepted_connections_is_not_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
