/* SPDX-License-Identifier: ISC */
#include "proxy/own.h"

#include <stdlib.h>
#include <string.h>

static int by_address(const void *a, const void *b)
{
	return ip_cmp(a, b);
}

static bool is_address(const struct ip *ip)
{
	return ip->family == IP_V4 || ip->family == IP_V6;
}

bool own_set(struct own *own, struct span body)
{
	size_t n = body.n / sizeof(struct ip), kept = 0;
	struct ip *list;

	if (body.n % sizeof(struct ip) != 0)
		return false;
	list = calloc(n + 1, sizeof(*list)); /* a host without addresses is known, too */
	if (!list)
		return false;
	for (size_t i = 0; i < n; i++) {
		memcpy(&list[kept], body.p + i * sizeof(*list), sizeof(*list));
		kept += is_address(&list[kept]);
	}
	qsort(list, kept, sizeof(*list), by_address);
	free(own->list);
	*own = (struct own){ .list = list, .n = kept, .known = true };
	return true;
}

void own_deinit(struct own *own)
{
	free(own->list);
	*own = (struct own){ 0 };
}

static bool always_ours(const struct ip *ip)
{
	static const struct ip nowhere6 = { .family = IP_V6 };
	static const struct ip self6 = { .family = IP_V6, .octets = { [15] = 1 } };

	if (ip->family == IP_V4)
		return ip->octets[0] == 127 || ip->octets[0] == 0;
	return ip_eq(ip, &nowhere6) || ip_eq(ip, &self6);
}

bool own_has(const struct own *own, const struct ip *ip)
{
	return !own->known || always_ours(ip) ||
	       bsearch(ip, own->list, own->n, sizeof(*own->list), by_address) != NULL;
}
