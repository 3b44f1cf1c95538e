/* SPDX-License-Identifier: ISC */
/*
 * Which of many rules files does the checker take?
 *
 * Reads cases from standard input: pieces of "KIND LENGTH\n" and LENGTH octets. Kind "rules" begins
 * a case and is its rules.conf, "host" is its postern.conf, "include" is what each `include` of it
 * gives. Set files are there, and empty. Writes a line for each case: "ok", or the first error, or
 * "BROKEN" and which property of properties.h does not hold.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/rules/properties.h"

static struct source sources[SOURCES_MAX];
static size_t n_sources;
static struct properties properties;
static struct arena arena; /* of names of sources */

/* What the text of @source asks for: sets are empty, includes are @included. */
static void bring(const struct source *source, const struct source *included)
{
	struct need *need;

	if (rules_needs(&arena, source, &need) != RULES_OK)
		return;
	for (; need != NULL && n_sources < SOURCES_MAX; need = need->next) {
		if (need->kind == NEED_SET)
			sources[n_sources++] = (struct source){ .kind = SOURCE_SET,
				.name = source_path(&arena, source->name, need->name) };
		if (need->kind == NEED_INCLUDE && included->name != NULL) {
			sources[n_sources] = *included;
			sources[n_sources].included_by = source->name;
			sources[n_sources++].included_line = need->at.line;
		}
	}
}

static void judge(
	const struct source *rules, const struct source *host, const struct source *include)
{
	const struct diag *d;
	struct diags diags;
	const char *why;

	arena.used = 0;
	n_sources = 0;
	sources[n_sources++] = *rules;
	if (host->name != NULL)
		sources[n_sources++] = *host;
	bring(rules, include);
	if (include->name != NULL)
		bring(include, &(struct source){ 0 });
	why = properties_hold(&properties, sources, n_sources, &diags);
	if (why == NULL && diags.errors == 0) {
		puts("ok");
		return;
	}
	for (d = diags.first; d != NULL && d->level != DIAG_ERROR; d = d->next)
		;
	if (why != NULL)
		printf("BROKEN: %s\n", why);
	else
		printf("%s:%" PRIu32 ":%" PRIu32 ": %s\n", d->at.file, d->at.line, d->at.column,
			d->text);
}

/* The next piece, its kind in @kind; false at the end. */
static bool piece(char kind[static 16], struct span *textp)
{
	uint8_t *text;
	size_t n;

	if (scanf("%15s %zu%*1[\n]", kind, &n) != 2)
		return false;
	text = malloc(n); /* no octet more, so that a sanitizer sees a look behind the end */
	if ((text == NULL && n > 0) || fread(text, 1, n, stdin) != n)
		abort();
	*textp = span_of(text, n);
	return true;
}

/* A source whose text piece() brought takes the place of another one. */
static void replace(struct source *old, struct source by)
{
	free((void *)(uintptr_t)old->text.p);
	*old = by;
}

int main(void)
{
	struct source rules = { 0 }, host = { 0 }, include = { 0 };
	char kind[16];
	struct span text;

	static uint8_t block[1 << 20];

	arena_init(&arena, block, sizeof block);
	properties_init(&properties);
	while (piece(kind, &text)) {
		if (strcmp(kind, "rules") == 0) {
			if (rules.name != NULL)
				judge(&rules, &host, &include);
			host.name = include.name = NULL;
			replace(&rules, (struct source){ .name = "rules.conf", .text = text });
		} else if (strcmp(kind, "host") == 0) {
			replace(&host, (struct source){ .kind = SOURCE_HOST,
					       .name = "postern.conf",
					       .text = text });
		} else {
			replace(&include, (struct source){ .name = "include.conf", .text = text });
		}
	}
	if (rules.name != NULL)
		judge(&rules, &host, &include);
	replace(&rules, (struct source){ 0 });
	replace(&host, (struct source){ 0 });
	replace(&include, (struct source){ 0 });
	properties_deinit(&properties);
	return 0;
}
