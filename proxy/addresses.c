/* SPDX-License-Identifier: ISC */
#include "proxy/addresses.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/msg.h"
#include "proxy/sockets.h"

static_assert(ADDRESSES_MAX * sizeof(struct ip) <= MSG_BODY_MAX, "they go in one message");

int addresses_read(struct ip list[static ADDRESSES_MAX])
{
	struct ifaddrs *all;
	int n = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; i && n < ADDRESSES_MAX; i = i->ifa_next) {
		struct sockaddr_storage sa = { 0 };

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in));
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in6));
		list[n] = sockets_from_kernel(&sa).ip;
		n += list[n].family != IP_NONE;
	}
	freeifaddrs(all);
	return n;
}
