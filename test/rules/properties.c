/* SPDX-License-Identifier: ISC */
#include "test/rules/properties.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "rules/diff.h"
#include "rules/tree.h"
#include "test/unit/tree_print.h"

/* Address space; only what is used takes memory. */
static void *block(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void properties_init(struct properties *p)
{
	for (size_t i = 0; i < 2; i++)
		p->arenas[i] = block(PROPERTIES_ARENA);
	for (size_t i = 0; i < 4; i++)
		p->texts[i] = block(PROPERTIES_TEXT);
}

void properties_deinit(struct properties *p)
{
	for (size_t i = 0; i < 2; i++)
		munmap(p->arenas[i], PROPERTIES_ARENA);
	for (size_t i = 0; i < 4; i++)
		munmap(p->texts[i], PROPERTIES_TEXT);
}

static struct out text(struct properties *p, size_t i)
{
	struct out o;

	out_init(&o, p->texts[i], PROPERTIES_TEXT);
	return o;
}

/* ---- printing and parsing again ---- */

/* Builds from printed texts, with the set files and zones of @sources. */
static int build_again(struct properties *p, struct span rules, struct span host,
	const struct source *sources, size_t n, const struct ruleset **rsp)
{
	struct source again[SOURCES_MAX + 2];
	struct diags diags;
	struct arena arena;
	size_t m = 0;

	arena_init(&arena, p->arenas[1], PROPERTIES_ARENA);
	diags_init(&diags, &arena);
	again[m++] = (struct source){ .kind = SOURCE_RULES, .name = "rules.conf", .text = rules };
	again[m++] = (struct source){ .kind = SOURCE_HOST, .name = "postern.conf", .text = host };
	for (size_t i = 0; i < n && m < SOURCES_MAX + 2; i++)
		if (sources[i].kind == SOURCE_SET || sources[i].kind == SOURCE_TIMEZONE)
			again[m++] = sources[i];
	return rules_build(&arena, again, m, &diags, rsp);
}

/* Where there is room for it: a diff has no bound of its own. */
static const char *diff_holds(
	struct properties *p, const struct ruleset *rs, const struct ruleset *again)
{
	struct arena arena;
	struct diff diff;
	int r;

	arena_init(&arena, p->texts[3], PROPERTIES_TEXT);
	r = rules_diff(&arena, rs, again, &diff);
	if (r != RULES_OK && r != RULES_E_ARENA)
		return "comparing fails";
	return r == RULES_OK && diff.n > 0 ? "what was printed differs by meaning" : NULL;
}

static const char *print_holds(struct properties *p, const struct ruleset *rs, bool origins,
	const struct source *sources, size_t n)
{
	struct out rules = text(p, 0), host = text(p, 1), rules_again = text(p, 2),
		   host_again = text(p, 3);
	const struct ruleset *again;

	rules_print(&rules, rs, origins);
	rules_print_host(&host, &rs->host);
	if (rules.full || host.full)
		return "what is printed has no bound";
	if (build_again(p, out_span(&rules), out_span(&host), sources, n, &again) != RULES_OK)
		return "what was printed does not parse";
	rules_print(&rules_again, again, origins);
	rules_print_host(&host_again, &again->host);
	if (!span_eq(out_span(&rules), out_span(&rules_again)))
		return "what was printed means another rule set";
	if (!span_eq(out_span(&host), out_span(&host_again)))
		return "what was printed means another host";
	return diff_holds(p, rs, again);
}

/* ---- layout ---- */

static bool tree_of(struct properties *p, struct out *o, const char *name, struct span octets)
{
	struct source source = { .name = name, .text = octets };
	struct diags diags;
	struct arena arena;

	arena_init(&arena, p->arenas[1], PROPERTIES_ARENA);
	diags_init(&diags, &arena);
	tree_print(o, tree_parse(&arena, &source, &diags));
	return diags.errors == 0;
}

static int format(struct properties *p, struct out *o, const char *name, struct span octets)
{
	struct source source = { .name = name, .text = octets };
	struct diags diags;
	struct arena arena;

	arena_init(&arena, p->arenas[1], PROPERTIES_ARENA);
	diags_init(&diags, &arena);
	return rules_format(o, &arena, &source, &diags);
}

static const char *format_holds(struct properties *p, const struct source *source)
{
	struct out once = text(p, 0), twice = text(p, 1), before = text(p, 2), after = text(p, 3);
	bool parses = tree_of(p, &before, source->name, source->text);
	int r = format(p, &once, source->name, source->text);

	if ((r == RULES_OK) != parses)
		return "what parses, and nothing else, can be laid out";
	if (r != RULES_OK || once.full)
		return NULL;
	if (format(p, &twice, source->name, out_span(&once)) != RULES_OK)
		return "what was laid out does not parse";
	if (!span_eq(out_span(&once), out_span(&twice)))
		return "laying out again changes the text";
	tree_of(p, &after, source->name, out_span(&once));
	if (!span_eq(out_span(&before), out_span(&after)))
		return "laying out changes what is said";
	return NULL;
}

/* ---- diagnostics ---- */

static const char *diags_hold(
	struct properties *p, const struct diags *diags, const struct source *sources, size_t n)
{
	for (const struct diag *diag = diags->first; diag != NULL; diag = diag->next) {
		struct out o = text(p, 0);

		diag_print(&o, diag, sources, n, false);
		if (o.full)
			return "a diagnostic has no bound";
		for (size_t i = 0; i < o.n; i++)
			if ((o.p[i] < ' ' && o.p[i] != '\n' && o.p[i] != '\t') || o.p[i] > '~')
				return "a diagnostic is no printable ASCII";
	}
	return NULL;
}

const char *properties_hold(
	struct properties *p, const struct source *sources, size_t n, struct diags *diags)
{
	const struct ruleset *rs = NULL;
	const char *why = NULL;
	struct arena arena;
	int r;

	arena_init(&arena, p->arenas[0], PROPERTIES_ARENA);
	diags_init(diags, &arena);
	r = rules_build(&arena, sources, n, diags, &rs);
	if (r == RULES_E_ARENA)
		return "the arena has no bound";
	if ((r == RULES_OK) != (diags->errors == 0))
		return "errors and a rule set, or neither";
	why = diags_hold(p, diags, sources, n);
	if (why == NULL && r == RULES_OK)
		why = print_holds(p, rs, false, sources, n);
	if (why == NULL && r == RULES_OK)
		why = print_holds(p, rs, true, sources, n);
	for (size_t i = 0; i < n && why == NULL; i++)
		if (sources[i].kind == SOURCE_RULES || sources[i].kind == SOURCE_HOST)
			why = format_holds(p, &sources[i]);
	return why;
}
