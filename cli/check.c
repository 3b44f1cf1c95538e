/* SPDX-License-Identifier: ISC */
/* postern check: does the configuration mean what was meant? */
#include "cli/args.h"
#include "cli/config.h"
#include "cli/json.h"

static void print_count(struct out *o, uint64_t n, const char *what)
{
	out_u64(o, n);
	out_octet(o, ' ');
	out_str(o, what);
	if (n != 1)
		out_octet(o, 's');
}

/* "rules.conf: 2 errors, 0 warnings; nothing was changed" */
static void print_result(struct out *o, void *context)
{
	const struct load *l = context;

	out_str(o, "rules.conf: ");
	if (l->ruleset != NULL) {
		print_count(o, l->ruleset->n_rules, "rule");
		out_str(o, ", ");
	}
	print_count(o, l->diags.errors, "error");
	out_str(o, ", ");
	print_count(o, l->diags.warnings, "warning");
	out_str(o, l->diags.errors > 0 ? "; nothing was changed\n" : "\n");
}

static const char *level_name(enum diag_level level)
{
	switch (level) {
	case DIAG_ERROR: return "error";
	case DIAG_WARNING: return "warning";
	case DIAG_NOTE: return "note";
	}
	return NULL;
}

static void print_json(struct out *o, void *context)
{
	const struct load *l = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	json_u64(&j, "errors", l->diags.errors);
	json_u64(&j, "warnings", l->diags.warnings);
	json_u64(&j, "notes", l->diags.notes);
	json_open(&j, "diagnostics", '[');
	for (const struct diag *d = l->diags.first; d != NULL; d = d->next) {
		json_open(&j, NULL, '{');
		json_str(&j, "level", level_name(d->level));
		json_str(&j, "file", d->at.file);
		json_u64(&j, "line", d->at.line);
		json_u64(&j, "column", d->at.column);
		json_str(&j, "text", d->text);
		json_str(&j, "help", d->help);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	out_octet(o, '\n');
}

int cli_check(struct cli *c, int argc, char **argv)
{
	struct load l;
	int exit, printed;

	if (args_done(&argc, argv, 0, 0) != CLI_OK)
		return CLI_USAGE;
	if (load_dir(&l, c->dir) < 0)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory to read %s", c->dir);
	if (!c->json)
		config_tell(c, &l.diags, l.sources, l.n_sources, CONFIG_SHOW_ALL);
	printed = cli_print(c->json ? print_json : print_result, &l);
	exit = config_exit(&l);
	load_free(&l);
	return exit != CLI_OK ? exit : printed;
}
