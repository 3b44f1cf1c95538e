/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/watch.h"

#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rules/kernel/run/netlink.h"

#define PRIORITY_FIRST 5250 /* rules/kernel/routing.h */
#define PRIORITY_LAST  5252
#define TABLE          5250
#define BUFFER         (1 << 20) /* a whole rule set, told rule by rule */
#define ROUNDS         256       /* of reading before others have their turn */

/* ---- sockets ---- */

static int join(int fd, const int *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0)
			return -errno;
	return 0;
}

static int open_one(int bus, const int *groups, size_t n)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int buffer = BUFFER;
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	int r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)); /* what it may have */
	r = bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ? -errno : join(fd, groups, n);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int watch_open(struct watch *w)
{
	static const int nftables[] = { NFNLGRP_NFTABLES };
	static const int routing[] = { RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF };
	int r;

	w->nftables = open_one(NETLINK_NETFILTER, nftables, sizeof(nftables) / sizeof(nftables[0]));
	w->routing = open_one(NETLINK_ROUTE, routing, sizeof(routing) / sizeof(routing[0]));
	r = w->nftables < 0 ? w->nftables : w->routing < 0 ? w->routing : 0;
	if (r < 0)
		watch_close(w);
	return r;
}

void watch_close(struct watch *w)
{
	if (w->nftables >= 0)
		close(w->nftables);
	if (w->routing >= 0)
		close(w->routing);
	w->nftables = w->routing = -1;
}

/* ---- messages ---- */

/* Our tables, by the names iptables-nft gives them. */
static bool is_table(const char *name, size_t n)
{
	static const char *const names[] = { "raw", "mangle", "nat", "filter" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) + 1 && memcmp(name, names[i], n) == 0)
			return true;
	return false;
}

/* The first attribute is the table in all three kinds. */
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1, "nf_tables.h");

static bool of_our_table(const struct nlmsghdr *m)
{
	const struct nlattr *a;

	NETLINK_EACH_OF(a, m, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
			return is_table(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	}
	return false;
}

bool watch_is_nftables(const struct nlmsghdr *m)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(m);

	if (m->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
		mnl_nlmsg_get_payload_len(m) < sizeof(*head) ||
		(head->nfgen_family != AF_INET && head->nfgen_family != AF_INET6))
		return false;
	switch (m->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE: return of_our_table(m);
	default: return false;
	}
}

static bool has_u32(
	const struct nlmsghdr *m, size_t head, uint16_t type, uint32_t first, uint32_t last)
{
	const struct nlattr *a;

	NETLINK_EACH_OF(a, m, head)
	{
		uint32_t v;

		if (mnl_attr_get_type(a) != type || mnl_attr_get_payload_len(a) != sizeof(v))
			continue;
		memcpy(&v, mnl_attr_get_payload(a), sizeof(v));
		return v >= first && v <= last;
	}
	return false;
}

bool watch_is_routing(const struct nlmsghdr *m)
{
	const size_t n = mnl_nlmsg_get_payload_len(m);

	switch (m->nlmsg_type) {
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return n >= sizeof(struct fib_rule_hdr) &&
		       has_u32(m, sizeof(struct fib_rule_hdr), FRA_PRIORITY, PRIORITY_FIRST,
			       PRIORITY_LAST);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return n >= sizeof(struct rtmsg) &&
		       has_u32(m, sizeof(struct rtmsg), RTA_TABLE, TABLE, TABLE);
	case RTM_NEWNETCONF: return true; /* seldom, and all of them are settings like ours */
	default: return false;
	}
}

/* ---- hearing ---- */

static bool heard(int fd, bool (*is_ours)(const struct nlmsghdr *m))
{
	static uint8_t block[64 << 10];
	bool ours = false;

	for (int i = 0; i < ROUNDS; i++) {
		const ssize_t n = recv(fd, block, sizeof(block), 0);
		int rest = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ours || errno == ENOBUFS; /* some were lost */
		for (const struct nlmsghdr *m = (const void *)block; mnl_nlmsg_ok(m, rest);
			m = mnl_nlmsg_next(m, &rest))
			ours = ours || is_ours(m);
	}
	return ours;
}

bool watch_heard(struct watch *w)
{
	const bool nftables = heard(w->nftables, watch_is_nftables);

	return heard(w->routing, watch_is_routing) || nftables;
}
