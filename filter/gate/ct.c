/* SPDX-License-Identifier: ISC */
#include "filter/gate/ct.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

struct tuple {
	struct ip_port from, to;
};

/* ---- parts ---- */

static bool read_ips(const struct nlattr *a, struct tuple *t)
{
	const struct nlattr *table[CTA_IP_MAX + 1] = { 0 };
	uint8_t from[16], to[16];

	if (!attrs_nested(a, table, CTA_IP_MAX + 1))
		return false;
	if (attr_octets(table[CTA_IP_V4_SRC], from, 4) &&
		attr_octets(table[CTA_IP_V4_DST], to, 4)) {
		t->from.ip = ip_v4(from);
		t->to.ip = ip_v4(to);
		return true;
	}
	if (attr_octets(table[CTA_IP_V6_SRC], from, 16) &&
		attr_octets(table[CTA_IP_V6_DST], to, 16)) {
		t->from.ip = ip_v6(from);
		t->to.ip = ip_v6(to);
		return true;
	}
	return false;
}

/* *@tcpp: whether it is TCP; else its ports mean nothing. */
static bool read_ports(const struct nlattr *a, struct tuple *t, bool *tcpp)
{
	const struct nlattr *table[CTA_PROTO_MAX + 1] = { 0 };
	uint8_t protocol;

	if (!attrs_nested(a, table, CTA_PROTO_MAX + 1) || !attr_u8(table[CTA_PROTO_NUM], &protocol))
		return false;
	*tcpp = protocol == IPPROTO_TCP;
	return !*tcpp || (attr_be16(table[CTA_PROTO_SRC_PORT], &t->from.port) &&
				 attr_be16(table[CTA_PROTO_DST_PORT], &t->to.port));
}

static bool read_tuple(const struct nlattr *a, struct tuple *t, bool *tcpp)
{
	const struct nlattr *table[CTA_TUPLE_MAX + 1] = { 0 };

	return attrs_nested(a, table, CTA_TUPLE_MAX + 1) && read_ips(table[CTA_TUPLE_IP], t) &&
	       read_ports(table[CTA_TUPLE_PROTO], t, tcpp);
}

static bool read_flags(const struct nlattr *a, uint8_t *flagsp)
{
	struct nf_ct_tcp_flags f;

	if (!attr_octets(a, &f, sizeof(f)))
		return false;
	*flagsp = f.flags;
	return true;
}

/* A DESTROY tells the state alone. */
static bool read_tcp(const struct nlattr *a, struct ct *ct)
{
	const struct nlattr *info[CTA_PROTOINFO_MAX + 1] = { 0 };
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1] = { 0 };

	if (!attrs_nested(a, info, CTA_PROTOINFO_MAX + 1) ||
		!attrs_nested(info[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX + 1))
		return false;
	if (tcp[CTA_PROTOINFO_TCP_STATE] && !attr_u8(tcp[CTA_PROTOINFO_TCP_STATE], &ct->state))
		return false;
	ct->flagged = read_flags(tcp[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL], &ct->c2s.flags) &&
		      read_flags(tcp[CTA_PROTOINFO_TCP_FLAGS_REPLY], &ct->s2c.flags);
	return true;
}

static bool read_counters(const struct nlattr *a, struct ct_way *w)
{
	const struct nlattr *table[CTA_COUNTERS_MAX + 1] = { 0 };

	return attrs_nested(a, table, CTA_COUNTERS_MAX + 1) &&
	       attr_be64(table[CTA_COUNTERS_PACKETS], &w->packets) &&
	       attr_be64(table[CTA_COUNTERS_BYTES], &w->octets);
}

static bool read_start(const struct nlattr *a, struct ct *ct)
{
	const struct nlattr *table[CTA_TIMESTAMP_MAX + 1] = { 0 };

	return attrs_nested(a, table, CTA_TIMESTAMP_MAX + 1) &&
	       attr_be64(table[CTA_TIMESTAMP_START], &ct->start_ns);
}

/* ---- the whole ---- */

/* What a message may leave out. */
static bool read_rest(const struct nlattr *const *table, struct ct *ct)
{
	const struct nlattr *c2s = table[CTA_COUNTERS_ORIG], *s2c = table[CTA_COUNTERS_REPLY];

	if (table[CTA_STATUS] && !attr_be32(table[CTA_STATUS], &ct->status))
		return false;
	if (table[CTA_PROTOINFO] && !read_tcp(table[CTA_PROTOINFO], ct))
		return false;
	if (c2s && s2c && (!read_counters(c2s, &ct->c2s) || !read_counters(s2c, &ct->s2c)))
		return false;
	ct->counted = c2s && s2c;
	return !table[CTA_TIMESTAMP] || read_start(table[CTA_TIMESTAMP], ct);
}

static int read_all(const struct nlattr *const *table, struct ct *ct)
{
	struct tuple there, back;
	bool tcp = false;

	if (!read_tuple(table[CTA_TUPLE_ORIG], &there, &tcp))
		return CT_E_MALFORMED;
	if (!tcp)
		return CT_E_OTHER;
	if (!read_tuple(table[CTA_TUPLE_REPLY], &back, &tcp) || !tcp ||
		!attr_be32(table[CTA_ID], &ct->id) || !read_rest(table, ct))
		return CT_E_MALFORMED;
	ct->client = there.from;
	ct->asked = there.to;
	ct->server = back.from;
	return CT_OK;
}

int ct_read(const struct nlmsghdr *m, uint32_t lane_mask, struct ct *ct)
{
	const struct nlattr *table[CTA_MAX + 1] = { 0 };
	struct ct fresh = { .destroyed = m->nlmsg_type ==
					 (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE) };
	struct span payload;
	int r;

	if (!fresh.destroyed && m->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
		return CT_E_OTHER;
	if (!attrs_of_message(m, &payload) || !attrs_read(payload, table, CTA_MAX + 1))
		return CT_E_MALFORMED;
	/* left out by the kernel when it is 0 */
	if (!attr_be32(table[CTA_MARK], &fresh.mark))
		return table[CTA_MARK] ? CT_E_MALFORMED : CT_E_OTHER;
	if (!(fresh.mark & lane_mask))
		return CT_E_OTHER;
	r = read_all(table, &fresh);
	if (r == CT_OK)
		*ct = fresh;
	return r;
}
