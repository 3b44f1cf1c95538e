/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Gate: one process, one loop, three netlink sockets
 *
 *   queue.c    packets that wait for a decision come in
 *   decide.c   packet -> answer, and what is told of it
 *   out.c      verdicts go out, to the writer
 *   events.c   what connection tracking tells; sweeps
 *   copies.c   first packets of passed sessions, copied for their hellos
 *   orders.c   what posternd says
 *
 * A packet costs no allocation. When the writer does not keep up, the queue is not read; nothing
 * that was read is forgotten. Fail closed: what has no answer goes nowhere.
 *
 * Owns:    everything in it. One of a process.
 * Callers: filter/gate.
 */
#include <ev.h>

#include "base/talk.h"
#include "filter/gate/answers.h"
#include "filter/gate/inbox.h"
#include "filter/gate/judge.h"
#include "filter/gate/queued.h"
#include "filter/gate/track.h"
#include "filter/gate/wire.h"

#define GATE_TICK_S    1.0
#define GATE_BATCH_S   0.1  /* records wait so long for others */
#define GATE_QUESTIONS 1024 /* more ends than a round of events tells */

struct gate {
	struct ev_loop *loop;
	ev_io parent, packets, events, writer; /* writer: only while verdicts wait for room */
	ev_prepare sleep;
	ev_timer batch, tick;
	ev_signal sigterm;

	struct book book;
	struct dead dead;
	struct judge judge;
	struct answers answers;
	struct shared shared;
	struct ledger ledger;
	struct track track;
	struct ident ident;
	struct log_sender log;
	struct track_time now; /* of the round */
	bool held;

	struct gate_verdict
		verdicts[VERDICTS_MAX]; /* that wait for the end of the round, or for room */
	size_t n_verdicts;

	struct queue_state {
		struct inbox inbox;
		bool begun;        /* a packet has come */
		uint16_t number;   /* of the queue */
		uint32_t last_id;  /* of the packets there were */
		uint32_t tick_id;  /* last_id a tick ago */
		uint32_t older_id; /* what was left without answer up to here is dropped already */
		int told;          /* errno of verdicts that failed, told last */
	} queue;
	struct sweep_state {
		struct inbox inbox;
		uint32_t question; /* number of the dump under way; 0: none */
		uint64_t begun_ms, heard_ms;
		bool wanted; /* one more is to begin */
		bool told;   /* its end is worth a record */
	} sweep;
	struct {
		struct inbox inbox;
		ev_io watch;
	} copies;
	struct { /* for counters of sessions that have ended: not yet with out.c */
		struct gate_verdict list[GATE_QUESTIONS];
		size_t n;
	} questions;
	struct { /* not yet told */
		uint64_t packets, overruns, verdicts, events, malformed, copies;
	} lost;
	struct role_pong counted;
};

/* ---- queue.c ---- */
void queue_begin(struct gate *g, int fd);
void queue_hold(struct gate *g);
void queue_go(struct gate *g); /* not before there are rules */
void queue_tick(struct gate *g);

/* ---- decide.c ---- */
/* The verdict is with out.c then. */
void decide(struct gate *g, const struct queued *q);

/* ---- out.c ---- */
void out_begin(struct gate *g, int fd);
void out_verdict(struct gate *g, const struct gate_verdict *v);
/* False: not all could be sent, the rest waits for room. */
bool out_flush(struct gate *g);
/* What waits for room is not sent: those packets stay without an answer, and are dropped by the
 * next VERDICT_OLDER. */
void out_forget(struct gate *g);

/* ---- events.c ---- */
void events_begin(struct gate *g, int fd);
/* Look through all connections, as soon as may be. @told: with a record of what was found. */
void events_sweep(struct gate *g, bool told);
void events_tick(struct gate *g);
bool events_wait(const struct gate *g); /* is there something for a tick to do? */
/* All that has come by now, within reason. */
void events_read(struct gate *g);
/* Asks for the counters of what has ended, as far as there is room. */
void events_ask(struct gate *g);

/* ---- copies.c ---- */
void copies_begin(struct gate *g, int fd);
/* All that has come by now, within reason. False: there is more. */
bool copies_read(struct gate *g);

/* ---- orders.c ---- */
void orders_begin(struct gate *g, int fd);

/* ---- list.c ---- */
/* A sealed memfd, a line for each open session (log/listed.h); -1: there are none, or no memory. */
int list_memfd(const struct gate *g);

/* Every callback's first act. */
void gate_now(struct gate *g);
