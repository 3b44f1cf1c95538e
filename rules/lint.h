/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lints: what is legal, and surely not meant
 *
 * Warnings about a whole rule set: a rule that an earlier one leaves nothing to, a set that nothing
 * uses or that is empty, a route, certificate or auth that no relay names, a schedule that is never
 * open, passwords in clear, mail that nobody tries again. No lint is ever an error, and none looks
 * at what changes at run time.
 *
 * Callers: rules/build.c.
 * Purity:  no allocation beyond the arena of the diagnostics, no clock, no log, no syscall.
 */
#include "rules/diag.h"

void rules_lint(const struct ruleset *rs, struct diags *diags);

/* ---- private to rules/lint*.c ---- */

/* A search for rules that are never reached. It has a bound: a lint may take no noticeable time. */
struct shadow {
	const struct ruleset *rs;
	uint64_t steps; /* comparisons made; 0 at first */
};

/* The earlier rule that takes the last of what rule @i could have had, or NULL. */
const struct rule *rule_shadowed_by(struct shadow *s, size_t i);
/* The bound is reached: answers from here on are NULL. */
bool shadow_gave_up(const struct shadow *s);
