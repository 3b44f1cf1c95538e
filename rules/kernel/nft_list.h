/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What "nft list table inet postern" prints, chain by chain
 *
 * nft prints rules in other words than it was given, and each version in its own. So text is only
 * held against text of the same nft: of the kernel, and of a table that holds what is wanted
 * (rules/kernel/run/list.h).
 *
 * Callers: rules/kernel/run/list.c, cli/firewall_nft.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/kernel/iptables.h"

struct nft_chain {
	struct span name, lines; /* its type, then its rules, a line each */
};

/* Takes the next chain out of *@restp. False: there is none; text of any octets may come. */
bool nft_next_chain(struct span *restp, struct nft_chain *chain);

/* Of the chain @name: IPTABLES_IN_SYNC, _MISSING, _CHANGED, _SURPLUS or _UNNEEDED. Counters are
 * left out of the comparison. */
enum iptables_state nft_compare(struct span want, struct span have, struct span name);

struct nft_count {
	uint64_t packets, octets;
	struct span comment;
	bool drops;
};
/* Calls @each for all lines that count, have a comment, and drop or divert. */
void nft_counts(struct span listed, void (*each)(void *context, const struct nft_count *count),
	void *context);
