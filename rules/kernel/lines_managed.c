/* SPDX-License-Identifier: ISC */
/* With lanes: the gate has judged, each connection goes the way of its lane and no other. */
#include "rules/kernel/lines.h"

/* ---- lanes ---- */

static const struct rule_endpoint *internal_of(const struct lane *l)
{
	return &l->rule->internal[l->internal];
}

/* Is there anything for this lane in the family? The kernel does not translate between them. */
static bool in_family(const struct walk *w, const struct lane *l)
{
	if (l->kind == LANE_PASS)
		return internal_of(l)->addr.ip.family == w->family;
	for (size_t i = 0; i < l->rule->n_external; i++)
		if (l->rule->external[i].any || l->rule->external[i].addr.ip.family == w->family)
			return true;
	return false;
}

/* @l, for a connection with the lane. */
static void lane_line(const struct walk *w, const struct lane *lane, struct kernel_line l)
{
	l.tcp = true;
	l.lane_is = KERNEL_LANE_IS;
	l.lane = lane->number;
	l.rule = lane->rule;
	l.at = lane->kind == LANE_PASS ? internal_of(lane)->at : lane->rule->at;
	line(w, l);
}

static struct kernel_line to_proxy(const struct walk *w, unsigned number)
{
	return (struct kernel_line){ .action = is_tproxy(w) ? KERNEL_TPROXY : KERNEL_REDIRECT,
		.to_port = lane_port(w->plan->host, number) };
}

/* The listeners of the proxies: one a rule, and the one that refuses. */
static void proxy_lines(const struct walk *w)
{
	struct kernel_line refuse = to_proxy(w, 0);

	for (size_t i = 0; i < w->plan->lanes->n; i++) {
		const struct lane *l = &w->plan->lanes->list[i];

		if (l->kind == LANE_PROXY && in_family(w, l))
			lane_line(w, l, to_proxy(w, l->number));
	}
	refuse.tcp = true;
	refuse.lane_is = KERNEL_LANE_IS;
	refuse.lane = lane_refuse(w->plan->host);
	refuse.why = "default refuse";
	line(w, refuse);
}

static void reset_line(const struct walk *w)
{
	line(w, (struct kernel_line){ .tcp = true,
			.lane_is = KERNEL_LANE_IS,
			.lane = lane_reset(w->plan->host),
			.action = KERNEL_RESET,
			.why = "refused" });
}

/* ---- without a gate ---- */

/* The internal that the kernel passes to by itself; NULL: the rule waits for the gate. Its first
 * packets bypass a queue that nobody reads, and have no lane then. */
static const struct rule_endpoint *ungated(const struct walk *w, const struct kernel_target *t)
{
	if (!t->rule->gate_fail_open || t->any || t->addr.ip.family != w->family)
		return NULL;
	for (size_t i = 0; i < t->rule->n_internal; i++)
		if (t->rule->internal[i].addr.ip.family == w->family)
			return &t->rule->internal[i];
	return NULL;
}

static uint16_t port_at(const struct publish *rule, const struct rule_endpoint *internal)
{
	return rule->internal_port_given[internal - rule->internal] ? internal->addr.port : 0;
}

/* Calls for each such rule and address: @l, as it is to be for a connection without a lane. */
static void ungated_lines(const struct walk *w, struct kernel_line l)
{
	for (size_t i = 0; i < w->plan->n_published; i++) {
		const struct kernel_target *t = &w->plan->published[i];
		const struct rule_endpoint *e = ungated(w, t);
		struct kernel_line one = l;

		if (e == NULL)
			continue;
		one.lane_is = KERNEL_LANE_NONE;
		one.server = l.original ? &e->addr.ip : NULL;
		one.to_addr = &e->addr.ip;
		one.to_port = port_at(t->rule, e);
		target_line(w, t, one);
	}
}

/* ---- filter ---- */

static void input_lines(const struct walk *w)
{
	const struct hostconf *host = w->plan->host;

	line(w, (struct kernel_line){ .port = lane_port(host, 0),
			.port_last = lane_port(host, lanes_max(host)),
			.not_diverted = !is_tproxy(w),
			.action = KERNEL_DROP,
			.why = "not diverted" });
	line(w, (struct kernel_line){
			.loopback = true, .action = KERNEL_RETURN, .why = "own packets" });
	reset_line(w);
	published_lines(w,
		(struct kernel_line){ .mark = is_tproxy(w) ? KERNEL_MARK_FOREIGN : KERNEL_MARK_ANY,
			.action = KERNEL_DROP });
	for (size_t i = 0; i < w->plan->n_published; i++)
		if (!w->plan->published[i].any)
			target_line(w, &w->plan->published[i],
				(struct kernel_line){ .original = true,
					.lane_is = KERNEL_LANE_NONE,
					.action = KERNEL_DROP });
}

/* What passes, and is on the way to the internal of its lane or back. */
static void passing_lines(const struct walk *w)
{
	for (size_t i = 0; i < w->plan->lanes->n; i++) {
		const struct lane *l = &w->plan->lanes->list[i];

		if (l->kind == LANE_PROXY || !in_family(w, l))
			continue;
		lane_line(w, l,
			(struct kernel_line){ .action = KERNEL_RETURN,
				.server = l->kind == LANE_PASS ? &internal_of(l)->addr.ip : NULL });
	}
}

