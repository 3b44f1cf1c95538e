/* SPDX-License-Identifier: ISC */
#include "base/tally.h"

#include <assert.h>

static uint64_t rotl(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3: without the seed nobody can find keys that meet in one bucket. */
static uint64_t hash(const uint64_t seed[2], const uint64_t *words, size_t n)
{
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
		seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };

	for (size_t i = 0; i < n; i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool key_eq(const struct tally_key *a, const struct tally_key *b)
{
	return a->rule == b->rule && ip_eq(&a->client, &b->client);
}

static struct tally_slot *bucket(struct tally *t, const struct tally_key *key)
{
	uint64_t words[3] = { (uint64_t)key->rule << 8 | (uint64_t)key->client.family };

	memcpy(&words[1], key->client.octets, sizeof(key->client.octets));
	return &t->slots[hash(t->seed, words, 3) & (t->n_slots - 1) & ~(uint64_t)(TALLY_WAYS - 1)];
}

static bool may_go(const struct tally_slot *s, uint64_t now_ms)
{
	return s->connections == 0 && s->banned_ms <= now_ms;
}

void tally_init(struct tally *t, struct tally_slot *slots, uint32_t n_slots, const uint64_t seed[2])
{
	assert(n_slots >= TALLY_WAYS && (n_slots & (n_slots - 1)) == 0);
	memcpy(t->seed, seed, sizeof(t->seed));
	t->n_slots = n_slots;
	t->slots = slots;
}

struct tally_slot *tally_find(struct tally *t, const struct tally_key *key)
{
	struct tally_slot *s = bucket(t, key);

	for (unsigned i = 0; i < TALLY_WAYS; i++)
		if (s[i].used && key_eq(&s[i].key, key))
			return &s[i];
	return NULL;
}

struct tally_slot *tally_at(struct tally *t, const struct tally_key *key, uint64_t now_ms)
{
	struct tally_slot *s = bucket(t, key), *room = NULL, *hit = tally_find(t, key);

	for (unsigned i = 0; !hit && i < TALLY_WAYS; i++) {
		if (s[i].used && !may_go(&s[i], now_ms))
			continue;
		if (!room || (room->used && (!s[i].used || s[i].seen_ms < room->seen_ms)))
			room = &s[i];
	}
	if (!hit && room) {
		*room = (struct tally_slot){ .key = *key, .used = 1 };
		hit = room;
	}
	if (hit)
		hit->seen_ms = now_ms;
	return hit;
}

bool tally_rate(struct tally_slot *slot, uint32_t limit, uint32_t window_ms, uint64_t now_ms)
{
	uint64_t passed, weighed;

	assert(window_ms > 0);
	if (now_ms < slot->window_ms) /* begun by a process whose clock is ahead */
		now_ms = slot->window_ms;
	passed = now_ms - slot->window_ms;
	if (passed >= window_ms) {
		slot->before_n = passed < 2 * (uint64_t)window_ms ? slot->window_n : 0;
		slot->window_n = 0;
		slot->window_ms =
			passed < 2 * (uint64_t)window_ms ? slot->window_ms + window_ms : now_ms;
		passed = now_ms - slot->window_ms;
	}
	weighed = ((uint64_t)slot->before_n * (window_ms - passed) + window_ms - 1) / window_ms;
	if (weighed + slot->window_n >= limit)
		return false;
	slot->window_n++;
	return true;
}
