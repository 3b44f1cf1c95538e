/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What `postern show` prints as JSON
 *
 * Callers: cli/show.c.
 */
#include "base/out.h"
#include "rules/ruleset.h"

/* @context: struct load, with a rule set. */
void show_rules_json(struct out *o, void *context);

/* @context: const struct command_table. */
void show_table_json(struct out *o, void *context);

struct show_tables {
	const struct command_table **list;
	size_t n;
};

/* @context: struct show_tables. */
void show_tables_json(struct out *o, void *context);
