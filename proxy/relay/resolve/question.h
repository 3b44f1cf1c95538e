/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Question: from a name to where it is, for one who asked
 *
 * Mail for a domain goes to its exchangers (filter/relay/mx.h), or, where it has none, to itself
 * (RFC 5321 5.1); a host's addresses stand in the hosts file, or in the DNS. Address literals are
 * answered at once. What has come when the time is over counts, the rest has failed for now.
 *
 * Limits: names are whole, no domain is searched; the hosts file tells of hosts that rules name,
 * not of exchangers: what a stranger wrote into the DNS does not mean hosts of ours.
 *
 * Owns:    the questions that are open.
 * Callers: proxy/relay/resolve/main.c.
 * Threads: one.
 */
#include "filter/relay/mx.h"
#include "proxy/own.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/resolve/resolver.h"
#include "proxy/relay/serve.h"

#define QUESTION_MS     20000 /* below ASK_MS: an answer is still waited for */
#define QUESTIONS_MAX   2048  /* beyond it the answer is RESOLVE_TEMPFAIL */
#define QUESTIONS_OF_ME 256   /* ... of one client: nobody asks for all */

struct questions {
	struct ev_loop *loop;
	struct resolver **resolvers; /* of each route; NULL: it needs none */
	size_t n_routes;
	const char *hostname; /* of this host; A-labels, lower case */
	struct span hosts;    /* text */
	struct own own;
	struct question *list;
	size_t n;
};

/* @body: struct resolve_ask and a name. It is answered, now or later. False: nonsense. */
bool question_asked(struct questions *qs, struct servant_client *client, struct span body);
/* Its questions are dropped. */
void questions_gone(struct questions *qs, const struct servant_client *client);
