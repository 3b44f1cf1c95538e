/* SPDX-License-Identifier: ISC */
#include "filter/gate/answers.h"

#include "base/sip.h"

static size_t put_peer(uint8_t *to, const struct ip_port *peer)
{
	memcpy(to, peer->ip.octets, sizeof(peer->ip.octets));
	to[16] = (uint8_t)peer->ip.family;
	memcpy(to + 17, &peer->port, sizeof(peer->port));
	return 17 + sizeof(peer->port);
}

static size_t bucket_of(const struct answers *a, const struct packet *p)
{
	uint8_t key[64];
	size_t n = put_peer(key, &p->client);

	n += put_peer(key + n, &p->asked);
	memcpy(key + n, &p->seq, sizeof(p->seq));
	return sip13(a->seed, span_of(key, n + sizeof(p->seq))) % ANSWERS_BUCKETS;
}

static bool same_peer(const struct ip_port *a, const struct ip_port *b)
{
	return a->port == b->port && ip_eq(&a->ip, &b->ip);
}

static bool is_of(const struct answer *a, const struct packet *p)
{
	return a->seq == p->seq && same_peer(&a->client, &p->client) &&
	       same_peer(&a->asked, &p->asked);
}

bool answers_find(const struct answers *a, const struct packet *p, uint64_t now_ms, unsigned *lanep)
{
	const struct answer *bucket = a->table[bucket_of(a, p)];

	for (unsigned i = 0; i < ANSWERS_WAYS; i++) {
		if (bucket[i].until_ms <= now_ms || bucket[i].era != a->era ||
			!is_of(&bucket[i], p))
			continue;
		*lanep = bucket[i].lane;
		return true;
	}
	return false;
}

/* Those that are over are the oldest. */
void answers_put(struct answers *a, const struct packet *p, uint64_t now_ms, unsigned lane)
{
	struct answer *bucket = a->table[bucket_of(a, p)], *place = bucket;

	for (unsigned i = 1; i < ANSWERS_WAYS; i++)
		if (bucket[i].until_ms < place->until_ms)
			place = &bucket[i];
	*place = (struct answer){ now_ms + ANSWERS_MS, p->client, p->asked, p->seq, a->era, lane };
}

void answers_forget(struct answers *a)
{
	a->era++;
}
