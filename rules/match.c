/* SPDX-License-Identifier: ISC */
#include "rules/match.h"

#include "rules/set.h"
#include "rules/view.h"

#define WHY_MAX    2048 /* octets of one reason; a longer one is cut between two words */
#define ITEMS_TOLD 8    /* of a list in a reason */

/* ---- expressions ---- */

struct question {
	const struct ip *ip;       /* or NULL, then: */
	struct span local, domain; /* a mailbox; local empty: a domain */
	const struct match_facts *facts;
};

static const struct set_member *set_has(const struct rule_set *set, const struct question *q)
{
	if (q->ip != NULL)
		return set_has_ip(set, q->ip);
	return q->local.n > 0 ? set_has_mailbox(set, q->local, q->domain)
			      : set_has_domain(set, q->domain);
}

static bool literal_has(const struct set_member *literal, const struct question *q)
{
	if (q->ip != NULL)
		return set_member_has_ip(literal, q->ip);
	return q->local.n > 0 ? set_member_has_mailbox(literal, q->local, q->domain)
			      : set_member_has_domain(literal, q->domain);
}

static bool is_dynamic_member(const struct rule_set *set, const struct question *q)
{
	return set->dynamic && set->kind == SET_ADDRESSES && q->ip != NULL && q->facts != NULL &&
	       q->facts->dynamic != NULL && q->facts->dynamic(q->facts->context, set, q->ip);
}

/* The first item that covers what is asked, or NULL. */
static const struct expr_item *list_has(const struct expr_item *items, size_t n,
	const struct question *q, const struct set_member **memberp)
{
	for (size_t i = 0; i < n; i++) {
		const struct rule_set *set = items[i].set;

		*memberp = set == NULL ? &items[i].literal : set_has(set, q);
		if (set == NULL ? literal_has(*memberp, q)
				: *memberp != NULL || is_dynamic_member(set, q))
			return &items[i];
	}
	*memberp = NULL;
	return NULL;
}

/* An internationalised domain has two forms, and U-labels are written in several ways (RFC 5891 4):
 * which of them an exception means is not known here, so that it may be this one. Two in A-labels
 * are compared as they stand. */
static bool may_be_excepted(const struct rule_expr *expr, const struct question *q)
{
	const unsigned asked = q->ip == NULL ? set_idn(q->domain) : 0;
	unsigned forms = 0;

	for (size_t i = 0; asked != 0 && i < expr->n_except; i++)
		forms |= expr->except[i].set != NULL ? expr->except[i].set->idn
						     : set_idn(expr->except[i].literal.text);
	return forms != 0 && ((asked | forms) & SET_IDN_U);
}

static bool expr_has(const struct rule_expr *expr, const struct question *q, struct expr_hit *hit)
{
	struct expr_hit said = { 0 };
	const struct set_member *member;
	const struct expr_item *except;
	bool has = !expr->given || expr->any;

	if (!has) {
		said.item = list_has(expr->in, expr->n_in, q, &said.member);
		has = said.item != NULL;
	}
	except = has ? list_has(expr->except, expr->n_except, q, &member) : NULL;
	if (has && except == NULL && may_be_excepted(expr, q))
		except = &expr->except[0];
	if (except != NULL)
		said = (struct expr_hit){ except, member, true };
	if (hit != NULL)
		*hit = said;
	return has && except == NULL;
}

bool expr_has_ip(const struct rule_expr *expr, const struct ip *ip, const struct match_facts *facts,
	struct expr_hit *hit)
{
	return expr_has(expr, &(struct question){ .ip = ip, .facts = facts }, hit);
}

bool expr_has_domain(const struct rule_expr *expr, struct span domain, struct expr_hit *hit)
{
	return expr_has(expr, &(struct question){ .domain = domain }, hit);
}

bool expr_has_mailbox(
	const struct rule_expr *expr, struct span local, struct span domain, struct expr_hit *hit)
{
	return expr_has(expr, &(struct question){ .local = local, .domain = domain }, hit);
}

const struct route *relay_route(const struct relay *relay, struct span domain)
{
	for (size_t i = 0; i < relay->n_deliver; i++)
		if (expr_has_domain(&relay->deliver[i]->domains, domain, NULL))
			return relay->deliver[i];
	return NULL;
}

/* ---- conditions of a rule ---- */

static bool to_holds(const struct rule *rule, size_t n_endpoints, const struct ip_port *to)
{
	for (size_t i = 0; i < n_endpoints; i++)
		if (rule_endpoint_is(rule_endpoint(rule, i), to))
			return true;
	return false;
}

