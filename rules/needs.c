/* SPDX-License-Identifier: ISC */
#include "rules/rules.h"
#include "rules/tree.h"

static bool keyword(const struct statement *s, struct span word)
{
	return s->first->kind == WORD_BARE && span_eq(s->first->text, word);
}

struct needs {
	struct arena *arena;
	struct need **tail;
};

/* The text behind the keyword of @s, if that is what @s asks for. */
static void add(struct needs *n, enum need_kind kind, const struct statement *s)
{
	const struct word *name = s->first->next;
	struct need *need;

	/* a NUL cannot stand in a rules file; anything else that is wrong is told by checking */
	if (name == NULL || name->kind != WORD_QUOTED || name->text.n == 0)
		return;
	need = ARENA_NEW(n->arena, struct need);
	if (need == NULL)
		return;
	*need = (struct need){ .kind = kind, .at = name->at };
	need->name = arena_str(n->arena, name->text);
	*n->tail = need;
	n->tail = &need->next;
}

static void add_rows(
	struct needs *n, enum need_kind kind, const struct statement *block, struct span word)
{
	for (const struct statement *row = block->block; row != NULL; row = row->next)
		if (keyword(row, word))
			add(n, kind, row);
}

int rules_needs(struct arena *arena, const struct source *source, struct need **firstp)
{
	struct needs n = { .arena = arena, .tail = firstp };
	struct diags unheard; /* rules_build() tells them, with everything else that is wrong */
	struct statement *s;

	*firstp = NULL;
	diags_init(&unheard, arena);
	for (s = tree_parse(arena, source, &unheard); s != NULL; s = s->next) {
		if (keyword(s, SPAN("include")))
			add(&n, NEED_INCLUDE, s);
		else if (keyword(s, SPAN("set")))
			add_rows(&n, NEED_SET, s, SPAN("file"));
		else if (keyword(s, SPAN("schedule")))
			add_rows(&n, NEED_TIMEZONE, s, SPAN("timezone"));
	}
	return arena->full ? RULES_E_ARENA : RULES_OK;
}
