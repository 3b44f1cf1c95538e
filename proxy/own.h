/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Own: the addresses of this host, as posternd told them
 *
 * For `internal original`: dialling what the client asked for would come back here for ever when
 * that is this host. Until the first list came nothing is known, and everything may be ours.
 *
 * Owns:    the list.
 * Callers: proxy/main.c fills it, proxy/dial.c asks.
 */
#include "base/ip.h"

struct own {
	struct ip *list; /* sorted */
	size_t n;
	bool known;
};

/* @body of ROLE_ADDRESSES: struct ip after struct ip; one that is none is left out. False: no such
 * list, or no memory for it; the old one stays. */
bool own_set(struct own *own, struct span body);
void own_deinit(struct own *own);

/* Is it ours, or may it be? All of 127.0.0.0/8 and the unspecified addresses are. */
bool own_has(const struct own *own, const struct ip *ip);
