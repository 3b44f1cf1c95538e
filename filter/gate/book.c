/* SPDX-License-Identifier: ISC */
#include "filter/gate/book.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memfd.h"

static struct book_page *page_free(struct book_page *p)
{
	dynamic_sets_free(&p->members);
	free(p->rules);
	unbundle_free(&p->bundle);
	free(p);
	return NULL;
}

static int read_bundle(struct book_page *p, int bundle, struct out *problem)
{
	const int r = unbundle(&p->bundle, bundle);

	if (r == 0) {
		p->rs = p->bundle.ruleset;
		return BOOK_OK;
	}
	unbundle_problem(problem, &p->bundle, r);
	return r < 0 ? r : BOOK_E_RULES;
}

static int read_lanes(struct book_page *p, struct span text, struct out *problem)
{
	const int r = lanes_read(&p->bundle.arena, p->rs, text, &p->lanes);

	if (r == LANES_OK)
		return BOOK_OK;
	out_str(problem,
		r == LANES_E_ARENA ? "no memory for lanes" : "not the lanes of these rules");
	return r == LANES_E_ARENA ? -ENOMEM : BOOK_E_LANES;
}

static int number_rules(struct book_page *p, const struct tally *tally)
{
	p->rules = calloc(p->rs->n_rules + 1, sizeof(*p->rules));
	if (!p->rules)
		return -ENOMEM;
	for (size_t i = 0; i < p->rs->n_rules; i++) {
		const struct publish *rule = p->rs->rules[i].publish;

		if (rule != NULL)
			p->rules[rule->number] = (struct book_rule){
				.key = tally_rule(tally, span_str(rule->name)),
				.lanes = lanes_of_rule(&p->lanes, rule),
			};
	}
	return BOOK_OK;
}

static int page_fill(struct book_page *p, const struct book *b, int bundle, struct span lanes,
	const struct tally *tally, struct out *problem)
{
	int r = read_bundle(p, bundle, problem);

	if (r == BOOK_OK)
		r = read_lanes(p, lanes, problem);
	if (r == BOOK_OK)
		r = number_rules(p, tally);
	if (r == BOOK_OK && b->members.n > 0)
		r = dynamic_sets_read(&p->members, b->members, p->rs);
	return r;
}

int book_add(struct book *b, int bundle, struct span lanes, const struct tally *tally,
	struct out *problem)
{
	struct book_page *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = page_fill(p, b, bundle, lanes, tally, problem);
	if (r != BOOK_OK) {
		page_free(p);
		return r;
	}
	p->older = b->current;
	b->current = p;
	book_tidy(b);
	return BOOK_OK;
}

bool book_members(struct book *b, int fd)
{
	struct span text;

	if (memfd_map(fd, MEMBERS_TEXT_MAX, &text) != 0)
		return false;
	if (b->current && dynamic_sets_read(&b->current->members, text, b->current->rs) != 0) {
		memfd_unmap(text);
		return false;
	}
	memfd_unmap(b->members);
	b->members = text; /* for the rules that come next */
	return true;
}

const struct lane *book_lane(const struct book *b, unsigned number, struct book_page **pagep)
{
	for (struct book_page *p = b->current; p; p = p->older) {
		const struct lane *l = lanes_find(&p->lanes, number);

		if (l) {
			*pagep = p;
			return l;
		}
	}
	return NULL;
}

void book_tidy(struct book *b)
{
	struct book_page **link = b->current ? &b->current->older : NULL;

	if (!link || !*link)
		return;
	for (link = &(*link)->older; *link;) {
		struct book_page *p = *link;

		if (p->open > 0) {
			link = &p->older;
			continue;
		}
		*link = p->older;
		page_free(p);
	}
}

void book_deinit(struct book *b)
{
	while (b->current) {
		struct book_page *older = b->current->older;

		page_free(b->current);
		b->current = older;
	}
	memfd_unmap(b->members);
	b->members = (struct span){ 0 };
}
