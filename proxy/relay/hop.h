/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hop: a connection to a next hop, ready for a transaction
 *
 * Looked up, dialled with failover, greeted, EHLO said, STARTTLS as the route says, EHLO said
 * again: all before it is handed over. Handed back between transactions it waits for the next
 * one to the same hop, and is asked (RSET) whether it still lives before it is given away again.
 *
 * An address that failed rests, as an internal server does (proxy/dial.h); so does a next hop that
 * speaks no TLS where TLS is required. Sockets come from proxy/spare.h, bound to `bind` where the
 * route has it.
 *
 * Owns:    the connections, also those handed over.
 * Callers: proxy/relay/backend.c.
 * Threads: one, on the worker's loop.
 */
#include "filter/policy/codes.h"
#include "filter/smtp/ehlo.h"
#include "proxy/proxy.h"
#include "proxy/relay/tls.h"

#define HOP_IDLE_MS  30000 /* an unused connection is closed */
#define HOP_IDLE_MAX 32    /* of a worker */
#define HOP_USES_MAX 100   /* transactions of one connection */
#define HOP_TOTAL_MS                                                                               \
	60000 /* from hop_take() to ready, all addresses together; each address has                \
		 the rule's connect and greeting time */

struct hops; /* of a worker */
struct hop;

struct hop_facts {
	struct ip_port peer;
	const char *name;        /* of the host, or its address */
	struct ehlo_offer offer; /* of the EHLO in force; everything the hop understands */
	struct span
		mechanisms; /* of its AUTH keyword, as it stood; borrowed until the hop is gone */
	const char *tls;    /* version, or NULL */
	bool reused;
};

/* What the taker is told; never from within a call of his. */
struct hop_ops {
	void (*ready)(void *context, struct hop *hop);
	/* None can be had: the reply for the client. The hop is gone. @text: enhanced code and
	 * words, static. @code: for the log. @server: what the next hop said, one line, or empty.
	 */
	void (*failed)(void *context, enum code code, uint16_t reply, const char *text,
		struct span server);
	/* Of one handed over: it is readable or writable as was asked for by hop_watch(). */
	void (*event)(void *context, struct hop *hop, bool readable, bool writable);
};

/* @resolve: pair with postern-resolve; -1: none. @roots: PEM of the host's authorities. */
struct hops *hops_new(struct proxy *p, int resolve, struct span roots, struct out *why);
void hops_free(struct hops *h);

/**
 * hop_take() - ask for a connection
 * @domain:    of the recipient; for routes by MX
 * @exclusive: never one that was used, and never given to another afterwards: it will be logged in
 * @timeouts:  connect, greeting and command of the rule
 *
 * Return: a hop that is not ready yet; NULL: no memory. It may be dropped at any time.
 */
struct hop *hop_take(struct hops *h, const struct route *route, struct span domain, bool exclusive,
	const struct rule_timeouts *timeouts, const struct hop_ops *ops, void *context);

const struct hop_facts *hop_facts(const struct hop *hop);

/* As recv(2), writev(2). */
ssize_t hop_read(struct hop *hop, void *to, size_t n);
ssize_t hop_write(struct hop *hop, const struct iovec *pieces, int n);
void hop_watch(struct hop *hop, bool read, bool write);

/* The transaction is over, in step, nothing is owed in either direction. */
void hop_give_back(struct hop *hop);
/* Never again. @reset: in the middle of something: so that nothing can be taken for an end (RST);
 * else QUIT is said and not waited for. */
void hop_drop(struct hop *hop, bool reset);
