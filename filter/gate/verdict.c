/* SPDX-License-Identifier: ISC */
#include "filter/gate/verdict.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

bool verdicts_read(struct span packet, struct gate_verdict *verdicts, size_t *np)
{
	const size_t n = packet.n / sizeof(*verdicts);

	if (n == 0 || n > VERDICTS_MAX || packet.n % sizeof(*verdicts) != 0)
		return false;
	memcpy(verdicts, packet.p, packet.n);
	for (size_t i = 0; i < n; i++)
		if (verdicts[i].what >= VERDICT_WHATS)
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

size_t verdict_put_dump(const struct gate_verdict *v, void *room)
{
	struct nlmsghdr *m = put_head(room, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, 0);

	m->nlmsg_flags |= NLM_F_DUMP;
	m->nlmsg_seq = v->packet;
	return m->nlmsg_len;
}
