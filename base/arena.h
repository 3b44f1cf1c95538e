/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Arena: allocation out of one block that the caller hands in
 *
 * What the pure modules allocate from. Nothing is freed singly; the caller drops the block as a
 * whole. When the block is too small the arena says so once and for all (@full), and a caller that
 * can starts again with a larger one.
 *
 * Owns:    nothing; the block is the caller's.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

struct arena {
	uint8_t *block;
	size_t size, used;
	bool full; /* sticky: some request did not fit; everything built since is incomplete */
};

static inline void arena_init(struct arena *a, void *block, size_t size)
{
	*a = (struct arena){ .block = block, .size = size };
}

/* Zeroed room for @n objects of @size octets, aligned for any type; NULL sets @full. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/* A NUL-terminated copy of @s (which may itself hold NULs); NULL sets @full. */
char *arena_str(struct arena *a, struct span s);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), (n), sizeof(type)))
