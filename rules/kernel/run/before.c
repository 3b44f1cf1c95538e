/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/before.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "rules/kernel/run/sets.h"

#define NAME     "POSTERN-BEFORE"
#define KIND     "bitmap:port"
#define REVISION 2  /* the first with comments, Linux 3.13 */
#define PORTS    15 /* the last; a range once made cannot grow */

static_assert(SETTINGS <= PORTS + 1, "each setting needs a place");

static void put_port(struct nlmsghdr *m, uint16_t type, unsigned port)
{
	mnl_attr_put_u16(m, type | NLA_F_NET_BYTEORDER, htons((uint16_t)port));
}

static struct nlmsghdr *message(void *block, uint8_t command, uint16_t flags)
{
	return sets_message(block, command, flags, AF_INET, NAME);
}

static int simple(struct netlink *nl, uint8_t command)
{
	uint8_t block[NETLINK_BLOCK];

	return sets_result(netlink_ask(nl, message(block, command, NLM_F_ACK), NULL, NULL));
}

int before_make(struct netlink *nl)
{
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = message(block, IPSET_CMD_CREATE, NLM_F_ACK | NLM_F_CREATE);
	struct nlattr *data;

	mnl_attr_put_strz(m, IPSET_ATTR_TYPENAME, KIND);
	mnl_attr_put_u8(m, IPSET_ATTR_REVISION, REVISION);
	mnl_attr_put_u8(m, IPSET_ATTR_FAMILY, AF_UNSPEC);
	data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);
	put_port(m, IPSET_ATTR_PORT, 0);
	put_port(m, IPSET_ATTR_PORT_TO, PORTS);
	mnl_attr_put_u32(
		m, IPSET_ATTR_CADT_FLAGS | NLA_F_NET_BYTEORDER, htonl(IPSET_FLAG_WITH_COMMENT));
	mnl_attr_nest_end(m, data);
	return sets_result(netlink_ask(nl, m, NULL, NULL));
}

int before_unmake(struct netlink *nl)
{
	const int r = simple(nl, IPSET_CMD_DESTROY);

	return r == SETS_E_MISSING || r == -EINVAL ? 0 : r;
}

/* One that is there is replaced, comment and all. */
int before_put(struct netlink *nl, const struct setting_memory *memory)
{
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = message(block, IPSET_CMD_ADD, NLM_F_ACK);
	struct nlattr *data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);
	char line[SETTING_LINE_MAX];
	struct out o;

	out_init(&o, line, sizeof(line));
	setting_print(&o, memory);
	put_port(m, IPSET_ATTR_PORT, memory->setting);
	mnl_attr_put_strz(m, IPSET_ATTR_COMMENT, out_cstr(&o));
	mnl_attr_nest_end(m, data);
	return sets_result(netlink_ask(nl, m, NULL, NULL));
}

int before_drop(struct netlink *nl, enum kernel_setting setting)
{
	uint8_t block[NETLINK_BLOCK];
	struct nlmsghdr *m = message(block, IPSET_CMD_DEL, NLM_F_ACK);
	struct nlattr *data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);

	put_port(m, IPSET_ATTR_PORT, setting);
	mnl_attr_nest_end(m, data);
	return sets_result(netlink_ask(nl, m, NULL, NULL));
}

/* ---- reading ---- */

static void take_entry(const struct nlattr *entry, struct before *b)
{
	struct setting_memory m;
	const struct nlattr *a;

	NETLINK_EACH_IN(a, entry)
	{
		const char *text = mnl_attr_get_payload(a);
		const size_t n = strnlen(text, mnl_attr_get_payload_len(a));

		if (mnl_attr_get_type(a) != IPSET_ATTR_COMMENT ||
			!setting_parse(span_of(text, n), &m))
			continue;
		b->has[m.setting] = true;
		b->memory[m.setting] = m;
	}
}

void before_take(const struct nlmsghdr *dumped, struct before *b)
{
	const struct nlattr *a, *entry;

	if (mnl_nlmsg_get_payload_len(dumped) < sizeof(struct nfgenmsg))
		return;
	NETLINK_EACH_OF(a, dumped, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) != IPSET_ATTR_ADT)
			continue;
		NETLINK_EACH_IN(entry, a)
		{
			take_entry(entry, b);
		}
	}
}

static int take(const struct nlmsghdr *m, void *context)
{
	before_take(m, context);
	return 0;
}

int before_read(struct netlink *nl, struct before *b)
{
	uint8_t block[NETLINK_BLOCK];
	int r;

	*b = (struct before){ 0 };
	r = sets_result(netlink_ask(nl, message(block, IPSET_CMD_LIST, NLM_F_DUMP), take, b));
	return r == SETS_E_MISSING || r == -EINVAL ? 0 : r;
}
