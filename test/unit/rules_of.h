/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A rule set from a text, for tests
 *
 * Callers: test/unit, in any program of its own: everything here is static.
 */
#include "rules/rules.h"
#include "test/unit/support.h"

#define RULES_OF_SIZE ((size_t)1 << 20)

struct rules_of {
	void *block;
	struct arena arena;
	struct diags diags;
	const struct ruleset *rs; /* NULL: the text has errors */
};

static inline void rules_of_sources(struct rules_of *r, const struct source *sources, size_t n)
{
	r->block = test_malloc(RULES_OF_SIZE);
	r->rs = NULL;
	arena_init(&r->arena, r->block, RULES_OF_SIZE);
	diags_init(&r->diags, &r->arena);
	rules_build(&r->arena, sources, n, &r->diags, &r->rs);
}

/* Fails when @text has errors. */
static inline void rules_of_init(struct rules_of *r, const char *text)
{
	const struct source source = {
		.kind = SOURCE_RULES, .name = "rules.conf", .text = span_str(text)
	};

	rules_of_sources(r, &source, 1);
	for (const struct diag *d = r->diags.first; d != NULL; d = d->next)
		if (d->level == DIAG_ERROR)
			fail_msg("line %u: %s", d->at.line, d->text);
}

static inline void rules_of_deinit(struct rules_of *r)
{
	test_free(r->block);
}
