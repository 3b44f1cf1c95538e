/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Key: private keys that are elsewhere
 *
 * OpenSSL takes them for its own: they are of a provider (provider-base(7)) whose only operation
 * asks postern-key and waits. A signature takes a processor either way, and the handshake waits for
 * nothing else; so the loop waits, but never long: an answer is awaited for KEY_WAIT_MS, and once
 * one did not come, none is asked for during KEY_REST_MS.
 *
 * Owns:    its library context. Borrows the end of the pair.
 * Callers: proxy/relay/tls_server.c.
 * Threads: one.
 */
#include <openssl/types.h>

#include "base/out.h"

#define KEY_WAIT_MS 2000
#define KEY_REST_MS 1000

struct keys;

/* @fd: the end of the pair with postern-key. NULL: no memory, or OpenSSL will not have it. */
struct keys *keys_new(int fd);
void keys_free(struct keys *k); /* takes NULL; the keys, and what uses them, are gone */

/* The library context that knows them. */
OSSL_LIB_CTX *keys_ctx(const struct keys *k);

/* The private key that belongs to @public, known to postern-key as @name, which outlives it. NULL:
 * it is of a kind that is not signed with. */
EVP_PKEY *keys_private(struct keys *k, const char *name, EVP_PKEY *public_key);
