/* SPDX-License-Identifier: ISC */
/* proxy/unbuilt: what this version does not carry out is told by its line, and nothing else is. */
#include "test/unit/support.h"

#include "proxy/house/unbuilt.h"
#include "rules/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A folder with both files; the lines that unbuilt_print() writes about it. */
static void expect_lines_if(const struct unbuilt_may *may, const char *name, const char *rules,
	const char *host, const char *want)
{
	char dir[] = "/tmp/postern-unbuilt-XXXXXX", path[64], text[4096];
	struct load l;
	struct out o;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, i ? "postern.conf" : "rules.conf");
		f = fopen(path, "w");
		assert_non_null(f);
		fprintf(f, "version 1\n%s", i ? host : rules);
		assert_int_equal(fclose(f), 0);
	}
	assert_int_equal(load_dir(&l, dir), 0);
	if (!l.ruleset)
		fail_msg("%s: %s", name, l.diags.first->text);
	out_init(&o, text, sizeof(text));
	unbuilt_print(&o, l.ruleset, may);
	expect_str(out_cstr(&o), want, name, "unbuilt");
	load_free(&l);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, i ? "postern.conf" : "rules.conf");
		unlink(path);
	}
	rmdir(dir);
}

/* By a process without rights. */
static void expect_lines(const char *name, const char *rules, const char *host, const char *want)
{
	expect_lines_if(&(struct unbuilt_may){ 0 }, name, rules, host, want);
}

#define RULE(more)                                                                                 \
	"publish p {\n external 192.0.2.1:25\n internal 10.0.0.1:25\n recipients in "              \
	"example.org\n" more "}\n"
#define GOOD RULE(" client-address gateway\n")
#define ANY                                                                                        \
	"publish p {\n external any:25\n internal original\n recipients in example.org\n "         \
	"client-address gateway\n}\n"

static void what_is_built_is_not_told(void **state)
{
	(void)state;
	expect_lines("nothing said", GOOD, "", "");
	expect_lines("all of it",
		GOOD "publish q {\n external 192.0.2.1:993\n internal 10.0.0.1\n pass\n "
		     "client-address proxy-v2\n}\n"
		     "default reset\n",
		"mode direct\nworkers 1\nhostname gw.example.org\nrequire-sandbox no\n"
		"log json \"/var/log/postern.json\" max 10MiB\n",
		"");
}

static void rules_are_told_by_their_line(void **state)
{
	(void)state;
	expect_lines("keep, the default", RULE(""), "",
		"rules.conf:2: error: publish p: \"client-address keep\" (the default) needs "
		"CAP_NET_RAW, which this process does not have: start it as root, or add the line "
		"\"client-address gateway\", \"client-address xclient\" or \"client-address "
		"proxy-v2\"\n");
	expect_lines("keep on pass",
		"publish p {\n external 192.0.2.1:25\n internal 10.0.0.1\n pass\n client-address "
		"keep\n}\n",
		"",
		"rules.conf:6: error: publish p: \"client-address keep\" (the default) needs "
		"CAP_NET_RAW, which this process does not have: start it as root, or add the line "
		"\"client-address gateway\" or \"client-address proxy-v2\"\n");
	expect_lines("drop", GOOD "default drop\n", "",
		"rules.conf:8: error: \"default drop\" needs the gate of \"mode managed\": a "
		"listening proxy has answered already; "
		"say \"default reset\" or \"default refuse\"\n");
	expect_lines("any", ANY, "",
		"rules.conf:3: error: publish p: \"external any\" needs connections that a "
		"firewall diverts: add \"mode managed\" or \"mode external\" to postern.conf, or "
		"name the addresses, "
		"as in \"external 198.51.100.2:25\"\n"
		"rules.conf:4: error: publish p: \"internal original\" needs connections that a "
		"firewall diverts: add \"mode managed\" or \"mode external\" to postern.conf, or "
		"name the server, as "
		"in \"internal 10.0.0.21:25\"\n");
}

static void what_root_may_do_is_not_told(void **state)
{
	static const struct unbuilt_may may = { .transparent = true };

	(void)state;
	expect_lines_if(&may, "keep", RULE(""), "", "");
	expect_lines_if(&may, "tproxy", GOOD, "mode external\nintercept tproxy port 2525\n", "");
	expect_lines("redirect, without rights", ANY, "mode external\nintercept redirect\n", "");
}

