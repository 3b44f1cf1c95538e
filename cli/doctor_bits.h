/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Which bits of packet and connection marks a rule changes
 *
 * Of iptables, the targets MARK, CONNMARK and TPROXY as iptables-save prints them; of nft, "meta
 * mark set" and "ct mark set" as `nft -j list ruleset` does.
 *
 * Limits:  a value that is not worked out changes all bits.
 * Callers: cli/doctor_marks.c, test/unit/doctor_bits_test.c.
 */
#include "cli/doctor_nft.h"

struct bits {
	uint32_t packet, connection;
};

/* @options: behind the target. Nothing of it is a mark: no bit. */
struct bits bits_of_target(struct span target, struct span options);

/* Calls @each for each rule of a chain that nft(8) made itself and that changes marks. */
void bits_of_nft(struct span text,
	void (*each)(void *context, const struct nft_chain *chain, struct bits bits),
	void *context);
