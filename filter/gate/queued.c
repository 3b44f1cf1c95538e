/* SPDX-License-Identifier: ISC */
#include "filter/gate/queued.h"

#include <endian.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

static bool is_packet(const struct nlmsghdr *m)
{
	return m->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
}

/* That the family named in front is the packet's own is seen by its version. */
static bool is_ours(const struct nfqnl_msg_packet_hdr *head)
{
	const uint16_t protocol = be16toh(head->hw_protocol);

	return head->hook == NF_INET_PRE_ROUTING &&
	       (protocol == ETH_P_IP || protocol == ETH_P_IPV6);
}

int queued_read(const struct nlmsghdr *m, struct queued *q)
{
	const struct nlattr *table[NFQA_MAX + 1] = { 0 };
	struct nfqnl_msg_packet_hdr head;
	struct queued fresh = { 0 };
	struct span payload;

	if (!is_packet(m))
		return QUEUED_E_OTHER;
	if (!attrs_of_message(m, &payload) || !attrs_read(payload, table, NFQA_MAX + 1) ||
		!attr_octets(table[NFQA_PACKET_HDR], &head, sizeof(head)))
		return QUEUED_E_NO_ID;
	fresh.id = be32toh(head.packet_id);
	fresh.queue = be16toh(((const struct nfgenmsg *)mnl_nlmsg_get_payload(m))->res_id);
	/* left out by the kernel when it is 0 */
	if (table[NFQA_MARK] && !attr_be32(table[NFQA_MARK], &fresh.mark))
		return QUEUED_E_NO_ID;
	fresh.octets = attr_span(table[NFQA_PAYLOAD]);
	*q = fresh;
	return is_ours(&head) ? QUEUED_OK : QUEUED_E_FOREIGN;
}
