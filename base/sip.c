/* SPDX-License-Identifier: ISC */
#include "base/sip.h"

struct sip {
	uint64_t a, b, c, d;
	unsigned rounds; /* of a word */
};

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static inline void sip_rounds(struct sip *s, unsigned n)
{
	while (n-- > 0) {
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
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_rounds(s, s->rounds);
	s->a ^= word;
}

/* Eight octets, the first one lowest: one load. */
static uint64_t word_at(const uint8_t *p)
{
	return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static inline uint64_t sip(
	const uint64_t key[2], struct span octets, unsigned rounds, unsigned last)
{
	uint8_t rest[8] = { 0 };
	struct sip s = {
		.a = key[0] ^ 0x736f6d6570736575,
		.b = key[1] ^ 0x646f72616e646f6d,
		.c = key[0] ^ 0x6c7967656e657261,
		.d = key[1] ^ 0x7465646279746573,
		.rounds = rounds,
	};

	rest[7] = (uint8_t)octets.n; /* the last word has the length in its highest octet */
	for (; octets.n >= 8; octets = span_from(octets, 8))
		sip_word(&s, word_at(octets.p));
	for (size_t i = 0; i < octets.n; i++)
		rest[i] = octets.p[i];
	sip_word(&s, word_at(rest));
	s.c ^= 0xff;
	sip_rounds(&s, last);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t sip13(const uint64_t key[2], struct span octets)
{
	return sip(key, octets, 1, 3);
}

uint64_t sip24(const uint64_t key[2], struct span octets)
{
	return sip(key, octets, 2, 4);
}
