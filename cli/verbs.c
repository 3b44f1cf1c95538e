/* SPDX-License-Identifier: ISC */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
	{ "check", cli_check, true, "", "does the configuration mean what was meant?" },
	{ "help", cli_help, false, "[VERB]", "this text, or what one verb takes" },
	{ "log", cli_log, true,
		"tail [-n N] [-f] | find [--since TIME] [--code PN] [--rule NAME] [--client ADDRESS] [--mail ADDRESS] "
		"[--session ID] [TEXT] | session ID|INCIDENT | code PN  [--file PATH]",
		"what was logged" },
	{ "replay", cli_replay, true, "[--every-cut] [--rule NAME] [--client ADDRESS] [--to ADDRESS:PORT] FILE",
		"a conversation from a file, judged line by line" },
	{ 0 },
};
