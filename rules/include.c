/* SPDX-License-Identifier: ISC */
#include "rules/lex.h"
#include "rules/macro.h"
#include "rules/tree.h"

#define INCLUDE_DEPTH_MAX 8

/* Puts the statements of included sources in place of the `include` that names them. */
struct splicer {
	struct arena *arena;
	struct diags *diags;
	const struct source *sources;
	size_t n_sources;
	const struct source *stack[INCLUDE_DEPTH_MAX + 1]; /* being read, outermost first */
	size_t depth, total;
};

/* The bundle names the file of each rule: whatever a wildcard found has to fit into a word. */
static bool name_ok(struct splicer *sp, const struct source *source)
{
	const struct rules_at at = { .file = source->name };
	const bool ok =
		strlen(source->name) <= TREE_WORD_MAX && lex_text_ok(span_str(source->name));

	if (!ok)
		DIAG(sp->diags, DIAG_ERROR, at, 0, "rename the file",
			SPAN("the name of this file is longer than 1024 octets, holds control "
			     "characters or is no UTF-8"));
	return ok;
}

static struct statement *source_read(struct splicer *sp, const struct source *source);

static bool is_include(const struct statement *s)
{
	return s->first->kind == WORD_BARE && span_eq(s->first->text, SPAN("include"));
}

static void error(struct splicer *sp, const struct word *w, const char *text, const char *help)
{
	diag_add(sp->diags, DIAG_ERROR, w->at, w->width, span_str(text), help);
}

/* The pattern of an include; NULL: badly formed, and said so. */
static const struct word *pattern_of(struct splicer *sp, const struct statement *s)
{
	const struct word *pattern = s->first->next;

	if (pattern != NULL && pattern->kind == WORD_QUOTED && pattern->next == NULL &&
		!s->has_block)
		return pattern;
	if (!s->faulty)
		error(sp, s->first, "include \"PATTERN\" is expected",
			"the path stands in quotes, as in include \"conf.d/*.conf\"");
	return NULL;
}

/* Why @source must not be read here; NULL: it may. */
static const char *refused(const struct splicer *sp, const struct source *source)
{
	for (size_t i = 0; i < sp->depth; i++)
		if (strcmp(sp->stack[i]->name, source->name) == 0)
			return "this file is being included already: includes must not form a loop";
	if (sp->depth > INCLUDE_DEPTH_MAX)
		return "includes nested too deep; 8 levels are allowed";
	if (sp->total >= SOURCES_MAX)
		return "too many included files; 256 are allowed";
	return NULL;
}

static struct statement *included(
	struct splicer *sp, const struct word *pattern, const struct source *source)
{
	const char *why = refused(sp, source);

	if (why != NULL) {
		error(sp, pattern, why, NULL);
		return NULL;
	}
	if (source->error != 0) {
		DIAG(sp->diags, DIAG_ERROR, pattern->at, pattern->width, NULL,
			SPAN("cannot include \""), span_str(source->name), SPAN("\": "),
			span_str(source_problem(source)));
		return NULL;
	}
	return source_read(sp, source);
}

/* Is @source a file that the include in line @line of @by gave? */
static bool given_by(const struct source *source, const struct source *by, uint32_t line)
{
	return (source->kind == SOURCE_RULES || source->kind == SOURCE_HOST) &&
	       source->included_by != NULL && source->included_line == line &&
	       strcmp(source->included_by, by->name) == 0;
}

/* A file that is included twice and includes others names each of those twice in the list. */
static bool listed_before(const struct splicer *sp, size_t i)
{
	const struct source *s = &sp->sources[i];

	for (size_t j = 0; j < i; j++)
		if (sp->sources[j].included_by != NULL &&
			strcmp(sp->sources[j].name, s->name) == 0 &&
			sp->sources[j].included_line == s->included_line &&
			strcmp(sp->sources[j].included_by, s->included_by) == 0)
			return true;
	return false;
}

static bool has_wildcard(struct span pattern)
{
	return span_chr(pattern, '*') < pattern.n || span_chr(pattern, '?') < pattern.n ||
	       span_chr(pattern, '[') < pattern.n;
}

/* Everything that the include @s gives, as one list. */
static struct statement *spliced(
	struct splicer *sp, const struct statement *s, const struct source *by)
{
	const struct word *pattern = pattern_of(sp, s);
	struct statement *list = NULL, **tail = &list;
	bool found = false;

	if (pattern == NULL)
		return NULL;
	for (size_t i = 0; i < sp->n_sources; i++) {
		const struct source *source = &sp->sources[i];

		if (!given_by(source, by, pattern->at.line) || listed_before(sp, i))
			continue;
		found = true;
		*tail = included(sp, pattern, source);
		while (*tail != NULL)
			tail = &(*tail)->next;
	}
	if (!found && !has_wildcard(pattern->text))
		DIAG(sp->diags, DIAG_ERROR, pattern->at, pattern->width, NULL,
			SPAN("cannot include \""), pattern->text,
			SPAN("\": there is no such file"));
	return list;
}

/* Sources say by which line they came: two includes of one line could not be told apart. */
static bool line_taken(struct splicer *sp, const struct statement *s, uint32_t *lastp)
{
	bool taken = s->first->at.line == *lastp;

	*lastp = s->first->at.line;
	if (taken)
		error(sp, s->first, "two includes in one line: give each a line of its own", NULL);
	return taken;
}

static struct statement *source_read(struct splicer *sp, const struct source *source)
{
	struct statement *list, **next = &list, *s;
	uint32_t last = 0;

	if (!name_ok(sp, source))
		return NULL;
	list = tree_parse(sp->arena, source, sp->diags);

	sp->stack[sp->depth++] = source;
	sp->total++;
	while ((s = *next) != NULL) {
		if (!is_include(s)) {
			next = &s->next;
			continue;
		}
		*next = line_taken(sp, s, &last) ? NULL : spliced(sp, s, source);
		while (*next != NULL)
			next = &(*next)->next;
		*next = s->next;
	}
	sp->depth--;
	return list;
}

static struct statement *assemble(struct splicer *sp, const struct source *source)
{
	struct rules_at at = { .file = source->name };

	sp->total = 0;
	if (source->error != 0) {
		DIAG(sp->diags, DIAG_ERROR, at, 0, NULL, SPAN("cannot be used: "),
			span_str(source_problem(source)));
		return NULL;
	}
	return macro_put_in(sp->arena, source_read(sp, source), sp->diags);
}

void tree_assemble(struct arena *arena, const struct source *sources, size_t n_sources,
	struct diags *diags, struct tree *treep)
{
	struct splicer sp = {
		.arena = arena, .diags = diags, .sources = sources, .n_sources = n_sources
	};

	*treep = (struct tree){ 0 };
	for (size_t i = 0; i < n_sources; i++)
		diag_file(diags, sources[i].name);
	if (n_sources > 0)
		treep->rules = assemble(&sp, &sources[0]);
	for (size_t i = 1; i < n_sources && treep->host == NULL; i++)
		if (sources[i].kind == SOURCE_HOST && sources[i].included_by == NULL)
			treep->host = assemble(&sp, &sources[i]);
}
