/* SPDX-License-Identifier: ISC */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
	{ "help", cli_help, false, "[VERB]", "this text, or what one verb takes" },
	{ "replay", cli_replay, true, "[--every-cut] [--rule NAME] [--client ADDRESS] [--to ADDRESS:PORT] FILE",
		"a conversation from a file, judged line by line" },
	{ 0 },
};
