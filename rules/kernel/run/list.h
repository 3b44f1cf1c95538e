/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * List: the table of nft in the kernel, and the one that should be there, in the same words
 *
 * What is wanted is put into a network namespace that lasts no longer, and listed there: so both
 * texts are of the same nft, whatever words its version has.
 *
 * Limits:  needs root, and a kernel with network namespaces.
 * Callers: cli/firewall_nft.c.
 */
#include "rules/kernel/run/apply.h"

/* Texts are the caller's to free; empty: there is no table. Return: as apply_see(). */
int list_nft(struct span *textp, struct out *why);
/* @plan: NULL: no table is wanted. */
int list_wanted_nft(const struct kernel_plan *plan, struct span *textp, struct out *why);
