/* SPDX-License-Identifier: ISC */
/* Without lanes: whoever asks for what is published comes to the one listener of the proxies. */
#include "rules/kernel/lines.h"

/* A diverted packet has another port by then, or, by TPROXY, our mark. What this host sends itself
 * comes by lo and was never for diversion. */
static void input_lines(const struct walk *w)
{
	undiverted_lines(w, 0);
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
	around_lines(w);
}

static void mangle_lines(const struct walk *w)
{
	if (!w->plan->sockets)
		return;
	socket_lines(w);
	if (is_tproxy(w))
		published_lines(w, (struct kernel_line){ .action = KERNEL_TPROXY,
					   .to_port = (uint16_t)w->plan->host->intercept_port });
}

static void nat_lines(const struct walk *w)
{
	if (is_tproxy(w))
		return;
	line(w, (struct kernel_line){ .mark = KERNEL_MARK_OURS,
			.action = KERNEL_RETURN,
			.why = "for the proxies" });
	published_lines(w, (struct kernel_line){ .action = KERNEL_REDIRECT,
				   .to_port = (uint16_t)w->plan->host->intercept_port });
}

void lines_external(const struct walk *w, enum kernel_chain chain)
{
	switch (chain) {
	case KERNEL_INPUT: input_lines(w); break;
	case KERNEL_FORWARD: forward_lines(w); break;
	case KERNEL_RAW_IN: raw_lines(w, true); break;
	case KERNEL_RAW_OUT: raw_lines(w, false); break;
	case KERNEL_MANGLE: mangle_lines(w); break;
	case KERNEL_NAT: nat_lines(w); break;
	case KERNEL_MANGLE_THROUGH:
	case KERNEL_NAT_OUT: break;
	case KERNEL_CHAINS: break;
	}
}
