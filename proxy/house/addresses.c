/* SPDX-License-Identifier: ISC */
#include "proxy/house/addresses.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/house/house.h"
#include "proxy/sockets.h"

static_assert(ADDRESSES_MAX * sizeof(struct ip) <= MSG_BODY_MAX, "one message");

static void look(struct addresses *a)
{
	struct ifaddrs *first;

	if (getifaddrs(&first) < 0)
		return;
	a->n = 0;
	for (struct ifaddrs *i = first; i != NULL && a->n < ADDRESSES_MAX; i = i->ifa_next) {
		struct sockaddr_storage sa = { 0 };
		struct ip ip;

		if (i->ifa_addr == NULL ||
			(i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&sa, i->ifa_addr,
			i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							  : sizeof(struct sockaddr_in6));
		ip = sockets_from_kernel(&sa).ip;
		if (ip.family != IP_NONE)
			a->list[a->n++] = ip;
	}
	freeifaddrs(first);
}

static struct span list_of(const struct addresses *a)
{
	return span_of(a->list, a->n * sizeof(a->list[0]));
}

/* What changed is not read: all addresses are looked up anew. */
static void on_change(struct ev_loop *loop, ev_io *io, int events)
{
	struct addresses *a = io->data;
	char block[8192];

	(void)loop;
	(void)events;
	while (recv(a->socket, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	look(a);
	for (struct generation *g = a->house->list; g != NULL; g = g->next)
		generation_send(g, ROLE_ADDRESSES, list_of(a), -1);
}

void addresses_init(struct addresses *a, struct house *house)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };

	*a = (struct addresses){ .house = house };
	a->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (a->socket >= 0 && bind(a->socket, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
		ev_io_init(&a->io, on_change, a->socket, EV_READ);
		a->io.data = a;
		ev_io_start(house->loop, &a->io);
	}
	look(a);
}

void addresses_tell(const struct addresses *a, struct child *c)
{
	child_send(c, ROLE_ADDRESSES, list_of(a), -1);
}

void addresses_deinit(struct addresses *a)
{
	if (a->socket < 0)
		return;
	ev_io_stop(a->house->loop, &a->io);
	close(a->socket);
}
