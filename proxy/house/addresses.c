/* SPDX-License-Identifier: ISC */
#include "proxy/house/addresses.h"

#include <assert.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/house/house.h"
#include "proxy/sockets.h"

static_assert(ADDRESSES_MAX * sizeof(struct ip) <= MSG_BODY_MAX, "they go in one message");

/* IP_NONE: an interface without one, or another family. */
static struct ip address_of(const struct ifaddrs *i)
{
	struct sockaddr_storage sa = { 0 };

	if (!i->ifa_addr)
		return (struct ip){ 0 };
	if (i->ifa_addr->sa_family == AF_INET)
		memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in));
	else if (i->ifa_addr->sa_family == AF_INET6)
		memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in6));
	return sockets_from_kernel(&sa).ip;
}

/* What cannot be read leaves the list as it was. */
static void look(struct addresses *a)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return;
	a->n = 0;
	for (const struct ifaddrs *i = all; i && a->n < ADDRESSES_MAX; i = i->ifa_next) {
		a->list[a->n] = address_of(i);
		a->n += a->list[a->n].family != IP_NONE;
	}
	freeifaddrs(all);
}

static struct span list_of(const struct addresses *a)
{
	return span_of((const uint8_t *)a->list, a->n * sizeof(a->list[0]));
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
	for (struct generation *g = a->house->list; g; g = g->next)
		generation_addresses(g, a);
	managed_stale(&a->house->managed);
}

void addresses_init(struct addresses *a, struct house *house)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };

	a->house = house;
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
	a->socket = -1;
}
