/* SPDX-License-Identifier: ISC */
/* postern diff: what the files mean that the running rules do not */
#include "cli/args.h"
#include "cli/config.h"
#include "cli/running.h"

static void print_text(struct out *o, void *context)
{
	running_print(o, context, SIZE_MAX, "");
}

static void print_json(struct out *o, void *context)
{
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	running_json(&j, context);
	json_close(&j, '}');
	out_octet(o, '\n');
}

int cli_diff(struct cli *c, int argc, char **argv)
{
	static struct running running;
	struct load files;
	int exit;

	if (args_done(&argc, argv, 0, 0) != CLI_OK)
		return CLI_USAGE;
	exit = config_load(c, &files);
	if (exit != CLI_OK)
		return exit;
	exit = running_compare(c, &files, &running);
	if (exit == CLI_OK)
		exit = cli_print(c->json ? print_json : print_text, &running);
	if (exit == CLI_OK && running.diff.n > 0)
		exit = CLI_DIFFERENT;
	running_free(&running);
	load_free(&files);
	return exit;
}
