/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ident: names for sessions and incidents
 *
 * A session id sorts by the time of its accept and is unique over all workers of a host: nine
 * digits of milliseconds, two of the worker, three that count within the millisecond, in
 * Crockford's alphabet in lower case. Should the clock be set back, the ids of a worker go on from
 * the latest time they have shown.
 *
 * An incident number is told to the peer, so it must tell nothing: the n-th is SipHash-2-4 of n
 * under a key drawn once. Numbers may meet again, after some ten thousands; a record is found by
 * number and time.
 *
 * Owns:    nothing outside itself.
 * Callers: proxy (one source a worker).
 * Threads: one at a time per source.
 */
#include <stdint.h>

#define IDENT_SESSION 14   /* characters */
#define IDENT_WORKERS 1024 /* worker numbers are below */

struct ident {
	uint64_t key[2];
	uint64_t incidents;
	uint64_t last_ms;
	uint32_t in_ms; /* sessions begun in last_ms */
	uint32_t worker;
};

/* Return: 0; <0 errno of getrandom(2). */
int ident_init(struct ident *d, unsigned worker);

/* The id of a session accepted now, NUL at its end. */
void ident_session(struct ident *d, int64_t wall_ns, char text[IDENT_SESSION + 1]);

/* @bits: 1 to 32. Never 0. */
uint32_t ident_incident(struct ident *d, unsigned bits);
