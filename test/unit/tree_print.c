/* SPDX-License-Identifier: ISC */
#include "test/unit/tree_print.h"

static void word_print(struct out *o, const struct word *w)
{
	if (w->kind == WORD_QUOTED)
		out_octet(o, '"');
	out_escaped(o, w->text, SIZE_MAX);
	if (w->kind == WORD_QUOTED)
		out_octet(o, '"');
	if (w->next != NULL)
		out_octet(o, ' ');
}

void tree_print(struct out *o, const struct statement *list)
{
	for (const struct statement *s = list; s != NULL; s = s->next) {
		out_str(o, s->faulty ? "!" : NULL);
		for (const struct word *w = s->first; w != NULL; w = w->next)
			word_print(o, w);
		if (s->has_block) {
			out_str(o, " { ");
			tree_print(o, s->block);
			out_str(o, "}");
		}
		out_str(o, "; ");
	}
}
