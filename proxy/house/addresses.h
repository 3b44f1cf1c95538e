/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Addresses: which are this host's own
 *
 * A proxy that takes what others asked for (`internal original`) must not dial itself, and cannot
 * ask. It is told at its start and whenever an address comes or goes (rtnetlink).
 *
 * Callers: proxy/house.
 */
#include "base/ip.h"
#include "proxy/house/child.h"

#define ADDRESSES_MAX 3000 /* what one message holds; more are left out */

struct house;

struct addresses {
	struct house *house;
	int socket; /* of rtnetlink; -1: none */
	ev_io io;
	struct ip list[ADDRESSES_MAX];
	size_t n;
};

/* Without rtnetlink the list stays as it is at the start. */
void addresses_init(struct addresses *a, struct house *house);
void addresses_tell(const struct addresses *a, struct child *c);
void addresses_deinit(struct addresses *a);
