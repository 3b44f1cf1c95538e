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

int kernel_plan(struct arena *arena, const struct ruleset *rs, const struct lanes *lanes,
	const char (*links)[KERNEL_LINK_MAX], size_t n_links, struct kernel_plan *plan)
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
		.lanes = lanes,
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
