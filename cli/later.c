/* SPDX-License-Identifier: ISC */
#include "cli/later.h"

#include <string.h>

static const struct cli_later rows[] = {
	{ "top", "a view that follows posternd's counters", "use \"postern show status\"" },
	{ "hold", "held mail", NULL },
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
