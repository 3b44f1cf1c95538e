/* SPDX-License-Identifier: ISC */
#include "rules/load/dynamic.h"

#include <errno.h>
#include <stdlib.h>

void dynamic_sets_free(struct dynamic_sets *d)
{
	free(d->sets);
	free(d->room);
	*d = (struct dynamic_sets){ 0 };
}

static int read_into(struct dynamic_sets *d, struct span text, const struct ruleset *rs)
{
	d->sets = calloc(rs->n_sets + 1, sizeof(*d->sets));
	d->room = calloc(members_lines(text) + 1, sizeof(*d->room));
	if (!d->sets || !d->room)
		return -ENOMEM;
	return members_read(text, rs, d->sets, d->room) ? 0 : DYNAMIC_E_TEXT;
}

int dynamic_sets_read(struct dynamic_sets *d, struct span text, const struct ruleset *rs)
{
	struct dynamic_sets fresh = { 0 };
	const int r = read_into(&fresh, text, rs);

	if (r != 0) {
		dynamic_sets_free(&fresh);
		return r;
	}
	dynamic_sets_free(d);
	*d = fresh;
	return 0;
}

bool dynamic_sets_have(void *d, const struct rule_set *set, const struct ip *ip)
{
	const struct dynamic_sets *s = d;

	return s->sets && set_has_ip(&s->sets[set->number], ip) != NULL;
}
