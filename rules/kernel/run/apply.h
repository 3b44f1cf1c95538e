/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Apply: kernel rules put in, looked at, and taken out
 *
 * The standing drop goes in first and comes out last. When a step fails, what was before comes
 * back. What is ours is found by its names (POSTERN-..., table inet postern) and priorities (5250
 * to 5252) in the kernel itself, so that taking it out needs neither rules nor posternd.
 *
 * Limits:  two at a time are not kept apart: the later one wins, step by step.
 * Callers: cli/firewall.c.
 */
#include "rules/kernel/iptables.h"
#include "rules/kernel/nft.h"
#include "rules/kernel/routing.h"

enum {
	APPLY_OK = 0,
	APPLY_E_PROGRAM, /* a program is missing or fails: @why says which, and what it said */
};

struct apply_family {
	enum ip_family family;
	struct span saved;   /* iptables-save -c */
	struct span routing; /* our part, as routing_cut() gives it */
};

/* What is in the kernel: of both families, or of IPv4 where the kernel has no IPv6. */
struct apply_seen {
	struct apply_family family[2];
	size_t n;
};

/* Return: 0, APPLY_E_PROGRAM, <0 errno. In any case apply_unsee() is due. */
int apply_see(struct apply_seen *seen, struct out *why);
void apply_unsee(struct apply_seen *seen);

/* A set or a routing text as it should be. The memory is the caller's: free(). */
int apply_render_set(const struct kernel_plan *plan, enum ip_family family, struct span *setp);
int apply_render_routing(const struct kernel_plan *plan, struct span *routingp);

/* Return: as apply_see(). Other than 0: nothing has changed, or @why says what could not be taken
 * back. */
int apply_iptables(const struct kernel_plan *plan, struct out *why);
int apply_nft(const struct kernel_plan *plan, struct out *why);

/* Takes everything out, of both backends. */
int apply_remove(struct out *why);
