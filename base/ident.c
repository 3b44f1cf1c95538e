/* SPDX-License-Identifier: ISC */
#include "base/ident.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "base/sip.h"

#define MS_DIGITS     9 /* 45 bits: until the year 3084 */
#define WORKER_DIGITS 2
#define COUNT_DIGITS  3
#define PER_MS        (1u << 5 * COUNT_DIGITS)

static_assert(MS_DIGITS + WORKER_DIGITS + COUNT_DIGITS == IDENT_SESSION, "the digits of an id");
static_assert(IDENT_WORKERS == 1u << 5 * WORKER_DIGITS, "a worker's digits");

int ident_init(struct ident *d, unsigned worker)
{
	assert(worker < IDENT_WORKERS);
	*d = (struct ident){ .worker = worker };
	/* no signal interrupts a read this short (getrandom(2)), and none waits once the pool was
	 * filled */
	return getrandom(d->key, sizeof d->key, 0) == (ssize_t)sizeof d->key ? 0 : -errno;
}

static char *digits(char *to, uint64_t v, unsigned n)
{
	static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";

	while (n-- > 0)
		*to++ = crockford[v >> 5 * n & 31];
	return to;
}

void ident_session(struct ident *d, int64_t wall_ns, char text[IDENT_SESSION + 1])
{
	uint64_t ms = wall_ns > 0 ? (uint64_t)wall_ns / 1000000 : 0;

	if (ms > d->last_ms || d->in_ms == PER_MS) {
		d->last_ms = ms > d->last_ms ? ms : d->last_ms + 1;
		d->in_ms = 0;
	}
	text = digits(text, d->last_ms, MS_DIGITS);
	text = digits(text, d->worker, WORKER_DIGITS);
	text = digits(text, d->in_ms++, COUNT_DIGITS);
	*text = '\0';
}

/* The @n-th value of a row nobody else can continue. */
static uint64_t nth(const uint64_t key[2], uint64_t n)
{
	uint8_t octets[8];

	for (unsigned i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(n >> 8 * i);
	return sip24(key, span_of(octets, sizeof octets));
}

uint32_t ident_incident(struct ident *d, unsigned bits)
{
	uint32_t v;

	assert(bits >= 1 && bits <= 32);
	do
		v = (uint32_t)(nth(d->key, d->incidents++) >> (64 - bits));
	while (v == 0);
	return v;
}