/* Nothing else is ever forwarded, whatever lane it has: then its way was taken from it. A published
 * address is looked for twice: what others translate has lost it, what others do not track has no
 * original one. */
static void forward_lines(const struct walk *w)
{
	reset_line(w);
	passing_lines(w);
	ungated_lines(w, (struct kernel_line){ .original = true, .action = KERNEL_RETURN });
	for (size_t i = 0; i < w->plan->n_published; i++) {
		const struct kernel_target *t = &w->plan->published[i];

		target_line(w, t, (struct kernel_line){ .action = KERNEL_DROP });
		if (!t->any)
			target_line(w, t,
				(struct kernel_line){ .original = true, .action = KERNEL_DROP });
	}
	around_lines(w);
}

/* ---- mangle ---- */

/* NF_REPEAT sends a judged packet through the chain once more: ACCEPT would end its way through the
 * table, before the lane is saved and TPROXY has its turn. */
static void answered_lines(const struct walk *w)
{
	line(w, (struct kernel_line){ .lane_is = KERNEL_LANE_ANSWERED,
			.action = KERNEL_SAVE,
			.why = "answer of the gate" });
	line(w, (struct kernel_line){ .lane_is = KERNEL_LANE_ANSWERED,
			.action = KERNEL_CLEAR,
			.why = "answer of the gate" });
}

/* A first packet sent again has its connection's lane already, if it was admitted. */
static void mangle_lines(const struct walk *w)
{
	const struct kernel_line first = { .first = true, .lane_is = KERNEL_LANE_NONE };
	struct kernel_line often = first, ask = first;

	often.too_often = true;
	often.action = KERNEL_DROP;
	ask.action = KERNEL_ASK;
	socket_lines(w);
	answered_lines(w);
	if (is_tproxy(w))
		proxy_lines(w);
	for (size_t i = 0; i < w->plan->n_published; i++) {
		const struct kernel_target *t = &w->plan->published[i];

		ask.bypass = ungated(w, t) != NULL;
		target_line(w, t, often);
		target_line(w, t, ask);
	}
}

/* Copies hold nothing up, and what becomes of them changes nothing. */
static void copy_lines(const struct walk *w)
{
	for (size_t i = 0; i < w->plan->lanes->n; i++) {
		const struct lane *l = &w->plan->lanes->list[i];

		if (l->kind != LANE_PROXY && (l->rule->log & RULE_LOG_TLS) && in_family(w, l))
			lane_line(
				w, l, (struct kernel_line){ .early = true, .action = KERNEL_TELL });
	}
}

/* ---- nat ---- */

static void nat_lines(const struct walk *w)
{
	if (!is_tproxy(w))
		proxy_lines(w);
	for (size_t i = 0; i < w->plan->lanes->n; i++) {
		const struct lane *l = &w->plan->lanes->list[i];
		const struct rule_endpoint *e = l->kind == LANE_PASS ? internal_of(l) : NULL;

		if (e != NULL && in_family(w, l))
			lane_line(w, l,
				(struct kernel_line){ .action = KERNEL_DNAT,
					.to_addr = &e->addr.ip,
					.to_port = port_at(l->rule, e) });
	}
	ungated_lines(w, (struct kernel_line){ .first = true, .action = KERNEL_DNAT });
}

static void nat_out_lines(const struct walk *w)
{
	for (size_t i = 0; i < w->plan->lanes->n; i++) {
		const struct lane *l = &w->plan->lanes->list[i];

		if (l->kind != LANE_PROXY && l->rule->client_address == CLIENT_GATEWAY &&
			in_family(w, l))
			lane_line(w, l, (struct kernel_line){ .action = KERNEL_MASQUERADE });
	}
	for (size_t i = 0; i < w->plan->n_published; i++) {
		const struct kernel_target *t = &w->plan->published[i];

		if (ungated(w, t) != NULL && t->rule->client_address == CLIENT_GATEWAY)
			target_line(w, t,
				(struct kernel_line){ .original = true,
					.lane_is = KERNEL_LANE_NONE,
					.action = KERNEL_MASQUERADE });
	}
}

void lines_managed(const struct walk *w, enum kernel_chain chain)
{
	switch (chain) {
	case KERNEL_INPUT: input_lines(w); break;
	case KERNEL_FORWARD: forward_lines(w); break;
	case KERNEL_RAW_IN:
		line(w, (struct kernel_line){ .first = true,
				.banned = true,
				.action = KERNEL_DROP,
				.why = "banned" });
		raw_lines(w, true);
		break;
	case KERNEL_RAW_OUT: raw_lines(w, false); break;
	case KERNEL_MANGLE: mangle_lines(w); break;
	case KERNEL_MANGLE_THROUGH: copy_lines(w); break;
	case KERNEL_NAT: nat_lines(w); break;
	case KERNEL_NAT_OUT: nat_out_lines(w); break;
	case KERNEL_CHAINS: break;
	}
}
