/* SPDX-License-Identifier: ISC */
#include "base/ident.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

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

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	sip_round(s);
	s->a ^= word;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of one word of eight octets. */
static uint64_t sip(const uint64_t key[2], uint64_t word)
{
	struct sip s = {
		.a = key[0] ^ 0x736f6d6570736575,
		.b = key[1] ^ 0x646f72616e646f6d,
		.c = key[0] ^ 0x6c7967656e657261,
		.d = key[1] ^ 0x7465646279746573,
	};

	sip_word(&s, word);
	sip_word(&s, (uint64_t)8 << 56); /* the last word: the length in its highest octet */
	s.c ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint32_t ident_incident(struct ident *d, unsigned bits)
{
	uint32_t v;

	assert(bits >= 1 && bits <= 32);
	do
		v = (uint32_t)(sip(d->key, d->incidents++) >> (64 - bits));
	while (v == 0);
	return v;
}
