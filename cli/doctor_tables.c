/* SPDX-License-Identifier: ISC */
#include "cli/doctor_match.h"

#include <errno.h>
#include <stdlib.h>

struct span tables_option(struct span rule, const char *name)
{
	bool negated = false;

	for (;;) {
		struct span word = match_word(&rule);

		if (word.n == 0)
			return word;
		if (match_is(word, name) && !negated)
			return match_word(&rule);
		negated = match_is(word, "!");
	}
}

/* ---- reading ---- */

static bool keep(struct tables *t, struct tables_line line)
{
	if (t->n >= TABLES_RULES)
		return true;
	if (t->n == t->room) {
		const size_t room = t->room > 0 ? t->room * 2 : 256;
		struct tables_line *lines = realloc(t->lines, room * sizeof(*lines));

		if (lines == NULL)
			return false;
		t->lines = lines;
		t->room = room;
	}
	t->lines[t->n++] = line;
	return true;
}

/* One line of the output; @tablep is the table that it stands in. */
static bool read_line(struct tables *t, struct span line, struct span *tablep)
{
	struct span rest = line, word = match_word(&rest);

	if (word.n > 1 && word.p[0] == '*') {
		*tablep = span_from(word, 1);
	} else if (word.n > 1 && word.p[0] == ':') {
		const struct span policy = match_word(&rest);

		return keep(t,
			(struct tables_line){ *tablep, span_from(word, 1), policy, .rule = false });
	} else if (match_is(word, "-A")) {
		word = match_word(&rest);
		return keep(t, (struct tables_line){ *tablep, word, rest, .rule = true });
	}
	return true;
}

int tables_read(struct tables *t, struct span text)
{
	struct span table = SPAN("");

	*t = (struct tables){ 0 };
	while (text.n > 0) {
		const size_t n = span_chr(text, '\n');

		if (!read_line(t, span_sub(text, 0, n), &table))
			return -ENOMEM;
		text = span_from(text, n + 1);
	}
	return 0;
}

void tables_free(struct tables *t)
{
	free(t->lines);
	*t = (struct tables){ 0 };
}

bool tables_has_chain(const struct tables *t, const char *head)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->lines[i].rule && span_istarts(t->lines[i].chain, span_str(head)))
			return true;
	return false;
}

/* ---- the walk ---- */

struct walk {
	const struct tables *t;
	struct span table;
	const struct tables_packet *packet;
	tables_want *want;
	const void *context;
	size_t steps;
	struct tables_end end;
};

static bool ends_the_walk(struct span target)
{
	static const char *const targets[] = { "ACCEPT", "DROP", "REJECT", "REDIRECT", "DNAT",
		"TPROXY", "QUEUE", "NFQUEUE", "SNAT", "MASQUERADE", "NETMAP" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (match_is(target, targets[i]))
			return true;
	return false;
}

enum goes { ON, BACK, DONE };

static enum goes walk_chain(struct walk *w, struct span chain, enum match so_far, unsigned depth);

static void decide(struct walk *w, const struct tables_line *l, struct span target,
	struct span options, bool found)
{
	w->end.line = l->rest;
	w->end.target = target;
	w->end.options = options;
	w->end.found = found;
}

static enum goes walk_rule(
	struct walk *w, const struct tables_line *l, enum match so_far, unsigned depth)
{
	struct span rest = l->rest, target;
	bool go_to = false, wanted;
	enum match holds = match_rule(&rest, w->packet, &go_to);
	enum goes goes;

	holds = holds < so_far ? holds : so_far;
	target = match_word(&rest);
	if (holds == MATCH_NO || target.n == 0 ||
		(w->packet->others && span_istarts(target, SPAN("POSTERN-"))))
		return ON;
	wanted = w->want != NULL && w->want(target, rest, w->context);
	if (wanted || (holds == MATCH_YES && ends_the_walk(target))) {
		decide(w, l, target, rest, wanted);
		return DONE;
	}
	if (ends_the_walk(target)) {
		w->end.doubt = true;
		return ON;
	}
	if (match_is(target, "RETURN"))
		return holds == MATCH_YES ? BACK : ON;
	goes = walk_chain(w, target, holds, depth + 1);
	return goes == DONE ? DONE : go_to && holds == MATCH_YES ? BACK : ON;
}

static enum goes walk_chain(struct walk *w, struct span chain, enum match so_far, unsigned depth)
{
	for (size_t i = 0; depth < TABLES_DEPTH && i < w->t->n; i++) {
		const struct tables_line *l = &w->t->lines[i];
		enum goes goes;

		if (++w->steps > TABLES_STEPS)
			break;
		if (!l->rule || !span_eq(l->chain, chain) || !span_eq(l->table, w->table))
			continue;
		goes = walk_rule(w, l, so_far, depth);
		if (goes != ON)
			return goes;
	}
	return ON;
}

static void take_policy(struct walk *w, struct span chain)
{
	for (size_t i = 0; i < w->t->n; i++) {
		const struct tables_line *l = &w->t->lines[i];

		if (l->rule || !span_eq(l->chain, chain) || !span_eq(l->table, w->table))
			continue;
		decide(w, l, l->rest, SPAN(""), false);
		w->end.policy = true;
	}
}

struct tables_end tables_walk(const struct tables *t, const char *table, const char *hook,
	const struct tables_packet *packet, tables_want *want, const void *context)
{
	struct walk w = { .t = t,
		.table = span_str(table),
		.packet = packet,
		.want = want,
		.context = context,
		.end = { .target = SPAN("ACCEPT") } };

	if (walk_chain(&w, span_str(hook), MATCH_YES, 0) != DONE)
		take_policy(&w, span_str(hook));
	return w.end;
}
