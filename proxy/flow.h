/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Flow: one accepted connection, with the server's beside it
 *
 * What inspected and passed sessions have in common: the two descriptors, the rule, the timer, the
 * record of the session. Each kind embeds it as its first member.
 *
 * Owns:    both descriptors (watcher.fd, -1: none) and its place in the counts.
 * Callers: proxy/listen.c opens; proxy/inspected.c, proxy/passed.c carry on.
 */
#include "proxy/proxy.h"
#include "proxy/wait.h"

struct flow {
	struct proxy *proxy; /* borrowed, outlives the flow */
	struct flow *next, **pprev;
	ev_io client, server;
	struct wheel_entry timer;
	uint64_t opened_ms, since_ms; /* @since_ms: the wait began */
	uint64_t c2s, s2c;            /* octets read from the client, written to it */
	uint64_t dial;                /* number of this dialling, by proxy->dials */
	uint32_t first, place;        /* the internal it began with, how far from there it is */
	uint32_t counted;             /* its place in the ledger */
	struct log_session log;       /* id, client, to, internal, rule */
	uint8_t wait;                 /* enum wait */
	bool connecting;
	bool inspected;
};

static inline const struct publish *flow_rule(const struct flow *f)
{
	return f->log.rule;
}

/* Room for a flow of @size octets, linked in; logs the opening. limits_enter() has counted it, at
 * place @counted. NULL: no memory, it is counted no more. */
struct flow *flow_new(struct proxy *p, size_t size, int client, const struct log_session *session,
	uint32_t counted, void (*on_client)(struct ev_loop *, ev_io *, int),
	void (*fire)(struct wheel_entry *));

/* Logs the close, stops watchers and timer, leaves the counts, frees. Descriptors must be gone (-1)
 * by now. */
void flow_free(struct flow *f, const struct log_close *close);

/* limits_room(), limits_count() and limits_session_over() for this flow, under the lock. The caller
 * asks only where the rule says such a thing. */
struct limit_answer flow_room(struct flow *f, enum tally_what what, uint64_t n, bool take);
void flow_count(struct flow *f, enum tally_what what, uint64_t n);
void flow_session_over(struct flow *f);

/* Watches for @events from now on; 0: nothing. Costs nothing when that is so already. */
void flow_watch(struct flow *f, ev_io *io, int events);

/* Takes the descriptor out of a watcher: it is the caller's to close. -1 when there was none. */
int flow_release(struct flow *f, ev_io *io);

/* What is waited for now. @activity: since the last call. Begins the wait anew when it is another
 * one, or when that renews it. */
void flow_waits(struct flow *f, enum wait wait, unsigned activity);

/* When the wait or the whole session is over, UINT64_MAX: never. @codep: which. */
uint64_t flow_deadline(const struct flow *f, enum code *codep);

/* Has the timer look at the flow at @due_ms at the latest. */
void flow_alarm(struct flow *f, uint64_t due_ms);
