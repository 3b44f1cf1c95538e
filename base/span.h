/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Spans: pointer and length
 *
 * A run of octets that belongs to somebody else. No NUL ends it, any octet may stand in it.
 *
 * Owns:    nothing. Who keeps octets copies them into memory it owns, with a bound it names.
 * Callers: everybody.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p; /* may be NULL when n is 0 */
	size_t n;
};

/* A span over a string literal, its NUL left out. */
#define SPAN(lit) ((struct span){ (const uint8_t *)(lit), sizeof(lit) - 1 })

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

/* The part from octet @from on, at most @n octets; both are cut to what is there. */
static inline struct span span_sub(struct span s, size_t from, size_t n)
{
	if (s.p == NULL) /* then it is empty */
		return (struct span){ NULL, 0 };
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct span){ s.p + from, n };
}

static inline struct span span_from(struct span s, size_t from)
{
	return span_sub(s, from, SIZE_MAX);
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII only: what SMTP and the rules language mean by "case does not matter". */
static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline uint8_t ascii_upper(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static inline bool ascii_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static inline bool span_istarts(struct span s, struct span head)
{
	return s.n >= head.n && span_ieq(span_sub(s, 0, head.n), head);
}

/* Index of the first @c, or s.n. */
static inline size_t span_chr(struct span s, uint8_t c)
{
	const uint8_t *hit = s.n ? memchr(s.p, c, s.n) : NULL;
	return hit ? (size_t)(hit - s.p) : s.n;
}

/* Index of the last @c, or s.n. */
static inline size_t span_rchr(struct span s, uint8_t c)
{
	const uint8_t *hit = s.p != NULL ? memrchr(s.p, c, s.n) : NULL;
	return hit != NULL ? (size_t)(hit - s.p) : s.n;
}

/**
 * span_u64() - read a decimal number
 * @s:   digits and nothing else; no sign, no blank
 * @max: greatest value taken
 * @vp:  the value; set only on success
 *
 * Return: false when @s is empty, holds anything but digits, or exceeds @max (also past 2^64).
 */
static inline bool span_u64(struct span s, uint64_t max, uint64_t *vp)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned)s.p[i] - '0';
		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	if (v > max)
		return false;
	*vp = v;
	return true;
}
