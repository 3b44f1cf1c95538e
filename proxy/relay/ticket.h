/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ticket: the keys of session tickets (RFC 5077, RFC 8446 4.6.1)
 *
 * The workers of a generation take each other's tickets, and need not speak for that: each period
 * has a key, made from the one before it by a hash that cannot be undone, and they all begin with
 * the same secret. What is older than the period before is forgotten, so that a taken relay tells
 * nothing of the sessions of yesterday.
 *
 * Callers: proxy/relay/tls_server.c.
 */
#include <openssl/types.h>

#include "base/span.h"

#define TICKET_PERIOD_S 7200

struct tickets {
	uint64_t period; /* number of the one @now is for */
	uint8_t chain[32];
	struct ticket_key {
		bool is_set;
		uint8_t name[16], cipher[32], mac[32];
	} now, before;
};

/* @secret: TEXT_TICKETS: octets drawn at random, and in the last 8 the second in which. False: it
 * is none. */
bool tickets_init(struct tickets *t, struct span secret, int64_t wall_s);

/* Makes the context's tickets ours; @t lives as long. */
bool tickets_use(SSL_CTX *ctx, struct tickets *t);
