/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Worker: one postern-proxy, or postern-relay, as posternd sees it
 *
 * Each process has a log pair, channels of sockets and a ledger of its own, so that what one does
 * to them concerns no other. Its listening sockets belong to its generation.
 *
 * Callers: proxy/house/generation.c.
 */
#include "filter/limits/ledger.h"
#include "proxy/house/bans.h"
#include "proxy/house/child.h"
#include "proxy/house/servant.h"

struct generation;

struct worker {
	struct child child;
	struct generation *generation;
	bool relay;
	unsigned index; /* which of the generation's sockets of its kind are its own */
	unsigned seat;  /* WORKER_NO_SEAT: none */
	int log;        /* numbers of what logger and supplier keep for it; -1: none */
	int channel4, channel6;
	int servants[SERVANTS]; /* places in the ends of those it asks */
	struct bans_pace pace;  /* of its bans, over all its processes */
	struct ledger ledger;   /* a view of the process's own; all 0: none */
};

#define WORKER_NO_SEAT SEATS_MAX

/* False: no seat is left. */
bool worker_init(struct worker *w, struct generation *g, bool relay, unsigned index);
/* The process must be gone. */
void worker_deinit(struct worker *w);
