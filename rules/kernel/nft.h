/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Kernel rules as one nftables table, "inet postern"
 *
 * A file for nft -f: replaces the table whole in one transaction, and touches no other.
 *
 * Callers: rules/kernel/run, cli/firewall.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/kernel/plan.h"

void nft_render(struct out *o, const struct kernel_plan *plan);
