/* SPDX-License-Identifier: ISC */
#include "cli/cli.h"

const struct cli_verb cli_verbs[] = {
	{ "help", cli_help, false, "[VERB]", "this text, or what one verb takes" },
	{ 0 },
};
