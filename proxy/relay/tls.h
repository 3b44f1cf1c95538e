/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * TLS, as far as a relay speaks it
 *
 * OpenSSL behind a few functions, so that no other file knows it. TLS 1.2 at least; no
 * renegotiation, no compression. The private keys are elsewhere: what a handshake must sign is
 * asked of postern-key (proxy/relay/key.h).
 *
 * Plaintext that came before the handshake is the caller's to drop; nothing here reads ahead of it.
 *
 * Owns:    contexts; a connection's state. Never a descriptor.
 * Callers: proxy/relay.
 * Threads: one.
 */
#include <sys/types.h>
#include <sys/uio.h>

#include "base/out.h"
#include "rules/ruleset.h"

struct tls_server; /* with clients: certificates, session tickets */
struct tls_client; /* towards next hops: authorities of the host */
struct tls;        /* one connection */

enum tls_step {
	TLS_DONE,
	TLS_WANT_READ,  /* call again when the descriptor is readable */
	TLS_WANT_WRITE, /* ... writable */
	TLS_FAILED,     /* tls_why() says what is the matter */
};

/**
 * tls_server_new() - what every listener of the rules that speaks TLS needs
 * @texts: of proxy/relay/roles.h: TEXT_CHAIN, TEXT_TICKETS; not needed afterwards
 * @key:   end of the pair with postern-key, borrowed
 * @why:   one line on failure
 *
 * Return: NULL on failure.
 */
struct tls_server *tls_server_new(
	const struct ruleset *rs, struct span texts, int key, struct out *why);
void tls_server_free(struct tls_server *s); /* takes NULL */

/* The handshake of an accepted connection, to be carried on by tls_shake(). NULL: no memory. */
struct tls *tls_accept(struct tls_server *s, const struct relay_listen *listen, int fd);

/* @roots: PEM, may be empty: then `tls verify` finds nobody trustworthy. @why: one line on failure.
 */
struct tls_client *tls_client_new(struct span roots, struct out *why);
void tls_client_free(struct tls_client *c); /* takes NULL */

/**
 * tls_connect() - the handshake of a connection to a next hop
 * @name:  sent as SNI and, with ROUTE_TLS_VERIFY, what the certificate must be for; NUL-terminated;
 *         an address: as text, not sent
 * @how:   ROUTE_TLS_OPPORTUNISTIC, _REQUIRED: any certificate; _VERIFY
 *
 * To be carried on by tls_shake(). NULL: no memory.
 */
struct tls *tls_connect(struct tls_client *c, enum route_tls how, const char *name, int fd);

enum tls_step tls_shake(struct tls *t);

/* As recv(2) and writev(2) on a non-blocking descriptor: octets; 0 (reading only): the peer said it
 * is done; -1 with errno: EAGAIN, EPROTO (a record that is none, or cut off: no end that could be
 * believed), or the socket's. */
ssize_t tls_read(struct tls *t, void *to, size_t n);
ssize_t tls_write(struct tls *t, const struct iovec *pieces, int n);

/* Were octets read from the socket that tls_read() did not give yet? Then no descriptor tells. */
bool tls_pending(const struct tls *t);

/* Says to the peer that we are done, as far as the socket takes it at once. */
void tls_bye(struct tls *t);
void tls_free(struct tls *t); /* takes NULL */

/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; after the handshake. */
const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
bool tls_resumed(const struct tls *t);
/* The name the client asked for (RFC 6066 3), as it came; "": none. */
const char *tls_name(const struct tls *t);
/* Why the handshake failed, in a few words without secrets. */
const char *tls_why(const struct tls *t);
