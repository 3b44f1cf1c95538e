/* SPDX-License-Identifier: ISC */
/* postern: the administrator's tool. Finds the verb; all else is the verbs'. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/later.h"

#define DIR_DEFAULT "/etc/postern"
#define VERBS_MAX   64

int cli_fail(enum cli_exit exit, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("postern: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	return (int)exit;
}

/* https://no-color.org: set and not empty, whatever its value. */
static bool wants_colour(int fd)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fd) && (none == NULL || none[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static const struct cli_verb *find_verb(const char *name)
{
	for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static int refuse_unknown(const char *name)
{
	const char *names[VERBS_MAX], *near;
	size_t n = 0;

	for (const struct cli_verb *v = cli_verbs; v->name != NULL && n < VERBS_MAX; v++)
		names[n++] = v->name;
	for (const struct cli_later *l = later_next(NULL); l != NULL && n < VERBS_MAX;
		l = later_next(l))
		if (strchr(l->verb, ' ') == NULL)
			names[n++] = l->verb;
	near = args_suggest(name, names, n);
	if (near != NULL)
		return cli_fail(CLI_USAGE, "unknown verb \"%s\"; did you mean \"%s\"?", name, near);
	return cli_fail(CLI_USAGE, "unknown verb \"%s\"; \"postern help\" lists them", name);
}

static int run_verb(struct cli *c, int argc, char **argv)
{
	const struct cli_verb *verb = find_verb(argv[0]);
	const struct cli_later *later = later_find(argv[0]);

	if (verb == NULL)
		return later != NULL ? later_refuse(later) : refuse_unknown(argv[0]);
	if (c->json && !verb->json)
		return cli_fail(CLI_USAGE, "%s: it has no --json", verb->name);
	return verb->run(c, argc, argv);
}

/* Options that all verbs share; they may stand before the verb or behind it. */
static int run(struct cli *c, int argc, char **argv)
{
	static char help[] = "help";
	bool wants_help;

	if (args_flag(&argc, argv, "--version") || args_flag(&argc, argv, "-V")) {
		puts("postern " POSTERN_VERSION);
		return CLI_OK;
	}
	if (args_value(&argc, argv, "-c", &c->dir) != CLI_OK)
		return CLI_USAGE;
	c->json = args_flag(&argc, argv, "--json");
	wants_help = args_flag(&argc, argv, "--help");
	wants_help = args_flag(&argc, argv, "-h") || wants_help;
	if (wants_help) {
		argv[0] = help;
		return run_verb(c, argc, argv);
	}
	if (argc < 2)
		return cli_fail(CLI_USAGE, "what shall it do? \"postern help\" lists the verbs");
	return run_verb(c, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct cli c = {
		.dir = DIR_DEFAULT,
		.colour_stdout = wants_colour(STDOUT_FILENO),
		.colour_stderr = wants_colour(STDERR_FILENO),
	};
	int exit;

	if (argc == 0)
		return CLI_USAGE;
	exit = run(&c, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("postern: standard output");
		return CLI_FAULTS;
	}
	return exit;
}
