/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and the roles of relay listeners agree on
 *
 *     postern-relay   SANDBOX SEAT CONTROL LOG BUNDLE COUNTS LEDGER SPARE4 SPARE6
 *                     TEXTS KEY AUTH RESOLVE LISTENER...
 *     postern-key     SANDBOX CONTROL TEXTS
 *     postern-auth    SANDBOX CONTROL BUNDLE TEXTS LOCKOUTS PAM
 *     postern-pam     SANDBOX CONTROL
 *     postern-resolve SANDBOX CONTROL BUNDLE TEXTS
 *
 * SANDBOX to SPARE6 are as for postern-proxy (proxy/roles.h); each LISTENER is one of a relay rule.
 * The four servants (proxy/relay/serve.h) belong to a generation as its relays do, and there is one
 * of each that its rules need.
 *
 * KEY, AUTH, RESOLVE and PAM are ends of pairs (msg_pair()) with those roles; "-": the rules need
 * none. Each process that asks has pairs of its own; the other ends come to the servant by
 * ROLE_ADD, at any time. posternd keeps copies of those, so that either side can be started anew
 * alone: what waits in a pair is the successor's to answer. What they say is in proxy/relay/asks.h.
 *
 * TEXTS is a sealed memfd with base/texts.h, of the kinds below, those only that the role may have;
 * "-": the rules need none. LOCKOUTS is a room (memfd_room()) of LOCKOUT_ROOM octets, zeroed at
 * posternd's start and the same for all generations: so that neither a reload nor the death of
 * postern-auth lets anybody try again.
 *
 * A servant answers ROLE_PING and ends by ROLE_STOP, SIGTERM, or when CONTROL closes.
 */
#include "proxy/roles.h"

/* the order of descriptors */
enum {
	FD_TEXTS = FD_SPARE6 + 1,
	FD_KEY,
	FD_AUTH,
	FD_RESOLVE,
	FD_RELAY_LISTENERS,
};
#define SERVANT_FDS 6 /* CONTROL and those below, at most */
enum { KEY_FD_TEXTS, KEY_FDS };
enum { AUTH_FD_BUNDLE, AUTH_FD_TEXTS, AUTH_FD_LOCKOUTS, AUTH_FD_PAM, AUTH_FDS };
enum { RESOLVE_FD_BUNDLE, RESOLVE_FD_TEXTS, RESOLVE_FDS };

/* postern-auth has no way to connect: over CONTROL it asks for a connection to the socket of a
 * `via dovecot`. */
enum {
	AUTH_CONNECT = 176, /* from auth: uint32_t, the place in ruleset.auths */
	AUTH_CONNECTED,     /* to auth: the same, with the descriptor; none: it cannot be had */
};

enum relay_text {
	TEXT_ROOTS = 1, /* relay: PEM, the authorities of the host, for `tls verify`. No name */
	TEXT_CHAIN,     /* relay, key: PEM chain of the certificate NAME */
	TEXT_KEY,       /* key: PEM key of the certificate NAME */
	TEXT_TICKETS,   /* relay: TICKET_SECRET octets, from which all workers make the keys of
			   session tickets: random ones, and an int64_t: the second of wall clock
			   when they were drawn. No name */
	TEXT_PASSWORDS, /* auth: the file of the auth NAME */
	TEXT_RESOLV,    /* resolve: /etc/resolv.conf. No name */
	TEXT_HOSTS,     /* resolve: /etc/hosts. No name */
	TEXT_ANCHOR,    /* resolve: trust anchors of DNSSEC, where the host has them. No name */
};
#define TICKET_SECRET 40
#define LOCKOUT_ROOM  (4u << 20)
