/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Relayed: a session of a relay listener
 *
 * An inspected session (proxy/inspected.h) whose server is in this process: what the filter prints
 * for it goes to filter/relay/inner.h by memory, and from there to a hop. No descriptor tells that
 * the inner server has something to say, so the watcher of the server's side is fed by hand.
 *
 * Owns:    its inner server, what waits from it and for the hop, the hop while it has one.
 * Callers: proxy/relay/main.c.
 */
#include "proxy/inspected.h"
#include "proxy/relay/ask.h"
#include "proxy/relay/hop.h"
#include "proxy/relay/tls.h"

struct relays { /* what the sessions of a worker share */
	struct hops *hops;
	struct tls_server *tls; /* NULL: no listener speaks it */
	struct asks auth;       /* postern-auth */
	const char *hostname;
};

/* The same contract as inspected_open(); @session has the front of a relay rule. */
void relayed_open(struct proxy *p, int client, const struct log_session *session, uint32_t counted);