static bool rule_holds(const struct rule *rule, const struct match_facts *facts)
{
	const struct rule_view v = rule_view(rule);

	return to_holds(rule, v.n_endpoints, &facts->to) &&
	       expr_has_ip(v.from, &facts->client, facts, NULL) &&
	       (v.when == NULL || schedule_open(v.when, facts->now_s, NULL));
}

/* ---- why: for explain only ---- */

static void say_to(struct out *o, const struct rule *rule, size_t n_endpoints,
	const struct ip_port *to, bool holds)
{
	ip_port_print(o, to);
	if (holds)
		return;
	for (size_t i = 0; i < n_endpoints && i <= ITEMS_TOLD; i++) {
		const struct rule_endpoint *e = rule_endpoint(rule, i);

		out_str(o, i == 0 ? " is not " : ", ");
		if (i == ITEMS_TOLD) {
			out_str(o, "...");
		} else if (e->any) {
			out_str(o, "any:");
			out_u64(o, e->addr.port);
		} else {
			ip_port_print(o, &e->addr);
		}
	}
}

static void say_item(struct out *o, const struct expr_item *item)
{
	if (item->set != NULL)
		out_str(o, item->set->name);
	else
		set_member_print(o, &item->literal);
}

static void say_items(struct out *o, const struct expr_item *items, size_t n)
{
	for (size_t i = 0; i < n && i <= ITEMS_TOLD; i++) {
		if (i > 0)
			out_str(o, ", ");
		if (i < ITEMS_TOLD)
			say_item(o, &items[i]);
		else
			out_str(o, "...");
	}
}

/* "203.0.113.9 is in partners (203.0.113.0/24)" */
static void say_hit(struct out *o, const struct ip *client, const struct expr_hit *hit)
{
	ip_print(o, client);
	out_str(o, " is in ");
	say_item(o, hit->item);
	if (hit->item->set == NULL)
		return;
	out_str(o, " (");
	if (hit->member != NULL)
		set_member_print(o, hit->member);
	else
		out_str(o, "added at run time");
	out_octet(o, ')');
}

static void say_from(struct out *o, const struct rule_expr *from, const struct ip *client,
	const struct expr_hit *hit)
{
	const bool any = !from->given || from->any;

	if (hit->item != NULL)
		say_hit(o, client, hit);
	else if (any)
		out_str(o, "any");
	if (hit->excepted) {
		out_str(o, ", which is excepted");
	} else if (hit->item == NULL && !any) {
		ip_print(o, client);
		out_str(o, " is not in ");
		say_items(o, from->in, from->n_in);
	} else if (from->n_except > 0) {
		out_str(o, ", not in ");
		say_items(o, from->except, from->n_except);
	}
}

static bool trace_part(
	const struct match_trace *trace, enum match_part part, bool holds, struct out *why)
{
	trace->part(trace->context, part, holds, out_span(why));
	why->n = 0;
	why->full = false;
	return holds;
}

static void trace_rule(const struct rule *rule, const struct match_facts *facts,
	const struct match_trace *trace, bool matched)
{
	const struct rule_view v = rule_view(rule);
	uint8_t block[WHY_MAX];
	struct expr_hit hit;
	struct out why;
	bool holds;

	out_init(&why, block, sizeof(block));
	trace->rule(trace->context, rule, matched);
	holds = to_holds(rule, v.n_endpoints, &facts->to);
	say_to(&why, rule, v.n_endpoints, &facts->to, holds);
	if (!trace_part(trace, MATCH_TO, holds, &why))
		return;
	holds = expr_has_ip(v.from, &facts->client, facts, &hit);
	say_from(&why, v.from, &facts->client, &hit);
	if (!trace_part(trace, MATCH_FROM, holds, &why) || v.when == NULL)
		return;
	holds = schedule_open(v.when, facts->now_s, &why);
	trace_part(trace, MATCH_WHEN, holds, &why);
}

/* ---- the decision ---- */

const struct rule *ruleset_match(
	const struct ruleset *rs, const struct match_facts *facts, const struct match_trace *trace)
{
	for (size_t i = 0; i < rs->n_rules; i++) {
		const bool matched = rule_holds(&rs->rules[i], facts);

		if (trace != NULL)
			trace_rule(&rs->rules[i], facts, trace, matched);
		if (matched)
			return &rs->rules[i];
	}
	return NULL;
}
