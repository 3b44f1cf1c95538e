/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <stdalign.h>

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	const size_t align = alignof(max_align_t);
	/* the block itself may begin anywhere */
	size_t at = a->used + (size_t)(-((uintptr_t)a->block + a->used) & (align - 1));

	if (a->block == NULL)
		goto full;
	if (size != 0 && n > (SIZE_MAX - at) / size)
		goto full;
	if (at > a->size || n * size > a->size - at)
		goto full;
	a->used = at + n * size;
	return memset(a->block + at, 0, n * size);
full:
	a->full = true;
	return NULL;
}

char *arena_str(struct arena *a, struct span s)
{
	char *copy;

	if (s.n == SIZE_MAX) {
		a->full = true;
		return NULL;
	}
	copy = arena_alloc(a, s.n + 1, 1);
	if (copy != NULL && s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}
