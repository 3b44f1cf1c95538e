/* SPDX-License-Identifier: ISC */
/*
 * Messages of the kernel to the gate: whatever lengths stand in them, nothing beyond is read
 *
 * The first octet chooses the kind of message, the others follow its head.
 */
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "filter/gate/copied.h"
#include "filter/gate/ct.h"
#include "filter/gate/queued.h"
#include "filter/gate/verdict.h"
#include "test/fuzz/fuzz.h"

static const uint16_t types[] = { NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET,
	NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
	NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
	NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET };

static void read_message(const struct nlmsghdr *m)
{
	struct span octets;
	struct queued q;
	struct ct ct;
	const int r = queued_read(m, &q);

	if (r == QUEUED_OK)
		HOLDS(q.octets.n < m->nlmsg_len);
	if (copied_read(m, &octets) == COPIED_OK)
		HOLDS(octets.n < m->nlmsg_len);
	if (ct_read(m, 0xff000000, &ct) == CT_OK) {
		HOLDS(ct.mark & 0xff000000);
		HOLDS(ct.client.ip.family != IP_NONE && ct.server.ip.family != IP_NONE);
	}
}

static void read_records(struct span s)
{
	struct gate_verdict v[VERDICTS_MAX];
	_Alignas(struct nlmsghdr) uint8_t room[VERDICT_QUESTION];
	size_t n = 0;

	if (!verdicts_read(s, v, &n))
		return;
	for (size_t i = 0; i < n; i++)
		HOLDS(verdict_put(&v[i], room) <=
			(verdict_asks(&v[i]) ? VERDICT_QUESTION : VERDICT_MESSAGE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr head = { 0 };
	uint8_t *block;

	if (size < 1 || size > 4096)
		return 0;
	head.nlmsg_len = (uint32_t)(sizeof(head) + size - 1);
	head.nlmsg_type = types[data[0] % 4];
	block = malloc(head.nlmsg_len);
	if (block == NULL)
		abort();
	memcpy(block, &head, sizeof(head));
	memcpy(block + sizeof(head), data + 1, size - 1);
	read_message((const struct nlmsghdr *)(void *)block);
	read_records(span_of(block + sizeof(head), size - 1));
	free(block);
	return 0;
}
