/* SPDX-License-Identifier: ISC */
#include "filter/gate/verdict.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include "base/ip.h"

bool verdict_asks(const struct gate_verdict *v)
{
	return v->what == VERDICT_DUMP || v->what == VERDICT_ASK;
}

static bool is_record(const struct gate_verdict *v)
{
	return v->what < VERDICT_WHATS &&
	       (v->what != VERDICT_ASK || v->family == IP_V4 || v->family == IP_V6);
}

bool verdicts_read(struct span packet, struct gate_verdict *verdicts, size_t *np)
{
	const size_t n = packet.n / sizeof(*verdicts);

	if (n == 0 || n > VERDICTS_MAX || packet.n % sizeof(*verdicts) != 0)
		return false;
	memcpy(verdicts, packet.p, packet.n);
	for (size_t i = 0; i < n; i++)
		if (!is_record(&verdicts[i]))
			return false;
	*np = n;
	return true;
}

/* What stands between attributes is not cleared by libmnl. */
static struct nlmsghdr *put_head(void *room, size_t size, unsigned subsystem, unsigned type,
	uint8_t family, uint16_t resource)
{
	struct nlmsghdr *m = memset(room, 0, size);
	struct nfgenmsg *nfg;

	mnl_nlmsg_put_header(room);
	nfg = mnl_nlmsg_put_extra_header(m, sizeof(*nfg));

	m->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	m->nlmsg_flags = NLM_F_REQUEST;
	*nfg = (struct nfgenmsg){ family, NFNETLINK_V0, htobe16(resource) };
	return m;
}

/* ---- verdicts ---- */

static size_t put_verdict(const struct gate_verdict *v, void *room)
{
	const bool older = v->what == VERDICT_OLDER, repeat = v->what == VERDICT_REPEAT;
	const struct nfqnl_msg_verdict_hdr head = { htobe32(repeat ? NF_REPEAT : NF_DROP),
		htobe32(v->packet) };
	struct nlmsghdr *m = put_head(room, VERDICT_MESSAGE, NFNL_SUBSYS_QUEUE,
		older ? NFQNL_MSG_VERDICT_BATCH : NFQNL_MSG_VERDICT, AF_UNSPEC, v->queue);

	mnl_attr_put(m, NFQA_VERDICT_HDR, sizeof(head), &head);
	if (repeat)
		mnl_attr_put_u32(m, NFQA_MARK, htobe32(v->mark));
	return m->nlmsg_len;
}

/* ---- questions ---- */

static void put_tuple(struct nlmsghdr *m, const struct gate_verdict *v)
{
	const bool v4 = v->family == IP_V4;
	struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
	struct nlattr *part = mnl_attr_nest_start(m, CTA_TUPLE_IP);

	mnl_attr_put(m, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, v->client);
	mnl_attr_put(m, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16, v->asked);
	mnl_attr_nest_end(m, part);
	part = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htobe16(v->client_port));
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htobe16(v->asked_port));
	mnl_attr_nest_end(m, part);
	mnl_attr_nest_end(m, tuple);
}

static size_t put_question(const struct gate_verdict *v, void *room)
{
	const bool all = v->what == VERDICT_DUMP;
	struct nlmsghdr *m =
		put_head(room, VERDICT_QUESTION, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET,
			all                  ? AF_UNSPEC
			: v->family == IP_V4 ? AF_INET
					     : AF_INET6,
			0);

	m->nlmsg_seq = v->packet;
	if (all)
		m->nlmsg_flags |= NLM_F_DUMP;
	else
		put_tuple(m, v);
	return m->nlmsg_len;
}

size_t verdict_put(const struct gate_verdict *v, void *room)
{
	return verdict_asks(v) ? put_question(v, room) : put_verdict(v, room);
}
