/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What `nft -j list ruleset` prints of chains that drop, by policy or by a rule for all that is
 * left
 *
 * iptables cannot overrule a chain that nft(8) or another tool made itself: every one of a hook
 * must accept. Which of its rules a packet meets is not worked out: a rule that accepts and names
 * the port, a range around it, a set, marks, or changed destinations, is taken for the one that
 * lets it in.
 *
 * Callers: cli/doctor*.c, test/unit/doctor_nft_test.c.
 */
#include "base/ip.h"

#define NFT_NAME_MAX 64

struct nft_chain {
	char family[8], table[NFT_NAME_MAX], name[NFT_NAME_MAX]; /* fit to be typed */
};

/* The first base chain of the hook ("input", "forward") and family, not of iptables, that drops
 * unless a rule accepts, and none is seen to accept @port. False: there is none; text of any octets
 * may come. */
bool nft_drops(struct span text, const char *hook, enum ip_family family, uint16_t port,
	struct nft_chain *chainp);

/* Where a rule of the listing stands. False: its names are not fit to be typed. */
struct json_t;
bool nft_chain_of(const struct json_t *rule, struct nft_chain *c);
