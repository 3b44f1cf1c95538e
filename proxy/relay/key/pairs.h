/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Pairs: certificates with their private keys, and what is signed with them
 *
 * Owns:    the keys. They are in no other process but posternd, which reads their files.
 * Callers: proxy/relay/key/main.c.
 */
#include "base/out.h"
#include "proxy/relay/asks.h"

struct pairs;

/* @texts: descriptor of TEXT_CHAIN and TEXT_KEY. NULL: @why says in a line what is wrong. */
struct pairs *pairs_new(int texts, struct out *why);
void pairs_free(struct pairs *p); /* takes NULL */

/* @scheme: a TLS SignatureScheme. Return: octets of the signature in @to; 0: this is not to be
 * signed, or not with this key. */
size_t pairs_sign(const struct pairs *p, struct span name, uint32_t scheme, struct span text,
	uint8_t to[KEY_SIGNED_MAX]);
