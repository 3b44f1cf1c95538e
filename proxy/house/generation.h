/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Generation: one rule set in force, and the proxies that carry it out
 *
 * A new one inherits the listening sockets of the one that runs. Once all its proxies are ready
 * they are told to accept, and the old one drains: it accepts nothing more, its sessions end under
 * the rules they began with. Should a proxy of the new one fail before that, nothing has changed.
 *
 * Owns:    its bundle and rule set, its copies of the sockets, its workers and their servants.
 * Callers: proxy/house.
 */
#include "proxy/house/bind.h"
#include "proxy/house/servant.h"
#include "proxy/house/worker.h"
#include "rules/load/unbundle.h"

struct house;
struct addresses;

enum generation_state {
	GENERATION_WAITING,  /* its workers are not started yet */
	GENERATION_STARTING, /* not all are ready */
	GENERATION_RUNNING,
	GENERATION_DRAINING,
};

struct generation {
	struct house *house;
	struct generation *next; /* of the house's list */
	enum generation_state state;
	unsigned number;   /* 0: not in force yet */
	int64_t since_ns;  /* in force, wall clock */
	uint64_t until_ms; /* DRAINING: its sessions end by then */
	int bundle;
	struct unbundle rules;
	struct lanes lanes; /* of `mode managed`, as the next two */
	struct span lanes_text;
	void *lanes_block;
	struct binds binds;
	int texts;              /* for relays: proxy/relay/roles.h; -1: they need none */
	struct worker *workers; /* proxies, then as many relays where a rule is a relay's */
	unsigned n_workers;
	struct house_servant servants[SERVANTS]; /* of its relays */
	unsigned n_ready;                        /* workers and servants */
	bool failed;                             /* it never ran; its processes were killed */
};

/* @bundle is taken over, also on failure. NULL: @why says so in lines for the administrator, *exitp
 * is the exit code. */
struct generation *generation_new(struct house *h, int bundle, struct out *why, int *exitp);

/* Starts its processes. Return: 0; <0 errno. */
int generation_start(struct generation *g);
/* Nothing is accepted any more. */
void generation_drain(struct generation *g, uint32_t ms);
/* As SIGTERM to each worker; @kill: as SIGKILL. */
void generation_stop(struct generation *g, bool kill);
bool generation_lives(const struct generation *g);
/* Once in a while: servants end when the last who asks them is gone. */
void generation_look(struct generation *g);
void generation_send(struct generation *g, uint16_t type, struct span body, int fd);
void generation_addresses(struct generation *g, const struct addresses *a);

/* No process of it lives any more. */
void generation_free(struct generation *g);

/* ---- for its workers and servants ---- */

void generation_worker_ready(struct generation *g, struct worker *w);
void generation_servant_ready(struct generation *g);
/* True: it is to be started again after @rest_ms. */
bool generation_worker_ended(struct generation *g, struct worker *w, int status, uint32_t rest_ms);
bool generation_servant_ended(
	struct generation *g, struct house_servant *v, int status, uint32_t rest_ms);
/* One that rests long must not keep clients waiting: its sockets refuse meanwhile. */
void generation_listen(struct generation *g, const struct worker *w, bool on);
