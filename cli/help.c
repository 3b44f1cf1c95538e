/* SPDX-License-Identifier: ISC */
/* postern help: what the tool can do, and what one verb takes */
#include <string.h>

#include "cli/args.h"
#include "cli/later.h"

static void print_verb(const struct cli_verb *v)
{
	printf("usage: postern [-c DIR] %s%s%s%s\n\n%s\n", v->name,
		v->arguments[0] != '\0' ? " " : "", v->arguments, v->json ? " [--json]" : "",
		v->summary);
}

static void print_all(void)
{
	puts("usage: postern [-c DIR] VERB [ARGUMENT ...]\n");
	for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++)
		printf("  %-8s  %s\n", v->name, v->summary);
	puts("\n  -c DIR     folder of rules.conf and postern.conf; /etc/postern\n"
	     "  --json     facts as JSON\n"
	     "  --version  what this is\n\n"
	     "\"postern help VERB\" shows what a verb takes; postern(1) and rules.conf(5) tell "
	     "all.");
}

int cli_help(struct cli *c, int argc, char **argv)
{
	const struct cli_later *later;

	(void)c;
	if (args_done(&argc, argv, 0, 1) != CLI_OK)
		return CLI_USAGE;
	if (argc == 1) {
		print_all();
		return CLI_OK;
	}
	for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++)
		if (strcmp(v->name, argv[1]) == 0) {
			print_verb(v);
			return CLI_OK;
		}
	later = later_find(argv[1]);
	if (later != NULL)
		return later_refuse(later);
	return cli_fail(CLI_USAGE, "unknown verb \"%s\"; \"postern help\" lists them", argv[1]);
}
