/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * TLS inside: what the parts of the module have in common
 *
 *   tls.c         a connection
 *   tls_client.c  towards next hops;  tls_server.c  with clients
 *   ticket.c      the keys of session tickets
 *
 * Callers: proxy/relay/tls*.c, ticket.c only.
 */
#include <openssl/ssl.h>

#include "proxy/relay/tls.h"

#define TLS_WHY_MAX 96

struct kept; /* tls_client.c */

struct tls {
	SSL *ssl;
	const struct tls_server *server; /* of a client's connection, as the next */
	const struct relay_listen *listen;
	struct kept *kept; /* of a hop's connection: where its session goes; NULL: nowhere */
	unsigned kept_turn;
	bool more; /* a read may give octets that no descriptor tells of */
	char why[TLS_WHY_MAX];
};

/* NULL: no memory. */
struct tls *tls_new(SSL_CTX *ctx, int fd);
/* @library: NULL: the usual. */
SSL_CTX *tls_ctx(OSSL_LIB_CTX *library, const SSL_METHOD *method);
