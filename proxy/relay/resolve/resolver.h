/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Resolver: lookups in the DNS
 *
 * libunbound behind a few functions, so that no other file knows it. It asks the servers it is
 * given, never those of the root; answers are kept and, with trust anchors, validated. It makes
 * neither thread nor process, opens no file, and says nothing on standard error.
 *
 * Limits: its caches are bounded (RESOLVER_CACHE octets and a few tables), and so are sockets: what
 * is more waits.
 *
 * Owns:    contexts of libunbound. A lookup belongs to who began it.
 * Callers: proxy/relay/resolve.
 * Threads: one.
 */
#include "base/ip.h"
#include "base/out.h"
#include "filter/relay/dns.h"
#include "proxy/relay/resolve/events.h"

#define RESOLVER_CACHE       "8m"
#define RESOLVER_SOCKETS     "256" /* UDP */
#define RESOLVER_SOCKETS_TCP "32"

struct resolver;

struct resolver_conf {
	const struct ip_port *servers; /* asked in any order */
	size_t n;
	struct span anchors; /* lines as filter/relay/host_texts.h has them; empty: nothing is
				validated */
};

/* @events outlives it. NULL: @why says so in a few words. */
struct resolver *resolver_new(
	struct events *events, const struct resolver_conf *conf, struct out *why);
void resolver_free(struct resolver *r); /* takes NULL; lookups that are open are never told */

enum lookup_result {
	LOOKUP_OK,   /* the name is there; maybe without such records */
	LOOKUP_NONE, /* it is not */
	LOOKUP_FAILED,
	LOOKUP_BOGUS, /* forged, DNSSEC says */
};

struct lookup {
	struct resolver *resolver; /* NULL: not open */
	int id;
	/* Once, maybe from within lookup_begin(); it is closed by then. @message: the response,
	 * with LOOKUP_OK. It may begin no other lookup: libunbound is in the middle of something.
	 */
	void (*told)(struct lookup *l, enum lookup_result result, struct span message, bool secure);
};

/* @l->told is set. @host: no root dot. */
void lookup_begin(struct lookup *l, struct resolver *r, const char *host, enum dns_type type);
/* Closes it: it is not told any more. Also when it is not open. */
void lookup_end(struct lookup *l);
