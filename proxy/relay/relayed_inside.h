/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Relayed inside: what the parts of the module have in common
 *
 *   relayed.c         the session: the filter's server's end
 *   relayed_walk.c    the inner server between the filter and the hop
 *   relayed_hop.c     the hop: taken, lost, given back
 *   relayed_client.c  the client's end: in clear, or inside TLS
 *   relayed_login.c   logins that postern-auth checks
 *
 * Callers: proxy/relay/relayed*.c only.
 */
#include "filter/relay/inner.h"
#include "proxy/relay/relayed.h"

struct relayed {
	struct inspected s; /* first */
	const struct relay_listen *listen;
	struct tls *tls; /* with the client; NULL: in clear */
	bool inside;     /* ... its handshake is done */
	struct inner inner;
	struct held replies;         /* of the inner server, not yet read by the filter */
	struct held hop_in, hop_out; /* read from the hop; to be written to it */
	struct hop *hop;             /* NULL: none, or none wanted */
	bool hop_ready, dialled;
	struct ask login; /* of an exchange with postern-auth */
	bool login_told;  /* what came of one by the next hop, to postern-auth */
	bool stuck; /* the inner server takes nothing of the filter's before the hop has told */
};

static inline struct relayed *relayed_of(struct inspected *s)
{
	return (struct relayed *)(void *)s;
}

static inline struct proxy *proxy_of(const struct relayed *r)
{
	return r->s.flow.proxy;
}

/* ---- relayed_client.c: as struct inspected_kind has them ---- */

/* What the listener speaks is what the filter is told. */
void relayed_begin_client(struct relayed *r, bool login_required);
ssize_t relayed_read_client(struct inspected *s, void *to, size_t n);
ssize_t relayed_write_client(struct inspected *s, const struct iovec *pieces, int n);
void relayed_shake(struct inspected *s);
void relayed_watch_client(struct relayed *r, int events);
void relayed_close_client(struct relayed *r, bool unread);

/* ---- relayed_login.c ---- */

/* INNER_LOGIN and the like; @step brought them. */
void relayed_login(struct relayed *r, const struct inner_step *step);
/* The client waits no longer for what postern-auth says. */
void relayed_login_late(struct relayed *r);
/* The session ends. */
void relayed_login_end(struct relayed *r);

/* ---- relayed_walk.c ---- */

/* What came from the filter, @engine, and from the hop, through the inner server, as far as it
 * takes it. Return: octets of @engine that were taken. */
size_t relayed_walk(struct relayed *r, struct span engine);

/* ---- relayed_hop.c ---- */

void relayed_hop_take(struct relayed *r);
/* Given back where it is in step; the inner server has none any more. */
void relayed_hop_release(struct relayed *r);
/* As hop_drop(), where there is one. */
void relayed_hop_drop(struct relayed *r, bool reset);
/* It is not ready, and is not waited for. */
void relayed_hop_give_up(struct relayed *r);
/* Outside a walk: the record has errno, 0 where it just closed, and the filter its replies. */
void relayed_hop_lost(struct relayed *r);
/* A record. @error: errno or 0; @said: its words, or empty. */
void relayed_hop_tell(struct relayed *r, enum code code, int error, struct span said);

/* ---- relayed.c ---- */

/* Behind what waits in @h; without room the session is aborted. */
void relayed_keep(struct relayed *r, struct held *h, struct span octets);
/* Something for the filter: it is kept until it is read. */
void relayed_reply(struct relayed *r, struct span octets);
/* ... and whatever can be done now is. @r may be gone afterwards. */
void relayed_go_on(struct relayed *r);
