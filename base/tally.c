/* SPDX-License-Identifier: ISC */
#include "base/tally.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/sip.h"

static_assert(sizeof(struct tally_slot) == 128, "two lines of the cache");
static_assert(offsetof(struct tally_slot, windows) == 64, "the first of which tells the key");

/* While connections are counted anew: had some before, may not make room for another key. */
#define HELD 0x80000000u

static bool stands_in(const struct tally_slot *s, const struct tally_key *key)
{
	return s->rule && s->rule == key->rule && ip_eq(&s->client, &key->client);
}

static struct tally_slot *bucket(struct tally *t, const struct tally_key *key)
{
	const uint64_t rule = key->rule + (uint64_t)key->client.family;
	uint8_t octets[sizeof(rule) + sizeof(key->client.octets)];

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

uint64_t tally_rule(const struct tally *t, struct span name)
{
	const uint64_t rule = sip13(t->seed, name);

	return rule ? rule : 1;
}

static struct tally_slot *find_in(struct tally_slot *bucket, const struct tally_key *key)
{
	for (unsigned i = 0; i < TALLY_WAYS; i++)
		if (stands_in(&bucket[i], key))
			return &bucket[i];
	return NULL;
}

struct tally_slot *tally_find(struct tally *t, const struct tally_key *key)
{
	return find_in(bucket(t, key), key);
}

/* The key is there only when all of it is: the process may be killed at any instruction. A signal
 * fence is enough, since what a dead process stored is seen by all. */
static void give_to(struct tally_slot *s, const struct tally_key *key)
{
	s->rule = 0;
	atomic_signal_fence(memory_order_seq_cst);
	*s = (struct tally_slot){ .client = key->client };
	atomic_signal_fence(memory_order_seq_cst);
	s->rule = key->rule;
}

struct tally_slot *tally_at(struct tally *t, const struct tally_key *key, uint64_t now_ms)
{
	struct tally_slot *s = bucket(t, key), *room = NULL, *hit = find_in(s, key);

	for (unsigned i = 0; !hit && i < TALLY_WAYS; i++) {
		if (s[i].rule && !may_go(&s[i], now_ms))
			continue;
		if (!room || (room->rule && (!s[i].rule || s[i].seen_ms < room->seen_ms)))
			room = &s[i];
	}
	if (!hit && room) {
		give_to(room, key);
		hit = room;
	}
	if (hit)
		hit->seen_ms = now_ms;
	return hit;
}

/* Goes on to the window that @now_ms lies in. Return: how much of it has passed. */
static uint64_t roll(struct tally_window *w, uint32_t window_ms, uint64_t now_ms)
{
	uint64_t passed;

	assert(window_ms > 0);
	if (now_ms < w->began_ms) /* begun by a process whose clock is ahead */
		return 0;
	passed = now_ms - w->began_ms;
	if (passed < window_ms)
		return passed;
	w->before_n = passed < 2 * (uint64_t)window_ms ? w->n : 0;
	w->n = 0;
	w->began_ms = passed < 2 * (uint64_t)window_ms ? w->began_ms + window_ms : now_ms;
	return now_ms - w->began_ms;
}

uint32_t tally_left(struct tally_window *w, uint32_t limit, uint32_t window_ms, uint64_t now_ms)
{
	const uint64_t passed = roll(w, window_ms, now_ms);
	const uint64_t weighed =
		((uint64_t)w->before_n * (window_ms - passed) + window_ms - 1) / window_ms;
	const uint64_t used = weighed + w->n;

	return used < limit ? (uint32_t)(limit - used) : 0;
}

void tally_add(struct tally_window *w, uint32_t n, uint32_t window_ms, uint64_t now_ms)
{
	roll(w, window_ms, now_ms);
	w->n = n < UINT32_MAX - w->n ? w->n + n : UINT32_MAX;
}

void tally_recount_begin(struct tally *t)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].connections)
			t->slots[i].connections = HELD;
}

void tally_recount(struct tally *t, const struct tally_key *key, uint64_t now_ms)
{
	struct tally_slot *slot = tally_at(t, key, now_ms);

	if (slot) /* it had one when it began, unless another process wrote there */
		slot->connections++;
}

void tally_recount_end(struct tally *t)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].connections & HELD)
			t->slots[i].connections &= ~HELD;
}
