/* SPDX-License-Identifier: ISC */
#include "rules/kernel/lines.h"

void target_line(const struct walk *w, const struct kernel_target *t, struct kernel_line l)
{
	if (!t->any && t->addr.ip.family != w->family)
		return;
	l.to = t->any ? NULL : &t->addr.ip;
	l.port = t->addr.port;
	l.rule = t->rule;
	l.at = t->at;
	line(w, l);
}

void published_lines(const struct walk *w, struct kernel_line l)
{
	for (size_t i = 0; i < w->plan->n_published; i++)
		target_line(w, &w->plan->published[i], l);
}

void undiverted_lines(const struct walk *w, uint16_t last_port)
{
	const uint16_t port = (uint16_t)w->plan->host->intercept_port;
	struct kernel_line own = { .port = port,
		.port_last = last_port,
		.connected = true,
		.action = KERNEL_RETURN,
		.why = "own packets" };
	struct kernel_line drop = { .port = port,
		.port_last = last_port,
		.not_diverted = !is_tproxy(w),
		.action = KERNEL_DROP,
		.why = "not diverted" };

	line(w, own);
	line(w, drop);
}

/* The first packet of a connection is left to TPROXY, which knows what to do when a client uses a
 * port again. */
void socket_lines(const struct walk *w)
{
	line(w, (struct kernel_line){
			.loopback = true, .action = KERNEL_RETURN, .why = "own packets" });
	line(w, (struct kernel_line){
			.socket = true, .action = KERNEL_MARK, .why = "for the proxies" });
	if (is_tproxy(w))
		line(w, (struct kernel_line){ .mark = KERNEL_MARK_OURS,
				.action = KERNEL_RETURN,
				.why = "for the proxies" });
}

void around_lines(const struct walk *w)
{
	const struct kernel_plan *plan = w->plan;

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
void raw_lines(const struct walk *w, bool in)
{
	for (size_t i = 0; i < w->plan->n_untracked; i++)
		line(w, (struct kernel_line){ .source_port = in ? w->plan->untracked[i] : 0,
				.port = in ? 0 : w->plan->untracked[i],
				.socket = in,
				.mark = in ? KERNEL_MARK_ANY : KERNEL_MARK_OURS,
				.action = KERNEL_UNTRACK,
				.why = "original destination" });
}

void kernel_lines(const struct kernel_plan *plan, enum ip_family family, enum kernel_chain chain,
	void (*each)(void *context, const struct kernel_line *line), void *context)
{
	const struct walk w = { plan, family, each, context };

	if (plan->lanes != NULL)
		lines_managed(&w, chain);
	else
		lines_external(&w, chain);
}
