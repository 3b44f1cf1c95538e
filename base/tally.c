/* SPDX-License-Identifier: ISC */
#include "base/tally.h"

#include <assert.h>

#include "base/sip.h"

static bool key_eq(const struct tally_key *a, const struct tally_key *b)
{
	return a->rule == b->rule && ip_eq(&a->client, &b->client);
}

static struct tally_slot *bucket(struct tally *t, const struct tally_key *key)
{
	uint8_t octets[sizeof(key->rule) + sizeof(key->client.octets)];
	const uint32_t rule = key->rule << 8 | (uint32_t)key->client.family;

	memcpy(octets, &rule, sizeof(rule));
	memcpy(octets + sizeof(rule), key->client.octets, sizeof(key->client.octets));
	return &t->slots[sip13(t->seed, span_of(octets, sizeof(octets))) & (t->n_slots - 1) &
			 ~(uint64_t)(TALLY_WAYS - 1)];
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
