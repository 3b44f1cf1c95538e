/* SPDX-License-Identifier: ISC */
#include "proxy/pool.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
	uint32_t size;
	unsigned spare_max; /* so that a burst does not stay in memory for good */
} classes[POOL_CLASSES] = { { POOL_SMALL, 256 }, { POOL_MIDDLE, 32 }, { POOL_LARGE, 8 } };

static int class_of(size_t need)
{
	for (int c = 0; c < POOL_CLASSES; c++)
		if (need <= classes[c].size)
			return c;
	return -1;
}

void pool_init(struct pool *p, size_t max)
{
	*p = (struct pool){ .max = max };
}

void pool_deinit(struct pool *p)
{
	for (int c = 0; c < POOL_CLASSES; c++)
		while (p->spare[c].first) {
			void *block = p->spare[c].first;
			memcpy(&p->spare[c].first, block, sizeof(block));
			free(block);
		}
}

void *pool_lend(struct pool *p, size_t need, size_t *sizep)
{
	int c = class_of(need);
	void *block;

	if (c < 0 || p->lent + classes[c].size > p->max)
		return NULL;
	block = p->spare[c].first;
	if (block) { /* a spare block's first octets are the link to the next */
		memcpy(&p->spare[c].first, block, sizeof(block));
		p->spare[c].n--;
	} else {
		block = malloc(classes[c].size);
		if (!block)
			return NULL;
	}
	p->lent += classes[c].size;
	*sizep = classes[c].size;
	return block;
}

void pool_return(struct pool *p, void *block, size_t size)
{
	int c = class_of(size);

	if (!block)
		return;
	assert(c >= 0 && classes[c].size == size && p->lent >= size);
	p->lent -= size;
	if (p->spare[c].n == classes[c].spare_max) {
		free(block);
		return;
	}
	memcpy(block, &p->spare[c].first, sizeof(void *));
	p->spare[c].first = block;
	p->spare[c].n++;
}

/* Moves what waits to the front, into a larger block if need be, so that @more octets fit behind
 * it. */
static bool make_room(struct pool *p, struct held *h, size_t more)
{
	size_t size;
	void *block;

	if (h->block && h->n + more <= h->size) {
		memmove(h->block, h->block + h->from, h->n);
		h->from = 0;
		return true;
	}
	block = pool_lend(p, h->n + more, &size);
	if (!block)
		return false;
	if (h->block)
		memcpy(block, h->block + h->from, h->n);
	pool_return(p, h->block, h->size);
	*h = (struct held){ .block = block, .size = (uint32_t)size, .n = h->n };
	return true;
}

bool held_add(struct pool *p, struct held *h, struct span octets)
{
	if (octets.n == 0)
		return true;
	if (octets.n > POOL_LARGE)
		return false;
	if ((!h->block || h->from + h->n + octets.n > h->size) && !make_room(p, h, octets.n))
		return false;
	memcpy(h->block + h->from + h->n, octets.p, octets.n);
	h->n += (uint32_t)octets.n;
	return true;
}

void held_adopt(struct held *h, void *block, size_t size, size_t from, size_t n)
{
	assert(!h->block && n > 0 && from + n <= size);
	*h = (struct held){
		.block = block, .size = (uint32_t)size, .from = (uint32_t)from, .n = (uint32_t)n
	};
}

void held_take(struct pool *p, struct held *h, size_t n)
{
	assert(n <= h->n);
	h->from += (uint32_t)n;
	h->n -= (uint32_t)n;
	if (h->n == 0)
		held_drop(p, h);
}

void held_drop(struct pool *p, struct held *h)
{
	pool_return(p, h->block, h->size);
	*h = (struct held){ 0 };
}
