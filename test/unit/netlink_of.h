/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Netlink messages made by hand, for tests
 *
 * Callers: test/unit.
 */
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "base/ip.h"

#define NETLINK_OF_MAX 1024

struct netlink_of {
	_Alignas(struct nlmsghdr) uint8_t octets[NETLINK_OF_MAX];
	struct nlmsghdr *m;
};

static inline void netlink_of(struct netlink_of *n, unsigned subsystem, unsigned type, uint16_t id)
{
	struct nfgenmsg *g;

	memset(n->octets, 0, sizeof(n->octets));
	n->m = mnl_nlmsg_put_header(n->octets);
	n->m->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	g = mnl_nlmsg_put_extra_header(n->m, sizeof(*g));
	*g = (struct nfgenmsg){ 0, 0, htobe16(id) };
}

/* A connection of TCP, as far as a message of connection tracking tells of it. */
struct ct_of {
	struct ip_port client, asked, server;
	uint32_t id, mark, status;
	uint8_t state, c2s_flags, s2c_flags; /* state 0: not told */
	bool destroyed, dumped, metered;
	uint64_t c2s, s2c, start_ns;
	uint8_t protocol; /* 0: TCP */
};

static inline void put_tuple(struct nlmsghdr *m, uint16_t type, const struct ip_port *from,
	const struct ip_port *to, uint8_t protocol)
{
	const bool v4 = from->ip.family == IP_V4;
	struct nlattr *tuple = mnl_attr_nest_start(m, type);
	struct nlattr *part = mnl_attr_nest_start(m, CTA_TUPLE_IP);

	mnl_attr_put(m, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, from->ip.octets);
	mnl_attr_put(m, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16, to->ip.octets);
	mnl_attr_nest_end(m, part);
	part = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, protocol ? protocol : 6);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htobe16(from->port));
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htobe16(to->port));
	mnl_attr_nest_end(m, part);
	mnl_attr_nest_end(m, tuple);
}

static inline void put_tcp(struct nlmsghdr *m, const struct ct_of *c)
{
	const struct nf_ct_tcp_flags c2s = { c->c2s_flags, 0 }, s2c = { c->s2c_flags, 0 };
	struct nlattr *info = mnl_attr_nest_start(m, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(m, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(m, CTA_PROTOINFO_TCP_STATE, c->state);
	if (!c->destroyed) {
		mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(c2s), &c2s);
		mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(s2c), &s2c);
	}
	mnl_attr_nest_end(m, tcp);
	mnl_attr_nest_end(m, info);
}

static inline void put_counters(struct nlmsghdr *m, uint16_t type, uint64_t octets)
{
	struct nlattr *a = mnl_attr_nest_start(m, type);

	mnl_attr_put_u64(m, CTA_COUNTERS_PACKETS, htobe64(octets / 100));
	mnl_attr_put_u64(m, CTA_COUNTERS_BYTES, htobe64(octets));
	mnl_attr_nest_end(m, a);
}

static inline void netlink_of_ct(struct netlink_of *n, const struct ct_of *c)
{
	netlink_of(n, NFNL_SUBSYS_CTNETLINK,
		c->destroyed ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW, 0);
	if (c->dumped)
		n->m->nlmsg_flags |= NLM_F_MULTI;
	put_tuple(n->m, CTA_TUPLE_ORIG, &c->client, &c->asked, c->protocol);
	put_tuple(n->m, CTA_TUPLE_REPLY, &c->server, &c->client, c->protocol);
	mnl_attr_put_u32(n->m, CTA_STATUS, htobe32(c->status));
	mnl_attr_put_u32(n->m, CTA_ID, htobe32(c->id));
	if (c->mark)
		mnl_attr_put_u32(n->m, CTA_MARK, htobe32(c->mark));
	if (c->state)
		put_tcp(n->m, c);
	if (c->metered) {
		put_counters(n->m, CTA_COUNTERS_ORIG, c->c2s);
		put_counters(n->m, CTA_COUNTERS_REPLY, c->s2c);
	}
	if (c->start_ns) {
		struct nlattr *a = mnl_attr_nest_start(n->m, CTA_TIMESTAMP);

		mnl_attr_put_u64(n->m, CTA_TIMESTAMP_START, htobe64(c->start_ns));
		mnl_attr_nest_end(n->m, a);
	}
}
