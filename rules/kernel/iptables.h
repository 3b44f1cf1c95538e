/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Kernel rules as iptables writes them, and what iptables-save shows of them
 *
 * A *set* is text in the words of iptables-save: tables, our chains, their lines, no jumps. One is
 * rendered from a plan, one is cut out of what iptables-save prints; two that are the same octets
 * do the same. A *script* is text for iptables-restore --noflush that brings the kernel from what
 * was seen to a set: each chain is replaced whole, exactly one jump leads to it, at the first place
 * of its hook, and chains that the set has not are removed. Nothing else is touched.
 *
 * Limits:  lines are compared as text: an iptables that prints them in another way than 1.8.9 does
 * makes iptables_compare() find changes.
 * Callers: rules/kernel/run, cli/firewall.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/kernel/plan.h"

struct iptables_place { /* of a chain */
	const char *table, *hook, *name;
};
extern const struct iptables_place iptables_places[KERNEL_CHAINS];

/* The two halves of a change: the standing drop goes in first and comes out last. */
enum iptables_part {
	IPTABLES_DROP = 1, /* bits */
	IPTABLES_WAYS = 2, /* whatever diverts, marks or leaves untracked */
	IPTABLES_ALL = 3,
};

struct iptables_seen {
	struct {
		bool there;
		unsigned jumps;    /* plain ones from its hook */
		unsigned position; /* of the first, from 1 */
	} chain[KERNEL_CHAINS];
};

void iptables_render(struct out *set, const struct kernel_plan *plan, enum ip_family family);

/* From what iptables-save printed, with or without counters. */
void iptables_see(struct span saved, struct iptables_seen *seen);
/* Our part of it, as a set. */
void iptables_cut(struct out *set, struct span saved);

/* @set: may be empty; then everything of ours goes. */
void iptables_script(struct out *script, struct span set, const struct iptables_seen *seen,
	enum iptables_part part);

enum iptables_state {
	IPTABLES_IN_SYNC,
	IPTABLES_MISSING,  /* the chain, or every jump to it */
	IPTABLES_CHANGED,  /* other lines than the set's */
	IPTABLES_MOVED,    /* something else comes before the jump, or there is more than one */
	IPTABLES_SURPLUS,  /* the set has no such chain */
	IPTABLES_UNNEEDED, /* neither wanted nor there */
};
enum iptables_state iptables_compare(struct span set, struct span saved, enum kernel_chain chain);

/* One of our lines as iptables-save -c prints it. */
struct iptables_count {
	enum kernel_chain chain;
	uint64_t packets, octets;
	struct span comment, target;
};
/* Calls @each for all that have counters and a comment. */
void iptables_counts(struct span saved,
	void (*each)(void *context, const struct iptables_count *count), void *context);
