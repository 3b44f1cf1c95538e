/* SPDX-License-Identifier: ISC */
#include "rules/lint.h"
#include "rules/set.h"
#include "rules/view.h"

/* Comparisons for all rules together, a second or two: 20,000 rules that differ in their addresses
 * need 2 * 10^8. */
#define STEPS_MAX (1u << 28)

static bool spend(struct shadow *s, size_t steps)
{
	s->steps += steps;
	return !shadow_gave_up(s);
}

bool shadow_gave_up(const struct shadow *s)
{
	return s->steps > STEPS_MAX;
}

/* ---- does A take every client of B? Where in doubt: no ---- */

static bool member_in_item(
	struct shadow *s, const struct set_member *member, const struct expr_item *item)
{
	if (!spend(s, item->set != NULL ? item->set->n_members : 1))
		return false;
	if (item->set == NULL)
		return set_member_covers(&item->literal, member);
	for (size_t i = 0; i < item->set->n_members; i++)
		if (set_member_covers(&item->set->members[i], member))
			return true;
	return false;
}

/* Members that may change without the rules file are not reckoned with. */
static bool item_covers(struct shadow *s, const struct expr_item *a, const struct expr_item *b)
{
	const struct rule_set *set = b->set;

	if (set != NULL && a->set == set)
		return true;
	if (set == NULL)
		return member_in_item(s, &b->literal, a);
	if (set->dynamic || set->n_files > 0 || set->n_members == 0)
		return false;
	for (size_t i = 0; i < set->n_members; i++)
		if (!member_in_item(s, &set->members[i], a))
			return false;
	return true;
}

static bool list_covers(
	struct shadow *s, const struct expr_item *a, size_t n, const struct expr_item *b)
{
	for (size_t i = 0; i < n && spend(s, 1); i++)
		if (item_covers(s, &a[i], b))
			return true;
	return false;
}

static bool from_covers(struct shadow *s, const struct rule_expr *a, const struct rule_expr *b)
{
	for (size_t i = 0; i < a->n_except; i++)
		if (!list_covers(s, b->except, b->n_except, &a->except[i]))
			return false;
	if (!a->given || a->any)
		return true;
	if (!b->given || b->any)
		return false;
	for (size_t i = 0; i < b->n_in; i++)
		if (!list_covers(s, a->in, a->n_in, &b->in[i]))
			return false;
	return true;
}

/* ---- does A take all that comes to one address of B? ---- */

static bool endpoint_covers(const struct rule_endpoint *a, const struct rule_endpoint *b)
{
	return a->addr.port == b->addr.port &&
	       (a->any || (!b->any && ip_eq(&a->addr.ip, &b->addr.ip)));
}

static bool rule_covers(struct shadow *s, const struct rule *a, const struct rule *b,
	const struct rule_endpoint *to)
{
	const struct rule_view va = rule_view(a), vb = rule_view(b);
	bool covers = false;

	for (size_t i = 0; i < va.n_endpoints && spend(s, 1) && !covers; i++)
		covers = endpoint_covers(rule_endpoint(a, i), to);
	return covers && (va.when == NULL || va.when == vb.when) &&
	       from_covers(s, va.from, vb.from);
}

static const struct rule *first_that_covers(
	struct shadow *s, size_t i, const struct rule_endpoint *to)
{
	const struct rule *rules = s->rs->rules;

	for (size_t k = 0; k < i && !shadow_gave_up(s); k++)
		if (rule_covers(s, &rules[k], &rules[i], to))
			return &rules[k];
	return NULL;
}

const struct rule *rule_shadowed_by(struct shadow *s, size_t i)
{
	const struct rule *rule = &s->rs->rules[i], *by = NULL;
	const size_t n = rule_view(rule).n_endpoints;

	for (size_t k = 0; k < n; k++) {
		by = first_that_covers(s, i, rule_endpoint(rule, k));
		if (by == NULL)
			return NULL;
	}
	return by;
}
