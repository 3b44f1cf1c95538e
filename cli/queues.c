/* SPDX-License-Identifier: ISC */
#include "cli/queues.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 4096

static void *grow(void *p, size_t *sizep, size_t need, size_t unit)
{
	while (*sizep < need)
		*sizep = *sizep > 0 ? *sizep * 2 : FIRST_SIZE;
	p = reallocarray(p, *sizep, unit);
	if (p == NULL)
		abort();
	return p;
}

void items_put(struct items *q, uint16_t item)
{
	if (q->n == q->size)
		q->p = grow(q->p, &q->size, q->n + 1, sizeof *q->p);
	q->p[q->n++] = item;
}

void octets_put(struct octets *q, struct span octets)
{
	if (octets.n == 0)
		return;
	if (q->n + octets.n > q->size)
		q->p = grow(q->p, &q->size, q->n + octets.n, 1);
	memcpy(q->p + q->n, octets.p, octets.n);
	q->n += octets.n;
}

void items_free(struct items *q)
{
	free(q->p);
	*q = (struct items){ 0 };
}

void octets_free(struct octets *q)
{
	free(q->p);
	*q = (struct octets){ 0 };
}
