/* SPDX-License-Identifier: ISC */
#include "filter/gate/judge.h"

#include "rules/match.h"

/* ---- no rule ---- */

static unsigned default_lane(const struct ruleset *rs)
{
	switch (rs->default_action) {
	case DEFAULT_REFUSE: return lane_refuse(&rs->host);
	case DEFAULT_RESET: return lane_reset(&rs->host);
	case DEFAULT_DROP: break;
	}
	return 0;
}

/* ---- passing ---- */

struct ip_port judge_internal(const struct lane *lane, const struct ip_port *asked)
{
	struct ip_port to;

	if (lane->kind != LANE_PASS)
		return lane->kind == LANE_ASIS ? *asked : (struct ip_port){ 0 };
	to = lane->rule->internal[lane->internal].addr;
	if (!lane->rule->internal_port_given[lane->internal])
		to.port = asked->port;
	return to;
}

/* The next internal that can serve @p, from the rule's turn on; NULL: none. *@familyp: is there one
 * of the client's family at all? DNAT cannot change that. */
static const struct lane *pick(const struct judge *j, const struct publish *rule,
	struct book_rule *own, const struct packet *p, bool *familyp)
{
	const bool in_turn = rule->balance == BALANCE_ROUND_ROBIN;

	*familyp = false;
	for (size_t i = 0; i < rule->n_internal; i++) {
		const size_t at = ((in_turn ? own->turn : 0) + i) % rule->n_internal;
		const struct ip_port to = judge_internal(&own->lanes[at], &p->asked);

		if (to.ip.family != p->client.ip.family)
			continue;
		*familyp = true;
		if (dead_has(j->dead, &to))
			continue;
		if (in_turn)
			own->turn = at + 1;
		return &own->lanes[at];
	}
	return NULL;
}

static bool is_limited(const struct rule_limits *l)
{
	return l->connections_client || l->connections_total || windows_of(l, TALLY_CONNECTIONS);
}

static struct limit_answer look(struct judge *j, const struct book_rule *own,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms)
{
	struct limit_answer a;

	if (!is_limited(limits))
		return (struct limit_answer){ .code = CODE_COUNT };
	shared_lock(j->shared);
	a = limits_look(&j->limits, own->key, limits, client, now_ms);
	shared_unlock(j->shared);
	return a;
}

static void judge_pass(struct judge *j, const struct ruleset *rs, struct book_rule *own,
	const struct packet *p, uint64_t now_ms, struct ruling *r)
{
	const struct limit_answer a = look(j, own, &r->rule->limits, &p->client.ip, now_ms);
	const struct lane *lane = own->lanes;
	bool family = true;

	r->why = a.code;
	r->at = a.at;
	if (a.code == CODE_COUNT && lane->kind == LANE_PASS) {
		lane = pick(j, r->rule, own, p, &family);
		if (!lane)
			r->why = family ? CODE_SERVER_NONE_LIVE : CODE_SERVER_FAMILY;
	}
	if (r->why != CODE_COUNT) {
		r->lane = lane_reset(&rs->host);
		return;
	}
	r->lane = lane->number;
	r->internal = judge_internal(lane, &p->asked);
}

/* ---- the whole ---- */

static const struct publish *rule_of(struct book_page *page, const struct packet *p, int64_t now_s)
{
	const struct match_facts facts = {
		.client = p->client.ip,
		.to = p->asked,
		.now_s = now_s,
		.dynamic = dynamic_sets_have,
		.context = &page->members,
	};
	const struct rule *rule = ruleset_match(page->rs, &facts, NULL);

	return rule ? rule->publish : NULL;
}

struct ruling judge(struct judge *j, struct book_page *page, const struct packet *p, int64_t now_s,
	uint64_t now_ms)
{
	struct ruling r = { .rule = rule_of(page, p, now_s), .why = CODE_COUNT };
	struct book_rule *own;

	if (!r.rule) {
		r.lane = default_lane(page->rs);
		r.why = CODE_SESSION_UNPUBLISHED;
		return r;
	}
	own = &page->rules[r.rule->number];
	if (own->lanes->kind == LANE_PROXY)
		r.lane = own->lanes->number;
	else
		judge_pass(j, page->rs, own, p, now_ms, &r);
	return r;
}
