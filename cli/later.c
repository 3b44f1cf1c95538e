/* SPDX-License-Identifier: ISC */
#include "cli/later.h"

#include <string.h>

static const struct cli_later rows[] = {
	{ "apply", "reloading a running posternd", "run \"postern check\", then restart posternd" },
	{ "confirm", "reloading a running posternd", "restart posternd" },
	{ "rollback", "reloading a running posternd",
		"put the old file back and restart posternd" },
	{ "diff", "asking a running posternd for its rules",
		"compare the files; \"postern show config\" prints what they mean" },
	{ "firewall", "kernel rules", "publish by direct listening, as rules.conf(5) says" },
	{ "set", "members added at run time", "put them into the set's file and restart posternd" },
	{ "session", "asking a running posternd for its sessions",
		"use \"postern log session\" for what was logged" },
	{ "top", "asking a running posternd for its counters", "use \"postern log tail\"" },
	{ "hold", "held mail", NULL },
	{ "auth", "relay listeners and their passwords", NULL },
	{ "selftest", "relay listeners", "use \"postern explain\" to try one session" },
	{ "doctor", "tests of this host", "use \"postern check\" for the files" },
	{ "show sessions", "asking a running posternd for its sessions",
		"use \"postern log session\" for what was logged" },
	{ "show sets", "asking a running posternd for its sets",
		"use \"postern show config\" for the members in the files" },
	{ "show status", "asking a running posternd for its status", "use \"postern log tail\"" },
	{ "log report", "reports from the log", "use \"postern log find\"" },
};

const struct cli_later *later_find(const char *verb)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].verb, verb) == 0)
			return &rows[i];
	return NULL;
}

const struct cli_later *later_next(const struct cli_later *row)
{
	row = row == NULL ? rows : row + 1;
	return row < rows + sizeof(rows) / sizeof(rows[0]) ? row : NULL;
}

int later_refuse(const struct cli_later *row)
{
	return cli_fail(CLI_UNAVAILABLE, "%s: not built yet (%s)%s%s", row->verb, row->missing,
		row->instead != NULL ? "; " : "", row->instead != NULL ? row->instead : "");
}
