/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Pool: memory lent while octets wait
 *
 * A session owns no buffer. What cannot be written or decided at once is kept in a block lent from
 * here, of the smallest class that holds it, and given back with the last octet. The sum of all
 * lent blocks is bounded.
 *
 * `struct held` is a run of octets that waits in such a block.
 *
 * Owns:    spare blocks; lent ones belong to whoever holds them.
 * Callers: proxy/pump.c, proxy/part.c, proxy/notes.c; listen.c for the reading block.
 * Threads: one.
 */
#include "base/span.h"

#define POOL_SMALL  1024u         /* a command line that is not complete */
#define POOL_MIDDLE (16u * 1024)  /* replies, pipelined commands, addresses for the log */
#define POOL_LARGE  (320u * 1024) /* message text on its way; the block the proxy reads into */
#define POOL_MAX    (128u << 20)  /* all lent blocks together */

enum { POOL_CLASSES = 3 };

struct pool {
	size_t lent, max; /* octets */
	struct pool_spare {
		void *first;
		unsigned n;
	} spare[POOL_CLASSES];
};

void pool_init(struct pool *p, size_t max);
void pool_deinit(struct pool *p);

/* A block of at least @need octets, its size in @sizep; NULL: over the bound, out of memory, or
 * larger than POOL_LARGE. */
void *pool_lend(struct pool *p, size_t need, size_t *sizep);
/* NULL is allowed. @size as pool_lend() gave it. */
void pool_return(struct pool *p, void *block, size_t size);

struct held {
	uint8_t *block; /* NULL: nothing waits */
	uint32_t size, from, n;
};

static inline struct span held_span(const struct held *h)
{
	return (struct span){ h->block ? h->block + h->from : NULL, h->n };
}

/* Octets are added behind those that wait. @false: no memory, or they would exceed POOL_LARGE;
 * nothing was added. */
bool held_add(struct pool *p, struct held *h, struct span octets);
/* The block itself is taken over, with the @n octets from @from on; @h was empty. */
void held_adopt(struct held *h, void *block, size_t size, size_t from, size_t n);
/* The first @n octets are done with; the block goes back with the last. */
void held_take(struct pool *p, struct held *h, size_t n);
void held_drop(struct pool *p, struct held *h);
