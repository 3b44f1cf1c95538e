/* SPDX-License-Identifier: ISC */
#include "rules/lint.h"
#include "rules/set.h"
#include "rules/view.h"

/* Larger ones are not compared: a lint may take no noticeable time. */
#define RULES_COMPARED_MAX   4096
#define MEMBERS_COMPARED_MAX 1000000

/* ---- does A take every client of B? Where in doubt: no ---- */

static bool member_in_item(const struct set_member *member, const struct expr_item *item)
{
	if (item->set == NULL)
		return set_member_covers(&item->literal, member);
	for (size_t i = 0; i < item->set->n_members; i++)
		if (set_member_covers(&item->set->members[i], member))
			return true;
	return false;
}

/* Members that may change without the rules file are not reckoned with. */
static bool item_covers(const struct expr_item *a, const struct expr_item *b)
{
	const struct rule_set *set = b->set;

	if (set != NULL && a->set == set)
		return true;
	if (set == NULL)
		return member_in_item(&b->literal, a);
	if (set->dynamic || set->n_files > 0 || set->n_members == 0)
		return false;
	if (a->set != NULL && a->set->n_members > MEMBERS_COMPARED_MAX / set->n_members)
		return false;
	for (size_t i = 0; i < set->n_members; i++)
		if (!member_in_item(&set->members[i], a))
			return false;
	return true;
}

static bool list_covers(const struct expr_item *a, size_t n, const struct expr_item *b)
{
	for (size_t i = 0; i < n; i++)
		if (item_covers(&a[i], b))
			return true;
	return false;
}

static bool from_covers(const struct rule_expr *a, const struct rule_expr *b)
{
	for (size_t i = 0; i < a->n_except; i++)
		if (!list_covers(b->except, b->n_except, &a->except[i]))
			return false;
	if (!a->given || a->any)
		return true;
	if (!b->given || b->any)
		return false;
	for (size_t i = 0; i < b->n_in; i++)
		if (!list_covers(a->in, a->n_in, &b->in[i]))
			return false;
	return true;
}

/* ---- does A take all that comes to one address of B? ---- */

static bool endpoint_covers(const struct rule_endpoint *a, const struct rule_endpoint *b)
{
	return a->addr.port == b->addr.port &&
	       (a->any || (!b->any && ip_eq(&a->addr.ip, &b->addr.ip)));
}

static bool rule_covers(const struct rule *a, const struct rule *b, const struct rule_endpoint *to)
{
	const struct rule_view va = rule_view(a), vb = rule_view(b);
	bool covers = false;

	for (size_t i = 0; i < va.n_endpoints && !covers; i++)
		covers = endpoint_covers(rule_endpoint(a, i), to);
	return covers && (va.when == NULL || va.when == vb.when) && from_covers(va.from, vb.from);
}

static const struct rule *first_that_covers(
	const struct ruleset *rs, size_t i, const struct rule_endpoint *to)
{
	for (size_t k = 0; k < i; k++)
		if (rule_covers(&rs->rules[k], &rs->rules[i], to))
			return &rs->rules[k];
	return NULL;
}

const struct rule *rule_shadowed_by(const struct ruleset *rs, size_t i)
{
	const size_t n = rule_view(&rs->rules[i]).n_endpoints;
	const struct rule *by = NULL;

	if (rs->n_rules > RULES_COMPARED_MAX)
		return NULL;
	for (size_t k = 0; k < n; k++) {
		by = first_that_covers(rs, i, rule_endpoint(&rs->rules[i], k));
		if (by == NULL)
			return NULL;
	}
	return by;
}
