/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hop: a connection to a next hop, ready for a transaction
 *
 * Dialled with failover, greeted, EHLO said, STARTTLS as the route says, EHLO said again: all
 * before it is handed over. Handed back between transactions it waits for the next one to the same
 * hop, and is asked (RSET) whether it still lives before it is given away again.
 *
 * A next hop that failed rests (proxy/relay/rests.h): the others are tried before it. Names, and
 * the exchangers of a domain, are looked up by postern-resolve when their turn comes. Sockets come
 * from proxy/spare.h, bound to `bind` where the route has it.
 *
 * A session has one hop at most, so `limit connections` of its rule bounds them.
 *
 *   hop.c         life: taking, waiting, idling, ends
 *   hop_dial.c    connections, and from one next hop to the next
 *   hop_lookup.c  what postern-resolve is asked
 *   hop_greet.c   what is said until it is ready
 *
 * Owns:    the connections, also those handed over.
 * Callers: proxy/relay/relayed*.c.
 * Threads: one, on the worker's loop.
 */
#include <sys/types.h>
#include <sys/uio.h>

#include "filter/policy/codes.h"
#include "filter/smtp/ehlo.h"
#include "proxy/proxy.h"
#include "proxy/relay/tls.h"

#define HOP_IDLE_MS  30000 /* an unused connection is closed */
#define HOP_IDLE_MAX 32    /* of a worker */
#define HOP_USES_MAX 100   /* transactions of one connection */

struct hops; /* of a worker */
struct hop;

struct hop_facts {
	struct ip_port peer;
	struct ehlo_offer offer; /* of the EHLO in force; everything the hop understands */
	const char *tls;         /* version, or NULL */
	bool reused;
};

/* Why a next hop will not do. */
struct hop_failure {
	enum code code;      /* has the reply for the client, where no other is left */
	struct ip_port peer; /* IP_NONE: none was tried */
	int error;           /* errno or 0 */
	struct span said;    /* by it, one line, or empty; of one that was not found, its name */
};

/* What the taker is told; but for passed_over() never from within a call of his. */
struct hop_ops {
	void (*ready)(void *context, struct hop *hop);
	/* This one will not do, and another is tried. */
	void (*passed_over)(void *context, const struct hop_failure *failure);
	/* None can be had, and the last that was tried failed so. The hop is gone. */
	void (*failed)(void *context, const struct hop_failure *failure);
	/* Of one handed over: it is readable or writable as was asked for by hop_watch(). */
	void (*event)(void *context, struct hop *hop, int events);
};

/* @tls: what speaks TLS with next hops, taken over; NULL: none of the routes needs it. @resolve:
 * end of the pair with postern-resolve, -1: nothing is to be looked up. NULL: no memory. */
struct hops *hops_new(struct proxy *p, struct tls_client *tls, const char *hostname, int resolve);
void hops_free(struct hops *h);
/* Closes those that are unused: nothing new will come. */
void hops_drain(struct hops *h);

/**
 * hop_take() - ask for a connection
 * @domain:    of a route by MX, whose mail it is, as in a path, lower case; else empty
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
/* EV_READ, EV_WRITE */
void hop_watch(struct hop *hop, int events);

/* The transaction is over, in step, nothing is owed in either direction. */
void hop_give_back(struct hop *hop);
/* It is not ready, and its taker waits no longer: the next hop that is tried rests, as one that
 * failed. */
void hop_give_up(struct hop *hop);
/* Never again. @reset: in the middle of something: so that nothing can be taken for an end (RST);
 * else QUIT is said and not waited for. */
void hop_drop(struct hop *hop, bool reset);
