/* SPDX-License-Identifier: ISC */
#include "proxy/relay/rests.h"

/* FNV-1a. Who could choose addresses that fall together makes this host try dead ones first: his
 * own. */
static size_t row_of(const struct ip_port *addr)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(addr->ip.octets); i++)
		h = (h ^ addr->ip.octets[i]) * 16777619u;
	h = (h ^ addr->port) * 16777619u;
	return (h ^ h >> 16) % (RESTS_MAX / RESTS_ROW);
}

static bool is_it(const struct rest *rest, const struct ip_port *addr)
{
	return rest->addr.port == addr->port && ip_eq(&rest->addr.ip, &addr->ip);
}

static const struct rest *find(const struct rests *r, const struct ip_port *addr)
{
	const struct rest *row = r->row[row_of(addr)];

	for (size_t i = 0; i < RESTS_ROW; i++)
		if (is_it(&row[i], addr))
			return &row[i];
	return NULL;
}

/* Free ones rest until 0. */
static struct rest *shortest(struct rest *row)
{
	struct rest *least = row;

	for (size_t i = 1; i < RESTS_ROW; i++)
		if (row[i].until_ms < least->until_ms)
			least = &row[i];
	return least;
}

void rests_failed(struct rests *r, const struct ip_port *addr, uint64_t now_ms)
{
	struct rest *rest = (struct rest *)(uintptr_t)find(r, addr);

	if (rest && rest->until_ms > now_ms) /* others met it at the same time */
		return;
	if (!rest) {
		rest = shortest(r->row[row_of(addr)]);
		*rest = (struct rest){ .addr = *addr };
	}
	rest->ms = rest->ms == 0 ? REST_MIN_MS : 2 * rest->ms;
	if (rest->ms > REST_MAX_MS)
		rest->ms = REST_MAX_MS;
	rest->until_ms = now_ms + rest->ms;
}

void rests_served(struct rests *r, const struct ip_port *addr)
{
	struct rest *rest = (struct rest *)(uintptr_t)find(r, addr);

	if (rest)
		*rest = (struct rest){ 0 };
}

bool rests_has(const struct rests *r, const struct ip_port *addr, uint64_t now_ms)
{
	const struct rest *rest = find(r, addr);

	return rest && rest->until_ms > now_ms;
}
