/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * SipHash (Aumasson and Bernstein, 2012)
 *
 * A hash under a secret key: who does not know the key can neither choose inputs that meet nor
 * guess the next value.
 *
 * Owns:    nothing.
 * Callers: base/tally.c (1-3: which bucket), base/ident.c (2-4: numbers that are shown).
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

/* SipHash-1-3: for tables, where a peer never sees the value. */
uint64_t sip13(const uint64_t key[2], struct span octets);

/* SipHash-2-4: for values that a peer may see. */
uint64_t sip24(const uint64_t key[2], struct span octets);
