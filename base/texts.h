/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Texts: named texts for a role, in one block
 *
 * What posternd reads for a role when a generation begins, and the role must not read itself:
 * certificate chains, keys, password files. The block goes into a sealed memfd (base/memfd.h).
 * The reader takes it for hostile.
 *
 *   texts = "PNTEXTS1" { kind[4] name-size[4] text-size[8] name text }     numbers little-endian
 *
 * Kinds and names are the business of those who write and read them.
 *
 * Purity: no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"

#define TEXTS_MAX      (64u << 20)
#define TEXTS_NAME_MAX 4096

struct text {
	uint32_t kind;
	struct span name, text; /* into the block */
};

/* Writing: the head once, then each. o->full: the block is too small. */
void texts_begin(struct out *o);
void texts_put(struct out *o, const struct text *t);

/* Is the whole block well-formed? What follows is for one that is. */
bool texts_valid(struct span block);

/* The first with this kind and name. False: there is none, @textp is not set. */
bool texts_find(struct span block, uint32_t kind, struct span name, struct span *textp);

/* One after the other: @at begins as 0. False: that was the last. */
bool texts_next(struct span block, size_t *at, struct text *t);
