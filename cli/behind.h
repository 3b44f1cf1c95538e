/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Behind: the inner server of a relay listener and its next hop, for the player
 *
 * What proxy/relay/relayed.c and hop.c do with sockets, timers and helpers, done with queues of
 * octets and the script's clock. The script's server is each next hop that a route names: where one
 * fails the next is dialled. What its names and domains are looked up to is not asked, who logs in
 * is what the script says, and how long an unused connection is kept is not played.
 *
 * Owns:    its queues; behind_deinit() returns them.
 * Callers: cli/stage.c, cli/player.c.
 */
#include "cli/queues.h"
#include "filter/relay/hop_hello.h"
#include "filter/relay/inner.h"

struct player;

enum behind_hop {
	BEHIND_NOBODY,
	BEHIND_GREETING, /* @hello speaks */
	BEHIND_SHAKING,  /* TLS, until the script says so */
	BEHIND_TAKEN,    /* the inner server's */
	BEHIND_IDLE,     /* between transactions */
};

struct behind {
	struct inner inner;
	struct octets printed; /* by the filter for the inner server */
	struct octets heard;   /* of the next hop */
	enum behind_hop hop;
	struct hop_hello hello;
	uint64_t since_ms;         /* it has been waited for: the player's clock */
	size_t left;               /* next hops to try, the one that is tried included */
	const struct route *route; /* what the connection was taken for: it, the domain, and */
	uint8_t domain_n;
	char domain[SMTP_DOMAIN_MAX];
	bool exclusive;
	bool at_once; /* the client begins with its handshake */
	bool asked;   /* who checks logins has to say something, since: */
	uint64_t asked_ms;
};

/* A session of the player's relay, at its listener @listen, begins. */
void behind_begin(struct player *p, const struct relay_listen *listen);
void behind_deinit(struct behind *b);

/* One step of the inner server or towards a next hop. Return: was something done? */
bool behind_run(struct player *p);

/* What the filter wants of its server: INSPECT_RESET_SERVER, INSPECT_END. */
void behind_reset(struct player *p);
void behind_end(struct player *p);

/* The script's server closed or reset its connection. */
void behind_hop_ended(struct player *p);
/* The script says that the handshake of its client ('C') or its server ('S') is done. False: there
 * is none. */
bool behind_secured(struct player *p, char side);
/* ... what the login check says: "235", "334 BASE64", "535" and the like. False: nobody asked it,
 * or it is none of these. */
bool behind_login(struct player *p, struct span says);

/* Is the client to begin TLS now? What it sends instead is no TLS. */
bool behind_client_shakes(const struct player *p);

/* Time has passed: it may be too much for a next hop that is being greeted, or for the login check.
 */
void behind_let_pass(struct player *p);
/* It was too much for an answer. False: nobody behind owes one. */
bool behind_late(struct player *p);
