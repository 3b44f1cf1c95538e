/* SPDX-License-Identifier: ISC */
#include "rules/kernel/plan.h"

#include "rules/rules.h"
#include "rules/view.h"

/* ---- what is published, and where it goes ---- */

size_t kernel_plan_room(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		if (p != NULL)
			n += p->n_external + p->n_internal * p->n_external;
	}
	return (n + 1) * (2 * sizeof(struct kernel_target) + 3 * sizeof(uint16_t)) + 256;
}

struct planning {
	struct kernel_target *published, *internal;
	uint16_t *ports, *untracked;
	size_t n_published, n_internal, n_ports, n_untracked;
};

/* XXX looks at all before: an index would make thousands of addresses faster. */
static void add_target(struct kernel_target *list, size_t *np, struct kernel_target t)
{
	for (size_t i = 0; i < *np; i++)
		if (list[i].any == t.any && list[i].addr.port == t.addr.port &&
			(t.any || ip_eq(&list[i].addr.ip, &t.addr.ip)))
			return;
	list[(*np)++] = t;
}

static void add_port(uint16_t *list, size_t *np, uint16_t port)
{
	for (size_t i = 0; i < *np; i++)
		if (list[i] == port)
			return;
	list[(*np)++] = port;
}

static void plan_internal(
	struct planning *pl, const struct publish *p, const struct rule_endpoint *external)
{
	for (size_t i = 0; i < p->n_internal; i++) {
		const struct ip_port to = rule_internal(p, i, &external->addr);

		add_target(pl->internal, &pl->n_internal,
			(struct kernel_target){ to, false, p, p->internal[i].at });
		add_port(pl->ports, &pl->n_ports, to.port);
	}
}

static void plan_publish(struct planning *pl, const struct publish *p)
{
	for (size_t i = 0; i < p->n_external; i++) {
		const struct rule_endpoint *e = &p->external[i];

		add_target(pl->published, &pl->n_published,
			(struct kernel_target){ e->addr, e->any, p, e->at });
		if (p->internal_original) {
			if (p->client_address == CLIENT_KEEP)
				add_port(pl->untracked, &pl->n_untracked, e->addr.port);
			continue;
		}
		add_port(pl->ports, &pl->n_ports, e->addr.port);
		plan_internal(pl, p, e);
	}
}

static size_t count_targets(const struct ruleset *rs)
{
	size_t n = 1;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		if (p != NULL)
			n += p->n_external + p->n_internal * p->n_external;
	}
	return n;
}

static bool keeps(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL &&
			rs->rules[i].publish->client_address == CLIENT_KEEP)
			return true;
	return false;
}

int kernel_plan(struct arena *arena, const struct ruleset *rs, const char (*links)[KERNEL_LINK_MAX],
	size_t n_links, struct kernel_plan *plan)
{
	const size_t n = count_targets(rs);
	struct planning pl = {
		.published = arena_alloc(arena, n, sizeof(*pl.published)),
		.internal = arena_alloc(arena, n, sizeof(*pl.internal)),
		.ports = arena_alloc(arena, 2 * n, sizeof(*pl.ports)),
		.untracked = arena_alloc(arena, n, sizeof(*pl.untracked)),
	};

	if (arena->full)
		return RULES_E_ARENA;
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL)
			plan_publish(&pl, rs->rules[i].publish);
	*plan = (struct kernel_plan){ .host = &rs->host,
		.published = pl.published,
		.n_published = pl.n_published,
		.internal = pl.internal,
		.n_internal = pl.n_internal,
		.ports = pl.ports,
		.n_ports = pl.n_ports,
		.untracked = pl.untracked,
		.n_untracked = pl.n_untracked,
		.links = links,
		.n_links = n_links,
		.sockets = rs->host.intercept == INTERCEPT_TPROXY || keeps(rs) };
	return RULES_OK;
}

/* ---- lines ---- */

struct walk {
	const struct kernel_plan *plan;
	enum ip_family family;
	void (*each)(void *context, const struct kernel_line *line);
	void *context;
};

static void line(const struct walk *w, struct kernel_line l)
{
	w->each(w->context, &l);
}

static bool is_tproxy(const struct walk *w)
{
	return w->plan->host->intercept == INTERCEPT_TPROXY;
}

/* @l, for the address and port of a target, if it is of this family. */
static void target_line(const struct walk *w, const struct kernel_target *t, struct kernel_line l)
{
	if (!t->any && t->addr.ip.family != w->family)
		return;
	l.to = t->any ? NULL : &t->addr.ip;
	l.port = t->addr.port;
	l.rule = t->rule;
	l.at = t->at;
	line(w, l);
}

static void published_lines(const struct walk *w, struct kernel_line l)
{
	for (size_t i = 0; i < w->plan->n_published; i++)
		target_line(w, &w->plan->published[i], l);
}

/* A diverted packet has another port by then, or, by TPROXY, our mark. What this host sends itself
 * comes by lo and was never for diversion. */
