/* SPDX-License-Identifier: ISC */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
	{ "check", cli_check, true, "", "does the configuration mean what was meant?" },
	{ "fmt", cli_fmt, false, "[--diff]",
		"lay the files out canonically; --diff: only show how" },
	{ "show", cli_show, true, "config [host] | commands [NAME]",
		"what the configuration means, printed in its own language" },
	{ "explain", cli_explain, true,
		"--client ADDRESS --to ADDRESS:PORT [--at TIME] [--line 'COMMAND']",
		"which rule takes a connection, and why the others do not" },
	{ "log", cli_log, true,
		"tail [-n N] [-f] | find [--since TIME] [--code PN] [--rule NAME] [--client "
		"ADDRESS] [--mail ADDRESS] "
		"[--session ID] [TEXT] | session ID|INCIDENT | code PN  [--file PATH]",
		"what was logged" },
	{ "replay", cli_replay, true,
		"[--every-cut] [--rule NAME] [--client ADDRESS] [--to ADDRESS:PORT] FILE",
		"a conversation from a file, judged line by line" },
	{ "help", cli_help, false, "[VERB]", "this text, or what one verb takes" },
	{ 0 },
};