static void statements_of_the_host_are_told_by_their_line(void **state)
{
	(void)state;
	expect_lines("mode", GOOD, "mode managed\n",
		"postern.conf:2: error: this mode changes the kernel's rules: start "
		"posternd as "
		"root, or say \"mode direct\" or \"mode external\"\n");
	expect_lines("mode sets-only", GOOD, "mode sets-only\n",
		"postern.conf:2: error: this mode changes the kernel's rules: start posternd as "
		"root, or "
		"say \"mode direct\" or \"mode external\"\n");
	expect_lines("intercept", GOOD, "mode direct\nintercept tproxy\n",
		"postern.conf:3: error: \"intercept\" is for connections that a firewall diverts: "
		"add \"mode managed\" or \"mode external\", or take it out\n");
	expect_lines("tproxy", GOOD, "mode external\nintercept tproxy\n",
		"postern.conf:3: error: \"intercept tproxy\" needs CAP_NET_RAW, which this process "
		"does not have: start it as root, or say \"intercept redirect\"\n");
	expect_lines("workers", GOOD, "workers 65\n",
		"postern.conf:2: error: this version runs at most 64 workers: say \"workers 64\" "
		"or "
		"fewer, or "
		"nothing for one a core\n");
	expect_lines("logs", GOOD, "log syslog\nlog json \"/a\" required\n",
		"postern.conf:2: error: of the log formats only json is built yet: say \"log "
		"json\"\n"
		"postern.conf:3: error: \"required\" is not built yet: mail goes on when the log "
		"is full; "
		"take the word out\n");
	expect_lines("metrics and shared", GOOD,
		"metrics textfile \"/a\"\nshared redis \"redis://b\"\n",
		"postern.conf:2: error: metrics are not built yet: take the statement out\n"
		"postern.conf:3: error: \"shared redis\" is not built yet: take the statement "
		"out\n");
}

#define TLS(more)                                                                                  \
	"publish p {\n external 192.0.2.1:993\n internal 10.0.0.1\n pass\n log sessions, tls\n "   \
	"client-address " more "\n}\n"

static void the_gate_reads_hellos(void **state)
{
	static const struct unbuilt_may may = { .transparent = true, .root = true };

	(void)state;
	expect_lines_if(&may, "managed", TLS("gateway"), "mode managed\n", "");
	expect_lines_if(&may, "direct", TLS("gateway"), "mode direct\n",
		"rules.conf:6: error: publish p: \"log tls\" needs the gate of \"mode managed\": "
		"take \"tls\" out\n");
	expect_lines_if(&may, "by a proxy", TLS("proxy-v2"), "mode managed\n",
		"rules.conf:6: error: publish p: \"log tls\" is for sessions that the kernel "
		"carries, and \"client-address proxy-v2\" leaves them to a proxy: take \"tls\" "
		"out\n");
}

/* The kernel carries what passes. */
static void what_the_kernel_cannot_carry(void **state)
{
	static const struct unbuilt_may may = { .transparent = true, .root = true };

	(void)state;
	expect_lines_if(&may, "managed", ANY "default drop\n", "mode managed\n", "");
	expect_lines_if(&may, "no server of the family",
		"publish p {\n external 192.0.2.1:993, [2001:db8::1]:993\n internal 10.0.0.1\n "
		"pass\n client-address gateway\n}\n",
		"mode managed\n",
		"rules.conf:3: error: publish p: none of its internal servers has an address of "
		"this family, "
		"and the kernel, which carries passed sessions, does not translate: name one, or "
		"add "
		"\"client-address proxy-v2\"\n");
	expect_lines_if(&may, "by a proxy",
		"publish p {\n external 192.0.2.1:993, [2001:db8::1]:993\n internal 10.0.0.1\n "
		"pass\n"
		" client-address proxy-v2\n}\n",
		"mode managed\n", "");
}

static void what_has_no_effect_is_a_warning(void **state)
{
	(void)state;
	expect_lines("user", GOOD, "user nobody\n",
		"postern.conf:2: warning: \"user\" has no effect: only root can give roles a user "
		"of their own\n");
	expect_lines_if(&(struct unbuilt_may){ .root = true }, "user, as root", GOOD,
		"user nobody\nrequire-sandbox yes\ncontrol \"/run/p/c\"\n", "");
	expect_lines("dynamic", GOOD "set s { dynamic timeout 1h }\n", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_not_told),
		cmocka_unit_test(rules_are_told_by_their_line),
		cmocka_unit_test(what_root_may_do_is_not_told),
		cmocka_unit_test(statements_of_the_host_are_told_by_their_line),
		cmocka_unit_test(the_gate_reads_hellos),
		cmocka_unit_test(what_the_kernel_cannot_carry),
		cmocka_unit_test(what_has_no_effect_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
