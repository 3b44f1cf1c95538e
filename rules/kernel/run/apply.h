/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Apply: kernel rules put in, looked at, and taken out
 *
 * The standing drop goes in first and comes out last. When a step fails, what was before comes
 * back. What is ours is found by its names (POSTERN-..., table inet postern) and priorities (5250
 * to 5252) in the kernel itself, so that taking it out needs neither rules nor posternd.
 *
 * Limits:  two at a time are kept apart by the callers: rules/kernel/run/lock.h.
 * Callers: cli/firewall.c, rules/kernel/run/managed.c.
 */
#include "rules/kernel/iptables.h"
#include "rules/kernel/nft.h"
#include "rules/kernel/routing.h"
#include "rules/kernel/run/program.h"

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
int apply_render_nft(const struct kernel_plan *plan, struct span *tablep);

/* Tells that a program failed, and what it said. Return: APPLY_E_PROGRAM. */
int apply_failed(struct out *why, const char *program, const struct program *p);

/* ---- in steps, for who has more to bring in ---- */

struct apply_wanted { /* of each family of an apply_seen */
	struct span set[2], routing[2];
};

/* Return: 0; <0 errno. In any case apply_wanted_free() is due. */
int apply_want(
	const struct apply_seen *seen, const struct kernel_plan *plan, struct apply_wanted *w);
void apply_wanted_free(struct apply_wanted *w);

/* A line for each place that is not as wanted. Return: is there one? */
bool apply_differ(const struct apply_seen *seen, const struct apply_wanted *w, struct out *o);

/* The words of these lines. */
const char *apply_state_word(enum iptables_state state);
bool apply_state_is_right(enum iptables_state state);
const char *apply_family_word(const struct apply_family *f);
enum iptables_state apply_routing_state(struct span have, struct span want);

/* What is right already is not touched. Return: as apply_see(). Other than 0: it stopped in the
 * middle, and apply_take_back() is due. */
int apply_bring_in(const struct apply_seen *seen, const struct apply_wanted *w, struct out *why);

/* As it was before, in the order that keeps the drop standing. Return: as apply_see(); @why says
 * which of the two it is. */
int apply_take_back(const struct apply_seen *before, struct out *why);

int apply_remove_iptables(struct out *why);
int apply_remove_nft(struct out *why);

/* ---- the whole ---- */

/* Return: as apply_see(). Other than 0: nothing has changed, or @why says what could not be taken
 * back. */
int apply_iptables(const struct kernel_plan *plan, struct out *why);
int apply_nft(const struct kernel_plan *plan, struct out *why);

/* Takes everything out, of both backends. */
int apply_remove(struct out *why);
