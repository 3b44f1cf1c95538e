/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Out: text and octets written into a block the caller hands in
 *
 * Writing past the end writes nothing more and sets @full, so that a writer checks once, at its
 * end. A piece is written whole or not at all.
 *
 * Owns:    nothing; the block is the caller's.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

struct out {
	uint8_t *p;
	size_t n, size;
	bool full; /* sticky: some piece did not fit */
};

static inline void out_init(struct out *o, void *block, size_t size)
{
	*o = (struct out){ .p = block, .size = size };
}

static inline size_t out_room(const struct out *o)
{
	return o->size - o->n;
}

static inline struct span out_span(const struct out *o)
{
	return (struct span){ o->p, o->n };
}

/* Inline, since most pieces are short and of a length the compiler knows. */
static inline void out_put(struct out *o, const void *p, size_t n)
{
	if (o->full || n > out_room(o)) { /* a later, shorter piece would leave a hole */
		o->full = true;
		return;
	}
	if (n > 0)
		memcpy(o->p + o->n, p, n);
	o->n += n;
}

static inline void out_octet(struct out *o, uint8_t c)
{
	out_put(o, &c, 1);
}

static inline void out_str(struct out *o, const char *s) /* NULL writes nothing */
{
	if (s != NULL)
		out_put(o, s, strlen(s));
}

void out_u64(struct out *o, uint64_t v); /* decimal */
void out_u64w(struct out *o, uint64_t v,
	unsigned width); /* decimal, at least @width digits (20 at most), zeros in front */
void out_hex(struct out *o, uint64_t v, unsigned digits); /* lower case, exactly @digits */

static inline void out_bytes(struct out *o, struct span s)
{
	out_put(o, s.p, s.n);
}

/* @s in lower or upper case (ASCII). */
void out_lower(struct out *o, struct span s);
void out_upper(struct out *o, struct span s);

/**
 * out_escaped() - octets from a peer, made printable
 * @max: at most this many octets of @s are shown, "..." stands for the rest
 *
 * Printable ASCII stands for itself, but for the backslash and the double quote (\\ and \");
 * well-known controls become \r \n \t \0, everything else \xHH. The result is one line of ASCII:
 * fit for a terminal.
 */
void out_escaped(struct out *o, struct span s, size_t max);

/**
 * out_json() - a JSON string with its quotes, from octets of any kind
 *
 * Octets that are not printable ASCII are first written as out_escaped() does, then as JSON: the
 * result is ASCII, valid JSON, and tells the octets apart (an attacker's backslash stands doubled).
 */
void out_json(struct out *o, struct span s, size_t max);

/* Ends the block with a NUL for use as a C string; the NUL is not counted in n. Needs room for it.
 */
const char *out_cstr(struct out *o);