static void input_lines(const struct walk *w)
{
	line(w, (struct kernel_line){ .port = (uint16_t)w->plan->host->intercept_port,
			.not_diverted = !is_tproxy(w),
			.action = KERNEL_DROP,
			.why = "not diverted" });
	line(w, (struct kernel_line){
			.loopback = true, .action = KERNEL_RETURN, .why = "own packets" });
	published_lines(w,
		(struct kernel_line){ .mark = is_tproxy(w) ? KERNEL_MARK_FOREIGN : KERNEL_MARK_ANY,
			.action = KERNEL_DROP });
}

/* Nothing that is diverted is ever forwarded. A published address is looked for twice: what others
 * translate has lost it, what others do not track has no original one. */
static void forward_lines(const struct walk *w)
{
	const struct kernel_plan *plan = w->plan;

	for (size_t i = 0; i < plan->n_published; i++) {
		target_line(w, &plan->published[i], (struct kernel_line){ .action = KERNEL_DROP });
		if (!plan->published[i].any)
			target_line(w, &plan->published[i],
				(struct kernel_line){ .original = true, .action = KERNEL_DROP });
	}
	for (size_t i = 0; i < plan->n_internal; i++)
		target_line(w, &plan->internal[i], (struct kernel_line){ .action = KERNEL_DROP });
	for (size_t i = 0; i < plan->n_links; i++) /* also in the family that no rule is about */
		for (size_t j = 0; j < plan->n_ports; j++)
			line(w, (struct kernel_line){ .out = plan->links[i],
					.port = plan->ports[j],
					.action = KERNEL_DROP,
					.why = "around the filter" });
}

/* Answers come from the server's port: connections of clients, whose sockets TPROXY makes
 * transparent too, stay tracked. */
static void raw_lines(const struct walk *w, bool in)
{
	for (size_t i = 0; i < w->plan->n_untracked; i++)
		line(w, (struct kernel_line){ .source_port = in ? w->plan->untracked[i] : 0,
				.port = in ? 0 : w->plan->untracked[i],
				.socket = in,
				.mark = in ? KERNEL_MARK_ANY : KERNEL_MARK_OURS,
				.action = KERNEL_UNTRACK,
				.why = "original destination" });
}

/* The first packet of a connection is left to TPROXY, which knows what to do when a client uses a
 * port again. */
static void mangle_lines(const struct walk *w)
{
	if (!w->plan->sockets)
		return;
	line(w, (struct kernel_line){
			.loopback = true, .action = KERNEL_RETURN, .why = "own packets" });
	line(w, (struct kernel_line){
			.socket = true, .action = KERNEL_MARK, .why = "for the proxies" });
	if (!is_tproxy(w))
		return;
	line(w, (struct kernel_line){ .mark = KERNEL_MARK_OURS,
			.action = KERNEL_RETURN,
			.why = "for the proxies" });
	published_lines(w, (struct kernel_line){ .action = KERNEL_TPROXY });
}

static void nat_lines(const struct walk *w)
{
	if (is_tproxy(w))
		return;
	line(w, (struct kernel_line){ .mark = KERNEL_MARK_OURS,
			.action = KERNEL_RETURN,
			.why = "for the proxies" });
	published_lines(w, (struct kernel_line){ .action = KERNEL_REDIRECT });
}

void kernel_lines(const struct kernel_plan *plan, enum ip_family family, enum kernel_chain chain,
	void (*each)(void *context, const struct kernel_line *line), void *context)
{
	const struct walk w = { plan, family, each, context };

	switch (chain) {
	case KERNEL_INPUT: input_lines(&w); break;
	case KERNEL_FORWARD: forward_lines(&w); break;
	case KERNEL_RAW_IN: raw_lines(&w, true); break;
	case KERNEL_RAW_OUT: raw_lines(&w, false); break;
	case KERNEL_MANGLE: mangle_lines(&w); break;
	case KERNEL_NAT: nat_lines(&w); break;
	case KERNEL_CHAINS: break;
	}
}

/* ---- comments ---- */

#define COMMENT_NAME 48 /* octets */
#define COMMENT_FILE 48 /* its end says more than its beginning */

static void harmless(struct out *o, struct span s)
{
	static const char signs[] = "._/:@+,-";

	for (size_t i = 0; i < s.n; i++) {
		const uint8_t c = s.p[i];
		const bool fine = ascii_alpha(c) || ascii_digit(c) ||
				  (c != '\0' && memchr(signs, c, sizeof(signs) - 1) != NULL);
		out_octet(o, fine ? c : '_');
	}
}

void kernel_comment(struct out *o, const struct kernel_line *l)
{
	const struct span file = span_str(l->at.file);

	if (l->rule == NULL) {
		out_str(o, "postern: ");
		out_str(o, l->why);
		return;
	}
	out_str(o, "publish ");
	harmless(o, span_sub(span_str(l->rule->name), 0, COMMENT_NAME));
	out_octet(o, ' ');
	harmless(o, file.n > COMMENT_FILE ? span_from(file, file.n - COMMENT_FILE) : file);
	out_octet(o, ':');
	out_u64(o, l->at.line);
}
