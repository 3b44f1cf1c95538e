/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Key inside: what the parts of the module have in common
 *
 *   key.c           the pair with postern-key
 *   key_provider.c  what OpenSSL sees of it
 *
 * Callers: proxy/relay/key*.c only.
 */
#include <openssl/core.h>

#include "filter/relay/signing.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/key.h"

struct keys {
	int fd;
	uint64_t number;  /* of the next question */
	uint64_t rest_ms; /* steady; nothing is asked before */
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *usual, *ours;
};

/* A key as the provider knows it. */
struct key {
	struct keys *keys;
	const char *name;
	EVP_PKEY *public_key; /* one reference is its own */
	enum signing_key kind;
};

/* The name of the parameter that brings a struct key into the provider: a copy, by its octets. */
#define KEY_PARAM "postern-key"

extern OSSL_provider_init_fn key_provider_init;

/* Asks, and waits. Return: octets of the signature; 0: there is none. */
size_t key_ask(const struct key *key, const struct signing_scheme *scheme, struct span text,
	uint8_t *to, size_t size);
