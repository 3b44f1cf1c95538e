/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Queues: what one side of a played conversation sent or got, and nobody took yet
 *
 * They grow as they must: a transcript bounds what is sent. No memory ends the program.
 *
 * Owns:    their octets; items_free() and octets_free() return them.
 * Callers: cli/player.c, cli/sides.c, cli/stage.c, cli/behind.c.
 */
#include "base/span.h"

struct items { /* octets, 0 to 255, and events: got and not expected yet */
	uint16_t *p;
	size_t at, n, size;
};

struct octets { /* sent and not taken yet */
	uint8_t *p;
	size_t at, n, size;
};

void items_put(struct items *q, uint16_t item);
void octets_put(struct octets *q, struct span octets);

static inline size_t items_left(const struct items *q)
{
	return q->n - q->at;
}

static inline struct span octets_left(const struct octets *q)
{
	return q->n > q->at ? span_of(q->p + q->at, q->n - q->at) : (struct span){ 0 };
}

static inline void octets_drop(struct octets *q)
{
	q->at = q->n;
}

static inline void items_clear(struct items *q)
{
	q->at = q->n = 0;
}

static inline void octets_clear(struct octets *q)
{
	q->at = q->n = 0;
}

void items_free(struct items *q);
void octets_free(struct octets *q);
