/* SPDX-License-Identifier: ISC */
#include "filter/gate/copied.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_log.h>

int copied_read(const struct nlmsghdr *m, struct span *octetsp)
{
	const struct nlattr *table[NFULA_MAX + 1] = { 0 };
	struct nfulnl_msg_packet_hdr head;
	struct span payload;

	if (m->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return COPIED_E_OTHER;
	if (!attrs_of_message(m, &payload) || !attrs_read(payload, table, NFULA_MAX + 1) ||
		!attr_octets(table[NFULA_PACKET_HDR], &head, sizeof(head)))
		return COPIED_E_MALFORMED;
	if (head.hook != NF_INET_FORWARD)
		return COPIED_E_OTHER;
	*octetsp = attr_span(table[NFULA_PAYLOAD]);
	return COPIED_OK;
}
