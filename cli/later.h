/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Verbs of the plan that this version does not have
 *
 * They are refused by name, with what is missing and what to do instead, and never half done.
 *
 * Callers: cli/main.c, cli/help.c, cli/show.c.
 */
#include "cli/cli.h"

struct cli_later {
	const char *verb;
	const char *missing; /* what would have to be there */
	const char *instead; /* what to do until then */
};

/* NULL: not in the plan either. */
const struct cli_later *later_find(const char *verb);

/* The row behind @row, or the first; NULL at the end. */
const struct cli_later *later_next(const struct cli_later *row);

/* Says so. Return: CLI_UNAVAILABLE. */
int later_refuse(const struct cli_later *row);
