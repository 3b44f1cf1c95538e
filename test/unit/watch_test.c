/* SPDX-License-Identifier: ISC */
/* Which of the kernel's messages are a reason to look. */
#include "rules/kernel/run/watch.h"

#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rules/kernel/run/netlink.h"
#include "test/unit/support.h"

static uint8_t block[NETLINK_BLOCK];

static bool nftables(uint8_t command, uint8_t family, const char *table)
{
	struct nlmsghdr *m = netlink_request(block, NFNL_SUBSYS_NFTABLES, command, 0, family, 0);

	if (table != NULL)
		mnl_attr_put_strz(m, NFTA_TABLE_NAME, table);
	return watch_is_nftables(m);
}

static void tables_of_iptables(void **state)
{
	static const char *const ours[] = { "raw", "mangle", "nat", "filter" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ours); i++) {
		assert_true(nftables(NFT_MSG_NEWRULE, AF_INET, ours[i]));
		assert_true(nftables(NFT_MSG_DELTABLE, AF_INET6, ours[i]));
		assert_false(nftables(NFT_MSG_NEWRULE, 1 /* inet */, ours[i]));
	}
	assert_false(nftables(NFT_MSG_NEWRULE, AF_INET, "filter2"));
	assert_false(nftables(NFT_MSG_NEWRULE, AF_INET, ""));
	assert_false(nftables(NFT_MSG_NEWRULE, AF_INET, NULL));
	assert_false(nftables(NFT_MSG_NEWSETELEM, AF_INET, "filter"));
	assert_false(nftables(NFT_MSG_NEWGEN, AF_INET, NULL));
}

static struct nlmsghdr *routing(uint16_t type, size_t head, uint16_t attribute, uint32_t value)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(block);

	m->nlmsg_type = type;
	memset(mnl_nlmsg_put_extra_header(m, head), 0, head);
	if (attribute != 0)
		mnl_attr_put_u32(m, attribute, value);
	return m;
}

static void our_routing(void **state)
{
	const size_t rule = sizeof(struct fib_rule_hdr), route = sizeof(struct rtmsg);

	(void)state;
	for (uint32_t p = 5250; p <= 5252; p++) {
		assert_true(watch_is_routing(routing(RTM_NEWRULE, rule, FRA_PRIORITY, p)));
		assert_true(watch_is_routing(routing(RTM_DELRULE, rule, FRA_PRIORITY, p)));
	}
	assert_false(watch_is_routing(routing(RTM_DELRULE, rule, FRA_PRIORITY, 5249)));
	assert_false(watch_is_routing(routing(RTM_DELRULE, rule, FRA_PRIORITY, 5253)));
	assert_false(watch_is_routing(routing(RTM_DELRULE, rule, 0, 0)));
	assert_true(watch_is_routing(routing(RTM_DELROUTE, route, RTA_TABLE, 5250)));
	assert_false(watch_is_routing(routing(RTM_DELROUTE, route, RTA_TABLE, 254)));
	assert_true(watch_is_routing(routing(RTM_NEWNETCONF, sizeof(struct netconfmsg), 0, 0)));
	assert_false(watch_is_routing(routing(RTM_NEWLINK, 16, 0, 0)));
}

/* Each length, before an unreadable page, and octets changed at random. */
static void messages_of_nonsense(void **state)
{
	struct nlmsghdr *m =
		netlink_request(block, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE, 0, AF_INET, 0);
	struct fence f;
	struct span octets;

	(void)state;
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, "filter");
	mnl_attr_put_strz(m, NFTA_RULE_CHAIN, "INPUT");
	octets = span_of(m, m->nlmsg_len);
	srand(1);
	fence_init(&f, octets.n);
	for (int i = 0; i < 20000; i++) {
		const size_t n =
			sizeof(*m) + (size_t)rand() % ((octets.n - sizeof(*m)) / 4 + 1) * 4;
		uint8_t *p = (uint8_t *)(uintptr_t)fence_at_end(&f, span_sub(octets, 0, n));
		struct nlmsghdr *cut = (void *)p;

		for (int k = rand() % 3; k > 0 && n > sizeof(*m); k--)
			p[sizeof(*m) + (size_t)rand() % (n - sizeof(*m))] = (uint8_t)rand();
		cut->nlmsg_len = (uint32_t)n;
		watch_is_nftables(cut);
		cut->nlmsg_type = i % 2 ? RTM_DELRULE : RTM_NEWROUTE;
		watch_is_routing(cut);
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_iptables),
		cmocka_unit_test(our_routing),
		cmocka_unit_test(messages_of_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
