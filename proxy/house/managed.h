/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Managed: what `mode managed` adds to the house
 *
 *   keeper.c   postern-kernel, the only one that changes the kernel's rules
 *   gate.c     postern-gate and postern-verdict, which judge first packets
 *   managed.c  the order in which a generation comes into force
 *
 * The gate judges by the lanes of one generation, and the kernel has the ways of the same lanes; so
 * they change together, while no packet is judged: first packets wait in the queue meanwhile. Hold
 * the gate, change the kernel, give the gate its rules: then the generation is in force. When the
 * kernel refuses, everything is as it was before and the gate goes on.
 *
 * The netlink sockets, of the queue, connection tracking and copies, are posternd's to keep: a role
 * that is started again finds them as they were, and first packets wait in the queue meanwhile.
 * When posternd ends they go with it: then nothing takes packets from the queue and nobody gets in,
 * while the kernel's rules stay and what passes goes on.
 *
 * Callers: proxy/house.
 */
#include "filter/limits/ledger.h"
#include "proxy/house/barrier.h"
#include "proxy/house/child.h"

#define MANAGED_DEAD_MAX 1000

struct house;
struct generation;
struct worker;

enum managed_step {
	MANAGED_IDLE,
	MANAGED_HOLDING,  /* waits for GATE_HELD */
	MANAGED_APPLYING, /* waits for KERNEL_DONE */
	MANAGED_RULING,   /* waits for GATE_RULED */
};

struct managed {
	struct house *house;
	bool on;
	struct child kernel, gate, verdict;
	int queue, track, copies; /* netlink; -1: not yet */
	int verdicts[2];          /* the pair between gate and writer */
	unsigned seat;            /* of the gate */
	int log;                  /* the gate's sender; -1: none */
	struct ledger ledger;
	enum managed_step step;
	struct generation *coming; /* that the step is about */
	bool held;                 /* the gate judges nothing */
	bool stale;                /* the kernel's rules are of interfaces that have changed */
	const struct generation
		*applying; /* postern-kernel makes its rules the kernel's; NULL: none */
	struct barrier barrier;
	struct bans_pace pace; /* of the gate */
	size_t n_dead;
	struct ip_port dead[MANAGED_DEAD_MAX]; /* internals, as the proxy that asks them told */
};

/* The house has rules. Return: 0; <0 errno. */
int managed_init(struct managed *m, struct house *house);

/* Starts what can be started by now. Return: 0; <0 errno. */
int managed_start(struct managed *m);
/* Generations may come. */
bool managed_ready(const struct managed *m);

/* The workers of @g wait to serve: the rest of the house follows. It ends in
 * house_generation_ready() or house_generation_failed(). */
void managed_bring_in(struct managed *m, struct generation *g);
/* @g will not come. */
void managed_forget(struct managed *m, const struct generation *g);

/* Tells the gate, when there is one. */
void managed_tell_members(struct managed *m, int fd);

/* Such a worker is to ask the internals of passing rules. */
void managed_worker_ready(struct managed *m, struct worker *w);
/* ROLE_DEAD of a worker. False: nonsense. */
bool managed_dead(struct managed *m, const struct msg *message);

/* Interfaces or addresses have changed: the kernel gets its rules once more, with the ways there
 * are now. */
void managed_stale(struct managed *m);

void managed_look(struct managed *m);
/* Nobody is judged any more. */
void managed_stop(struct managed *m);
bool managed_lives(const struct managed *m);
void managed_kill(struct managed *m);
void managed_deinit(struct managed *m);

/* ---- keeper.c, gate.c ---- */

void keeper_init(struct managed *m);
void gate_init(struct managed *m);
/* The gate is there, and held. */
void managed_gate_ready(struct managed *m);
/* False: nonsense. */
bool managed_gate_told(struct managed *m, const struct msg *message);
void managed_kernel_ready(struct managed *m);
bool managed_kernel_told(struct managed *m, const struct msg *message);
