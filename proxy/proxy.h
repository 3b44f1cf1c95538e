/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Proxy: one worker: one process, one loop, many flows
 *
 * What the flows of a process share. What workers share is in filter/limits/shared.h. One thread; a
 * round of the loop runs each ready descriptor once.
 *
 * Owns:    everything in it. Flows are on the heap, one block each, listed in @flows.
 * Callers: proxy.
 */
#include <ev.h>

#include "base/ident.h"
#include "base/talk.h"
#include "filter/limits/limits.h"
#include "filter/limits/shared.h"
#include "filter/policy/inspect.h"
#include "log/facts.h"
#include "proxy/intercept.h"
#include "proxy/own.h"
#include "proxy/pool.h"
#include "proxy/probe.h"
#include "proxy/spare.h"
#include "proxy/wheel.h"
#include "rules/load/dynamic.h"

struct flow;
struct relays;

#define PROXY_READ_MAX     (256u * 1024)      /* octets of one read */
#define PROXY_OUT_SIZE     (2 * SMTP_OUT_MAX) /* octets printed before they are written */
#define PROXY_BATCH_S      0.02               /* records wait so long, to go together */
#define PROXY_SPARE_MS     2000               /* for the first sockets of postern-socket */
#define PROXY_PARTINGS_MAX 1024 /* clients that were answered and are being waited for */

/* What a worker knows of one internal server of a rule; all 0: nothing bad. See proxy/dial.h. */
struct server_state {
	uint64_t failed_in; /* the newest dialling when it failed last */
	uint64_t retry_ms;  /* it rests until then */
	uint32_t rest_ms;
};

/* What a worker knows of one rule, by its number. */
struct rule_state {
	uint64_t key;                 /* tally_rule() of its name */
	uint32_t turn;                /* balance round-robin: the internal that is next */
	struct server_state *servers; /* n_internal; one for `internal original` */
};

struct listener {
	struct proxy *proxy;
	ev_io io;
	enum listen_kind kind;
	bool judged; /* by the gate: all that comes is @rule's, or to be refused where that is NULL
		      */
	const struct publish *rule;
	struct ip_port addr;
	unsigned batch; /* connections taken in one round */
};

/* A spare pipe: one whole pipe is lent at a time, see proxy/passed.c. */
#define PIPES_SPARE 16
struct pipes {
	int spare[PIPES_SPARE][2];
	unsigned n;
};

struct proxy {
	struct ev_loop *loop;
	const struct ruleset *rules;
	struct rule_state *states; /* n_rules + 1 */
	struct listener *listeners;
	size_t n_listeners;
	struct shared shared;
	struct ledger ledger;
	struct limits limits; /* used under the lock of @shared */
	struct pool pool;
	struct pipes pipes;
	struct spare spare; /* sockets to dial with */
	struct own own;     /* addresses of this host */
	struct probes probes;
	struct wheel wheel;
	struct ident ident;
	struct flow *flows;
	size_t n_flows;
	unsigned partings;
	uint64_t now_ms;  /* steady; set once a round */
	uint64_t dials;   /* diallings begun */
	uint8_t *scratch; /* what is read goes here; POOL_LARGE octets, given away when they must
			     wait */
	struct out to_client, to_server; /* printed and not yet written; empty between callbacks */
	int reserve; /* a descriptor to close when there is none left, so that a client can be
			answered */
	struct dynamic_sets members;
	struct role_pong counted; /* opened, refused, messages */
	bool draining, stopping;  /* draining: nothing is accepted, sessions go on */
	uint64_t drain_ms;        /* when draining becomes stopping */
	uint64_t stop_ms;         /* when those still there are cut */
	ev_timer tick, rest,
		batch; /* of the wheel; of listeners that pause; of log records that wait */
	ev_check round;
	ev_prepare sleep;
	ev_signal sigterm;
	ev_io parent; /* the control pair with posternd */
	/* of postern-relay, whose sessions begin so; else NULL, as are all its rules */
	void (*relayed_open)(
		struct proxy *p, int client, const struct log_session *session, uint32_t counted);
	void (*relayed_drain)(struct proxy *p);
	struct relays *relays;
	uint8_t out_blocks[2][PROXY_OUT_SIZE];
	struct log_sender log;
};

/* Then little is read at once, so that much memory cannot be bound by many sessions. */
static inline bool proxy_short_of_memory(const struct proxy *p)
{
	return p->pool.lent > p->pool.max / 2;
}
