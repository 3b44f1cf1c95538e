/* SPDX-License-Identifier: ISC */
#include "filter/gate/verdict.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include "base/ip.h"

bool verdicts_read(struct span packet, struct gate_verdict *verdicts, size_t *np)
{
	const size_t n = packet.n / sizeof(*verdicts);

	if (n == 0 || n > VERDICTS_MAX || packet.n % sizeof(*verdicts) != 0)
		return false;
	memcpy(verdicts, packet.p, packet.n);
	for (size_t i = 0; i < n; i++)
		if (verdicts[i].what >= VERDICT_WHATS ||
			(verdicts[i].what == VERDICT_LOOK && verdicts[i].way.family != IP_V4 &&
				verdicts[i].way.family != IP_V6))
			return false;
	*np = n;
	return true;
}

static struct nlmsghdr *put_head(void *room, unsigned subsystem, unsigned type, uint16_t resource)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(room);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(m, sizeof(*nfg));

	m->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	m->nlmsg_flags = NLM_F_REQUEST;
	*nfg = (struct nfgenmsg){ AF_UNSPEC, NFNETLINK_V0, htobe16(resource) };
	return m;
}

size_t verdict_put(const struct gate_verdict *v, void *room)
{
	const bool older = v->what == VERDICT_OLDER, repeat = v->what == VERDICT_REPEAT;
	const struct nfqnl_msg_verdict_hdr head = { htobe32(repeat ? NF_REPEAT : NF_DROP),
		htobe32(v->packet) };
	struct nlmsghdr *m = put_head(room, NFNL_SUBSYS_QUEUE,
		older ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT, v->queue);

	mnl_attr_put(m, NFQA_VERDICT_HDR, sizeof(head), &head);
	if (repeat)
		mnl_attr_put_u32(m, NFQA_MARK, htobe32(v->mark));
	return m->nlmsg_len;
}

/* ---- questions ---- */

bool verdict_asks(const struct gate_verdict *v)
{
	return v->what == VERDICT_DUMP || v->what == VERDICT_LOOK;
}

static void put_tuple(struct nlmsghdr *m, const struct gate_way *w)
{
	const bool v4 = w->family == IP_V4;
	const size_t n = v4 ? 4 : 16;
	struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
	struct nlattr *part = mnl_attr_nest_start(m, CTA_TUPLE_IP);

	mnl_attr_put(m, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, n, w->client);
	mnl_attr_put(m, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, n, w->asked);
	mnl_attr_nest_end(m, part);
	part = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, w->client_port);
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, w->asked_port);
	mnl_attr_nest_end(m, part);
	mnl_attr_nest_end(m, tuple);
}

size_t verdict_put_question(const struct gate_verdict *v, void *room)
{
	struct nlmsghdr *m = put_head(room, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0);
	struct nfgenmsg *nfg = mnl_nlmsg_get_payload(m);

	m->nlmsg_seq = v->packet;
	if (v->what == VERDICT_DUMP) {
		m->nlmsg_flags |= NLM_F_DUMP;
	} else {
		nfg->nfgen_family = v->way.family == IP_V4 ? AF_INET : AF_INET6;
		put_tuple(m, &v->way);
	}
	return m->nlmsg_len;
}
