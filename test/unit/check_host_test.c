/* SPDX-License-Identifier: ISC */
#include "test/unit/check_cases.h"

static void postern_conf_is_checked(void **state)
{
	static const struct check_case cases[] = {
		{ "mode manged", "1:6: \"manged\": did you mean \"managed\"? Expected \"direct\", "
				 "\"managed\", \"sets-only\" or \"external\"" },
		{ "mode", "1:5: expected \"direct\", \"managed\", \"sets-only\" or \"external\" "
			  "here, as in \"mode direct\"" },
		{ "connection-mark 0xff000001",
			"1:17: connection-mark 0xff000001: a mask of three bits or more that stand "
			"together is expected, as in \"connection-mark 0xff000000\"" },
		{ "connection-mark 0x3",
			"1:17: connection-mark 0x3: a mask of three bits or more that "
			"stand together is expected, as in \"connection-mark 0xff000000\"" },
		{ "connection-mark 0xff000000/0xff000000",
			"1:17: connection-mark 0xff000000/0xff000000: a mask of three bits or more "
			"that stand "
			"together is expected, as in \"connection-mark 0xff000000\"" },
		{ "connection-mark 0x7", NULL },
		{ "first-packets 100 per second", NULL },
		{ "first-packets 100 per minute", "1:23: \"minute\": expected \"second\"" },
		{ "first-packets 0 per second", "1:15: first-packets 0: give 1 to 100000, as in "
						"\"first-packets 100 per second\"" },
		{ "mode managed\nmark 0x1000000/0x1000000",
			"2:1: the masks of \"mark\" and \"connection-mark\" have bits in common; "
			"say "
			"\"mark 0x00500000/0x00f00000\" and \"connection-mark 0xff000000\", or "
			"other bits "
			"that are not the same" },
		{ "intercept nat", "1:11: \"nat\": expected \"redirect\" or \"tproxy\"" },
		{ "intercept tproxy port 65536",
			"1:23: intercept ... port 65536: give 1 to 65535, as in \"intercept "
			"redirect port 10525\"" },
		{ "intercept redirect 25", "1:20: \"25\": expected \"port\", or nothing more" },
		{ "mark 5", "1:6: \"5\" is no mark with its mask, as in \"mark "
			    "0x00500000/0x00f00000\"" },
		{ "mark 0x5/0x3", "1:6: mark 0x5/0x3: the mark has to be some bit of its mask, and "
				  "no other bit" },
		{ "mark 0x0/0xf0", "1:6: mark 0x0/0xf0: the mark has to be some bit of its mask, "
				   "and no other bit" },
		{ "workers 0", "1:9: workers 0: give 1 to 1024, as in \"workers 4\"" },
		{ "workers 2 3",
			"1:11: \"3\": nothing more belongs here; the statement is \"workers 4\"" },
		{ "drain 10", "1:7: drain 10: the unit is missing (ms, s, m, h or d); give 1s to "
			      "1d, as in \"drain 10m\"" },
		{ "client-prefix 8",
			"1:15: client-prefix 8: give 32 to 128, as in \"client-prefix 64\"" },
		{ "require-sandbox maybe", "1:17: \"maybe\": expected \"yes\" or \"no\"" },
		{ "user 0x", "1:6: \"0x\" is no name of a user or group, as in \"user postern\"" },
		{ "user \"p\"",
			"1:6: \"p\": a user stands without quotes, as in \"user postern\"" },
		{ "hostname -x",
			"1:10: \"-x\" is no host name, as in \"hostname mail.example.org\"" },
		{ "hostname \"mail\"",
			"1:10: \"mail\": a host name stands without quotes, as in \"hostname "
			"mail.example.org\"" },
		{ "postmaster nobody", "1:12: \"nobody\" is no mail address, as in \"postmaster "
				       "postmaster@example.org\"" },
		{ "control /run/x", "1:9: \"/run/x\": the control socket stands in quotes, as in "
				    "\"control \"/run/postern/control\" group adm\"" },
		{ "control \"/run/x\" group ?", "1:24: \"?\" is no name of a user or group, as in "
						"\"control \"/run/postern/control\" group adm\"" },
		{ "control \"/run/x\" grp adm",
			"1:18: \"grp\": expected \"group\", or nothing more" },
		{ "state x", "1:7: \"x\": the state folder stands in quotes, as in \"state "
			     "\"/var/lib/postern\"\"" },
		{ "log jsn \"x\"", "1:5: \"jsn\": did you mean \"json\"? Expected \"json\", "
				   "\"w3c\", \"syslog\" or \"journal\"" },
		{ "log json \"x\" max 1",
			"1:18: log ... max 1: the unit is missing (B, KiB, MiB or GiB); give 64KiB "
			"to 1024GiB, as in \"log json \"postern.log\" max 1GiB keep 30d\"" },
		{ "log json \"x\" keep 1",
			"1:19: log ... keep 1: the unit is missing (s, m, h or d); give 1h to "
			"3650d, as in \"log json \"postern.log\" max 1GiB keep 30d\"" },
		{ "log json \"x\" 1GiB", "1:14: \"1GiB\": expected \"max\", \"keep\", "
					 "\"required\", or nothing more" },
		{ "metrics sock \"x\"", "1:9: \"sock\": did you mean \"socket\"? Expected "
					"\"socket\" or \"textfile\"" },
		{ "metrics socket \"x\"; metrics socket \"y\"",
			"1:29: \"metrics socket\" may stand only once" },
		{ "metrics socket \"x\"; metrics textfile \"y\"", NULL },
		{ "shared redis \"10.0.0.1\"",
			"1:14: \"10.0.0.1\" is no address of a Redis server, as in \"shared redis "
			"\"redis://10.0.0.9:6379\"\"" },
		{ "shared redis", "1:13: the address of the Redis server is missing, as in "
				  "\"shared redis \"redis://10.0.0.9:6379\"\"" },
		{ "shared memcache \"x\"", "1:8: \"memcache\": expected \"redis\"" },
		{ "version 2", "1:9: version 2 is not known; this program reads \"version 1\"" },
		{ "worker 2", "1:1: \"worker\": did you mean \"workers\"? Expected \"version\", "
			      "\"mode\", \"intercept\", \"mark\", \"connection-mark\", "
			      "\"first-packets\", "
			      "\"workers\", \"drain\", "
			      "\"require-sandbox\", \"user\", \"hostname\", \"postmaster\", "
			      "\"client-prefix\", \"control\", \"state\", \"log\", \"metrics\" or "
			      "\"shared\"" },
		{ "workers 2; workers 3", "1:12: \"workers\" may stand only once; it stands in "
					  "postern.conf:1 already" },
		{ "mode direct { }",
			"1:1: \"mode\" takes no block; the statement is \"mode direct\"" },
		{ "set a { }",
			"1:1: \"set\": expected \"version\", \"mode\", \"intercept\", "
			"\"mark\", \"connection-mark\", \"first-packets\", \"workers\", \"drain\", "
			"\"require-sandbox\", \"user\", "
			"\"hostname\", \"postmaster\", \"client-prefix\", \"control\", "
			"\"state\", \"log\", \"metrics\" or \"shared\"" },
		{ "log json \"x\" max 2GiB keep 30d required always",
			"1:41: \"always\": nothing more belongs here; the statement is \"log json "
			"\"postern.log\" max 1GiB keep 30d\"" },
	};

	(void)state;
	expect_told(cases, COUNT_OF(cases), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postern_conf_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
