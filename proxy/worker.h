/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Worker: one postern-proxy as posternd sees it
 *
 * Each has listening sockets, a control pair and a log pair of its own, so that what one does to
 * them concerns no other.
 *
 * Callers: proxy/house.c.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "proxy/bind.h"
#include "rules/load/load.h"

struct worker {
	pid_t pid;  /* 0: was not started */
	bool ended; /* it was running */
	int status;
	int control[2], log[2]; /* pairs: [0] is the worker's end for control, the log role's for
				   log; -1: closed */
	int ledger;             /* -1: none */
};

#define WORKER_NONE ((struct worker){ .control = { -1, -1 }, .log = { -1, -1 }, .ledger = -1 })

/* What all workers are handed. */
struct worker_common {
	int bundle, counts; /* -1: none */
	const struct binds *binds;
};

/* How many `workers` of postern.conf asks for. */
unsigned worker_count(const struct hostconf *host);

/* Return: 0; <0 errno. */
int worker_init(struct worker *w);
void worker_deinit(struct worker *w);

/* Return: 0; <0 errno. The bundle is sealed. */
int worker_common_init(struct worker_common *c, const struct load *l, const struct binds *binds);
void worker_common_deinit(struct worker_common *c);

/* Its ends of the pairs are closed here. Return: 0; <0 errno. */
int worker_start(struct worker *w, unsigned number, const struct worker_common *c);
