/* SPDX-License-Identifier: ISC */
/* postern show: what the configuration means, in its own language, and what posternd does */
#include "cli/show.h"

#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/status.h"

#define NAMES_MAX 256 /* command tables that a suggestion is looked for among */

static const char *const built_in[] = { "internet", "submission", "isa2000" };
#define N_BUILT_IN (sizeof(built_in) / sizeof(built_in[0]))

/* ---- show config ---- */

static void print_rules(struct out *o, void *context)
{
	const struct load *l = context;

	rules_print(o, l->ruleset, false);
}

static void print_host(struct out *o, void *context)
{
	const struct load *l = context;

	rules_print_host(o, &l->ruleset->host);
}

static int show_config(const struct cli *c, const char *which)
{
	const bool host = which != NULL && strcmp(which, "host") == 0;
	struct load l;
	int exit;

	if (which != NULL && !host)
		return cli_fail(CLI_USAGE,
			"show config: \"%s\" is neither nothing (rules.conf) nor \"host\" "
			"(postern.conf)",
			which);
	if (host && c->json)
		return cli_fail(CLI_USAGE, "show config host: it has no --json");
	exit = config_load(c, &l);
	if (exit != CLI_OK)
		return exit;
	exit = cli_print(c->json ? show_rules_json : host ? print_host : print_rules, &l);
	load_free(&l);
	return exit;
}

/* ---- show commands ---- */

static void print_table(struct out *o, void *context)
{
	rules_print_table(o, context);
}

static int show_table(const struct cli *c, const struct command_table *table)
{
	return cli_print(c->json ? show_table_json : print_table, (void *)(uintptr_t)table);
}

static int refuse_table(const struct show_tables *tables, const char *name)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0;

	for (; n < tables->n && n < NAMES_MAX; n++)
		names[n] = tables->list[n]->name;
	near = args_suggest(name, names, n);
	if (near != NULL)
		return cli_fail(
			CLI_USAGE, "no command table \"%s\"; did you mean \"%s\"?", name, near);
	return cli_fail(
		CLI_USAGE, "no command table \"%s\"; \"postern show commands\" prints all", name);
}

static void print_tables(struct out *o, void *context)
{
	const struct show_tables *tables = context;

	for (size_t i = 0; i < tables->n; i++)
		rules_print_table(o, tables->list[i]);
}

static int show_tables(const struct cli *c, struct show_tables *tables, const char *name)
{
	if (name == NULL)
		return cli_print(c->json ? show_tables_json : print_tables, tables);
	for (size_t i = 0; i < tables->n; i++)
		if (strcmp(tables->list[i]->name, name) == 0)
			return show_table(c, tables->list[i]);
	return refuse_table(tables, name);
}

/* Those built in, then those of rules.conf. */
static int show_all(const struct cli *c, const struct ruleset *rs, const char *name)
{
	struct show_tables tables = { .list = calloc(
					      N_BUILT_IN + rs->n_tables, sizeof(*tables.list)) };
	int exit;

	if (tables.list == NULL)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	for (size_t i = 0; i < N_BUILT_IN; i++)
		tables.list[tables.n++] = command_table_builtin(span_str(built_in[i]));
	for (size_t i = 0; i < rs->n_tables; i++)
		tables.list[tables.n++] = rs->tables[i];
	exit = show_tables(c, &tables, name);
	free(tables.list);
	return exit;
}

/* One that is built in needs no configuration. */
static int show_commands(const struct cli *c, const char *name)
{
	const struct command_table *table =
		name != NULL ? command_table_builtin(span_str(name)) : NULL;
	struct load l;
	int exit;

	if (table != NULL)
		return show_table(c, table);
	exit = config_load(c, &l);
	if (exit != CLI_OK)
		return exit;
	exit = show_all(c, l.ruleset, name);
	load_free(&l);
	return exit;
}

int cli_show(struct cli *c, int argc, char **argv)
{
	static const char *const things[] = { "config", "commands", "status", "sessions", "sets" };
	const char *near;

	if (args_done(&argc, argv, 1, 2) != CLI_OK)
		return CLI_USAGE;
	if (strcmp(argv[1], "config") == 0)
		return show_config(c, argv[2]);
	if (strcmp(argv[1], "commands") == 0)
		return show_commands(c, argv[2]);
	if (strcmp(argv[1], "sets") == 0)
		return show_sets(c, argv[2]);
	if (strcmp(argv[1], "status") == 0)
		return argc == 2 ? show_status(c)
				 : cli_fail(CLI_USAGE, "show status: nothing may follow");
	if (strcmp(argv[1], "sessions") == 0)
		return argc == 2 ? show_sessions(c)
				 : cli_fail(CLI_USAGE, "show sessions: nothing may follow");
	near = args_suggest(argv[1], things, sizeof(things) / sizeof(things[0]));
	return cli_fail(CLI_USAGE,
		"show: unknown \"%s\"; it shows config, commands, status, sessions or sets%s%s%s",
		argv[1], near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}
