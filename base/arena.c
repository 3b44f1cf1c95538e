/* SPDX-License-Identifier: ISC */
#include "base/arena.h"

#include <stdalign.h>

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t at = (a->used + align - 1) & ~(align - 1);

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
	char *copy = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1, 1) : NULL;

	if (copy != NULL && s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}
