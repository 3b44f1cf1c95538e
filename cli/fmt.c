/* SPDX-License-Identifier: ISC */
/* postern fmt: lay the files out canonically, comments and macros kept */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/rewrite.h"

#define ARENA_FIRST ((size_t)1 << 20)
#define ARENA_LAST  ((size_t)1 << 30)

struct formatted {
	const struct source *source;
	struct span text; /* in @block */
	void *block;
};

/* One try with @size octets for the arena and as many for the text. */
static int try_format(const struct cli *c, struct formatted *f, size_t size)
{
	struct arena arena;
	struct diags diags;
	struct out o;
	int r;

	arena_init(&arena, f->block, size);
	out_init(&o, (uint8_t *)f->block + size, size);
	diags_init(&diags, &arena);
	r = rules_format(&o, &arena, f->source, &diags);
	if (r == RULES_E_ARENA || arena.full || o.full)
		return RULES_E_ARENA;
	if (r == RULES_E_FAULTY)
		config_tell(c, &diags, f->source, 1, CONFIG_SHOW_ERRORS);
	f->text = out_span(&o);
	return r;
}

static int format(const struct cli *c, struct formatted *f)
{
	for (size_t size = ARENA_FIRST; size <= ARENA_LAST; size *= 4) {
		int r;

		f->block = malloc(2 * size);
		if (f->block == NULL)
			break;
		r = try_format(c, f, size);
		if (r != RULES_E_ARENA)
			return r == RULES_OK ? CLI_OK : CLI_CONFIG;
		free(f->block);
		f->block = NULL;
	}
	return cli_fail(CLI_UNAVAILABLE, "not enough memory to lay out %s", f->source->name);
}

/* A file that two statements include stands in the list twice. */
static bool is_new(const struct load *l, size_t i)
{
	const struct source *s = &l->sources[i];

	if (s->kind != SOURCE_RULES && s->kind != SOURCE_HOST)
		return false;
	for (size_t k = 0; k < i; k++)
		if (strcmp(l->sources[k].name, s->name) == 0)
			return false;
	return true;
}

/* All files, or none when one of them cannot be laid out. */
static int format_all(const struct cli *c, const struct load *l, struct formatted *list, size_t *np)
{
	int exit = CLI_OK;

	for (size_t i = 0; i < l->n_sources; i++) {
		int one;

		if (!is_new(l, i))
			continue;
		list[*np].source = &l->sources[i];
		if (l->sources[i].error != 0)
			return cli_fail(l->sources[i].error == EACCES ? CLI_PERMISSION : CLI_CONFIG,
				"%s: %s", l->sources[i].name, source_problem(&l->sources[i]));
		one = format(c, &list[(*np)++]);
		if (one != CLI_OK)
			exit = one;
	}
	return exit;
}

static int finish(const struct cli *c, const struct formatted *f, bool diff, size_t *changedp)
{
	const char *name = f->source->name;
	char path[PATH_LENGTH_MAX];
	int exit;

	if (span_eq(f->text, f->source->text))
		return CLI_OK;
	(*changedp)++;
	if (rewrite_path(path, c->dir, name) != CLI_OK)
		return CLI_CONFIG;
	if (diff)
		return rewrite_diff(path, name, f->text);
	exit = rewrite_file(path, f->text);
	if (exit == CLI_OK)
		printf("%s: laid out anew\n", name);
	return exit;
}

static int finish_all(const struct cli *c, const struct formatted *list, size_t n, bool diff)
{
	size_t changed = 0;
	int exit = CLI_OK;

	for (size_t i = 0; i < n && exit == CLI_OK; i++)
		exit = finish(c, &list[i], diff, &changed);
	if (exit == CLI_OK && changed == 0)
		puts("nothing to change");
	return exit == CLI_OK && diff && changed > 0 ? CLI_DIFFERENT : exit;
}

int cli_fmt(struct cli *c, int argc, char **argv)
{
	const bool diff = args_flag(&argc, argv, "--diff");
	struct formatted list[SOURCES_MAX] = { 0 };
	struct load l;
	size_t n = 0;
	int exit;

	if (args_done(&argc, argv, 0, 0) != CLI_OK)
		return CLI_USAGE;
	if (load_dir(&l, c->dir) < 0)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory to read %s", c->dir);
	exit = format_all(c, &l, list, &n);
	if (exit == CLI_OK)
		exit = finish_all(c, list, n, diff);
	for (size_t i = 0; i < n; i++)
		free(list[i].block);
	load_free(&l);
	return exit;
}
