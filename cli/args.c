/* SPDX-License-Identifier: ISC */
#include "cli/args.h"

#include <string.h>

#include "cli/later.h"
#include "rules/diag.h"

static void take_out(int *argcp, char **argv, int at, int n)
{
	memmove(argv + at, argv + at + n, (size_t)(*argcp - at - n) * sizeof(*argv));
	*argcp -= n;
	argv[*argcp] = NULL;
}

/* Where options end: the first "--", or behind the last argument. */
static int options_end(int argc, char **argv)
{
	int end = 1;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	return end;
}

bool args_flag(int *argcp, char **argv, const char *name)
{
	bool found = false;

	for (int i = 1; i < options_end(*argcp, argv);) {
		if (strcmp(argv[i], name) != 0) {
			i++;
			continue;
		}
		found = true;
		take_out(argcp, argv, i, 1);
	}
	return found;
}

/* The value inside the argument itself: behind "=" of a long option, right behind a short one. */
static const char *joined_value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0 || arg[n] == '\0')
		return NULL;
	if (name[1] != '-')
		return arg + n;
	return arg[n] == '=' ? arg + n + 1 : NULL;
}

int args_value(int *argcp, char **argv, const char *name, const char **valuep)
{
	bool found = false;

	for (int i = 1; i < options_end(*argcp, argv);) {
		const char *value = joined_value(argv[i], name);
		const bool apart = strcmp(argv[i], name) == 0;

		if (value == NULL && !apart) {
			i++;
			continue;
		}
		if (apart && i + 1 >= *argcp)
			return cli_fail(CLI_USAGE, "%s: a value is missing behind it", name);
		if (found)
			return cli_fail(CLI_USAGE, "%s is given twice", name);
		found = true;
		*valuep = apart ? argv[i + 1] : value;
		take_out(argcp, argv, i, apart ? 2 : 1);
	}
	return CLI_OK;
}

static const struct cli_verb *find_verb(const char *name)
{
	for (const struct cli_verb *v = cli_verbs; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

int args_done(int *argcp, char **argv, int min, int max)
{
	const int end = options_end(*argcp, argv);
	const struct cli_verb *verb = find_verb(argv[0]);

	for (int i = 1; i < end; i++)
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			return cli_fail(CLI_USAGE, "%s: unknown option %s; see \"postern help %s\"",
				argv[0], argv[i], argv[0]);
	if (end < *argcp)
		take_out(argcp, argv, end, 1);
	if (*argcp - 1 >= min && *argcp - 1 <= max)
		return CLI_OK;
	return cli_fail(CLI_USAGE, "%s: %s; usage: postern %s %s", argv[0],
		*argcp - 1 < min ? "something is missing" : "too many arguments", argv[0],
		verb != NULL ? verb->arguments : "");
}

const char *args_suggest(const char *word, const char *const *words, size_t n)
{
	return diag_suggest(span_str(word), words, n);
}

#define WORDS_MAX 16

/* "list, add or del" */
static const char *enumerate(const char *const *names, size_t n, char text[256])
{
	struct out o;

	out_init(&o, text, 256);
	for (size_t i = 0; i < n; i++) {
		out_str(&o, i == 0 ? "" : i + 1 < n ? ", " : " or ");
		out_str(&o, names[i]);
	}
	return out_cstr(&o);
}

int args_word(struct cli *c, int argc, char **argv, const struct args_word *words, size_t n_words)
{
	const char *names[WORDS_MAX], *near, *word = argc > 1 ? argv[1] : "";
	const struct cli_later *later;
	char whole[64], list[256];
	size_t n = 0;

	for (; n < n_words && n < WORDS_MAX; n++) {
		names[n] = words[n].name;
		if (strcmp(word, words[n].name) == 0)
			return words[n].run(c, argc, argv);
	}
	snprintf(whole, sizeof(whole), "%s %s", argv[0], word);
	later = later_find(whole);
	if (later != NULL)
		return later_refuse(later);
	near = args_suggest(word, names, n);
	return cli_fail(CLI_USAGE, "%s: say %s%s%s%s", argv[0], enumerate(names, n, list),
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}
