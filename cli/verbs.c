/* SPDX-License-Identifier: ISC */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
	{ "check", cli_check, true, "", "does the configuration mean what was meant?" },
	{ "fmt", cli_fmt, false, "[--diff]",
		"lay the files out canonically; --diff: only show how" },
	{ "show", cli_show, true,
		"config [host] | commands [NAME] | status | sessions | sets [NAME]",
		"what the configuration means, in its own language, and what posternd does" },
	{ "explain", cli_explain, true,
		"--client ADDRESS --to ADDRESS:PORT [--at TIME] [--line 'COMMAND']",
		"which rule takes a connection, and why the others do not" },
	{ "firewall", cli_firewall, true,
		"render [-4|-6] | apply | remove [--force] | status  [--backend iptables|nft]",
		"the kernel rules that bring connections to posternd" },
	{ "log", cli_log, true,
		"tail [-n N] [-f] | find [--since TIME] [--code PN] [--rule NAME] [--client "
		"ADDRESS] [--mail ADDRESS] "
		"[--session ID] [TEXT] | session ID|INCIDENT | code PN  [--file PATH]",
		"what was logged" },
	{ "replay", cli_replay, true,
		"[--every-cut] [--rule NAME] [--client ADDRESS] [--to ADDRESS:PORT] FILE",
		"a conversation from a file, judged line by line" },
	{ "diff", cli_diff, true, "",
		"what the files mean that the running rules do not, or the other way" },
	{ "apply", cli_apply, true, "[--confirm 60s]",
		"check the files and put them in force; --confirm: for that long, unless "
		"confirmed" },
	{ "confirm", cli_confirm, true, "", "keep what \"apply --confirm\" put in force" },
	{ "rollback", cli_rollback, true, "[N]",
		"put generation N, or the one before, in force again" },
	{ "session", cli_session, true, "list | kill ID", "open sessions, and the end of one" },
	{ "set", cli_set, true,
		"add NAME MEMBER [for 4h] | del NAME MEMBER | list [NAME] | flush NAME",
		"members of dynamic sets, at run time" },
	{ "auth", cli_auth, false, "passwd | test  [-f FILE | -r AUTH] USER",
		"users of relay listeners whose passwords are in a file" },
	{ "doctor", cli_doctor, true, "", "what on this host defeats the rules, and what to type" },
	{ "help", cli_help, false, "[VERB]", "this text, or what one verb takes" },
	{ 0 },
};
