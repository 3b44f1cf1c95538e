/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lines: what both modes say of a plan, one walk a chain
 *
 * Callers: rules/kernel/lines*.c only.
 */
#include "rules/kernel/plan.h"

struct walk {
	const struct kernel_plan *plan;
	enum ip_family family;
	void (*each)(void *context, const struct kernel_line *line);
	void *context;
};

static inline void line(const struct walk *w, struct kernel_line l)
{
	w->each(w->context, &l);
}

static inline bool is_tproxy(const struct walk *w)
{
	return w->plan->host->intercept == INTERCEPT_TPROXY;
}

/* @l, for the address and port of a target, if it is of this family. */
void target_line(const struct walk *w, const struct kernel_target *t, struct kernel_line l);
void published_lines(const struct walk *w, struct kernel_line l);

/* Who asks for a port of the listeners himself. What a server answers to a proxy may be for the
 * same port, by chance: it is for another socket. */
void undiverted_lines(const struct walk *w, uint16_t last_port);

/* Packets of sockets that are the proxies' come to this host. */
void socket_lines(const struct walk *w);
/* Of what is for internals, past the rules: dropped where it would be forwarded. */
void around_lines(const struct walk *w);
void raw_lines(const struct walk *w, bool in);

void lines_external(const struct walk *w, enum kernel_chain chain);
void lines_managed(const struct walk *w, enum kernel_chain chain);
