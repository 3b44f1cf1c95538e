/* SPDX-License-Identifier: ISC */
/* Messages of ipset: as the ipset program of 7.17 sends them, and whatever the kernel could answer.
 */
#include "rules/kernel/run/sets.h"

#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#include "rules/kernel/run/before.h"
#include "test/unit/support.h"

static uint8_t block[NETLINK_BLOCK];

static struct kernel_ban ban_of(const char *client, const char *published, uint32_t seconds)
{
	struct kernel_ban b = { .seconds = seconds };

	assert_true(ip_prefix_parse(span_str(client), &b.client));
	assert_true(ip_port_parse(span_str(published), &b.published));
	return b;
}

/* The octets behind the head of netlink and that of nfnetlink. */
static struct span attributes_of(const struct nlmsghdr *m)
{
	return span_from(span_of(m, m->nlmsg_len), sizeof(*m) + sizeof(struct nfgenmsg));
}

static void a_ban_on_the_wire(void **state)
{
	static const uint8_t want[] = {
		5, 0, 1, 0, 6, 0, 0, 0, /* protocol */
		18, 0, 2, 0, 'P', 'O', 'S', 'T', 'E', 'R', 'N', '-', 'B', 'A', 'N', 'S', '4', 0, 0,
		0, 60, 0, 7, 0x80,                              /* data */
		12, 0, 1, 0x80, 8, 0, 1, 0x40, 198, 51, 100, 2, /* ip */
		6, 0, 4, 0x40, 0, 25, 0, 0,                     /* port */
		5, 0, 7, 0, 6, 0, 0, 0,                         /* TCP */
		12, 0, 20, 0x80, 8, 0, 1, 0x40, 203, 0, 113, 0, /* net */
		5, 0, 21, 0, 24, 0, 0, 0,                       /* of 24 bits */
		8, 0, 6, 0x40, 0, 0, 1, 0,                      /* timeout */
	};
	const struct kernel_ban b = ban_of("203.0.113.0/24", "198.51.100.2:25", 256);
	const struct nlmsghdr *m = sets_message_ban(block, IPSET_CMD_ADD, true, &b);

	(void)state;
	assert_int_equal(m->nlmsg_type, NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_ADD);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL);
	expect_octets(attributes_of(m), span_of(want, sizeof(want)), "a ban", "as sent");
}

/* ---- what may be banned ---- */

static void bans_that_are_none(void **state)
{
	const struct kernel_ban good = ban_of("203.0.113.0/24", "198.51.100.2:25", 60);
	struct kernel_ban b;

	(void)state;
	assert_true(sets_ban_ok(&good, true));
#define BAD(change)                                                                                \
	do {                                                                                       \
		b = good;                                                                          \
		change;                                                                            \
		assert_false(sets_ban_ok(&b, true));                                               \
	} while (0)
	BAD(b.client.bits = 0);
	BAD(b.client.bits = 33);
	BAD(b.client.bits = 23); /* an octet beyond the prefix is set */
	BAD(b.client.ip.family = IP_V6);
	BAD(b.client.ip.family = IP_NONE);
	BAD(b.client.ip.family = 5);
	BAD(b.published.ip.family = IP_V6);
	BAD(b.published.port = 0);
	BAD(b.seconds = 0);
	BAD(b.seconds = KERNEL_BAN_MAX + 1);
#undef BAD
	b = good;
	b.seconds = 0;
	assert_true(sets_ban_ok(&b, false));
}

/* ---- reading ---- */

struct heard {
	struct kernel_ban list[8];
	size_t n;
};

static void hear(void *context, const struct kernel_ban *b)
{
	struct heard *h = context;

	assert_true(sets_ban_ok(b, true));
	if (h->n < COUNT_OF(h->list))
		h->list[h->n++] = *b;
}

/* A message of a dump: the bans, as the kernel lists them. */
static struct nlmsghdr *dump_of(const struct kernel_ban *bans, size_t n)
{
	static uint8_t made[NETLINK_BLOCK];
	struct nlmsghdr *m = sets_message(made, IPSET_CMD_LIST, 0, 2, "POSTERN-BANS4");
	struct nlattr *all = mnl_attr_nest_start(m, IPSET_ATTR_ADT);

	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *one = sets_message_ban(block, IPSET_CMD_ADD, false, &bans[i]);
		const struct nlattr *a;

		NETLINK_EACH_OF(a, one, sizeof(struct nfgenmsg))
		{
			if (mnl_attr_get_type(a) == IPSET_ATTR_DATA)
				mnl_attr_put(m, IPSET_ATTR_DATA | NLA_F_NESTED,
					mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
		}
	}
	mnl_attr_nest_end(m, all);
	return m;
}

static void bans_are_read_as_they_were_written(void **state)
{
	const struct kernel_ban bans[] = { ban_of("203.0.113.0/24", "198.51.100.2:25", 60),
		ban_of("203.0.113.9", "198.51.100.2:993", 1),
		ban_of("2001:db8:1::/64", "[2001:db8::2]:25", KERNEL_BAN_MAX) };
	struct heard h = { 0 };

	(void)state;
	sets_read(dump_of(bans, COUNT_OF(bans)), hear, &h);
	assert_int_equal(h.n, COUNT_OF(bans));
	for (size_t i = 0; i < h.n; i++) {
		assert_int_equal(h.list[i].seconds, bans[i].seconds);
		assert_int_equal(h.list[i].client.bits, bans[i].client.bits);
		assert_true(ip_eq(&h.list[i].client.ip, &bans[i].client.ip));
		assert_true(ip_eq(&h.list[i].published.ip, &bans[i].published.ip));
		assert_int_equal(h.list[i].published.port, bans[i].published.port);
	}
}

static void read_all(const struct nlmsghdr *m)
{
	struct heard h = { 0 };
	struct before b = { 0 };

	sets_read(m, hear, &h);
	before_take(m, &b);
}

/* Each cut, before an unreadable page. */
static void messages_that_end_early(void **state)
{
	const struct kernel_ban bans[] = { ban_of("203.0.113.0/24", "198.51.100.2:25", 60),
		ban_of("2001:db8:1::/64", "[2001:db8::2]:25", 7) };
	const struct nlmsghdr *whole = dump_of(bans, COUNT_OF(bans));
	const struct span octets = span_of(whole, whole->nlmsg_len);
	struct fence f;

	(void)state;
	fence_init(&f, octets.n);
	for (size_t n = sizeof(*whole); n <= octets.n; n += 4) { /* netlink aligns, so do readers */
		struct nlmsghdr *m = (void *)(uintptr_t)fence_at_end(&f, span_sub(octets, 0, n));

		m->nlmsg_len = (uint32_t)n;
		read_all(m);
	}
	fence_deinit(&f);
}

/* Octets changed at random: nothing is read beyond the end, and what is read is a ban. */
static void messages_of_nonsense(void **state)
{
	const struct kernel_ban bans[] = { ban_of("203.0.113.0/24", "198.51.100.2:25", 60),
		ban_of("2001:db8:1::/64", "[2001:db8::2]:25", 7) };
	const struct nlmsghdr *whole = dump_of(bans, COUNT_OF(bans));
	const struct span octets = span_of(whole, whole->nlmsg_len);
	struct fence f;

	(void)state;
	srand(1);
	fence_init(&f, octets.n);
	for (int i = 0; i < 20000; i++) {
		uint8_t *p = (uint8_t *)(uintptr_t)fence_at_end(&f, octets);

		for (int n = rand() % 4; n >= 0; n--)
			p[sizeof(*whole) + (size_t)rand() % (octets.n - sizeof(*whole))] =
				(uint8_t)rand();
		read_all((const void *)p);
	}
	fence_deinit(&f);
}

/* ---- the memory of settings ---- */

static struct nlmsghdr *memory_of(const char *const *comments, size_t n)
{
	struct nlmsghdr *m = sets_message(block, IPSET_CMD_LIST, 0, 2, "POSTERN-BEFORE");
	struct nlattr *all = mnl_attr_nest_start(m, IPSET_ATTR_ADT);

	for (size_t i = 0; i < n; i++) {
		struct nlattr *one = mnl_attr_nest_start(m, IPSET_ATTR_DATA);

		mnl_attr_put_strz(m, IPSET_ATTR_COMMENT, comments[i]);
		mnl_attr_nest_end(m, one);
	}
	mnl_attr_nest_end(m, all);
	return m;
}

static void settings_are_read_from_comments(void **state)
{
	static const char *const comments[] = { "net.ipv4.ip_forward 0 1", "of somebody else",
		"net.netfilter.nf_conntrack_acct 3 1", "" };
	struct before b = { 0 };

	(void)state;
	before_take(memory_of(comments, COUNT_OF(comments)), &b);
	assert_true(b.has[SETTING_FORWARD4] && b.has[SETTING_ACCOUNTING]);
	assert_false(b.has[SETTING_FORWARD6] || b.has[SETTING_TIMESTAMP]);
	assert_true(b.memory[SETTING_ACCOUNTING].before == 3);
}

static void results(void **state)
{
	(void)state;
	assert_int_equal(sets_result(0), SETS_OK);
	assert_int_equal(sets_result(-EEXIST), SETS_E_FOREIGN);
	assert_int_equal(sets_result(-ENOENT), SETS_E_MISSING);
	assert_int_equal(sets_result(IPSET_ERR_BUSY), SETS_E_IN_USE);
	assert_int_equal(sets_result(IPSET_ERR_TYPE_SPECIFIC), SETS_E_FULL);
	assert_int_equal(sets_result(IPSET_ERR_PROTOCOL), SETS_E_KERNEL);
	assert_int_equal(sets_result(-EPERM), -EPERM);
	for (int r = SETS_OK; r <= SETS_E_KERNEL; r++)
		assert_non_null(sets_problem(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_on_the_wire),
		cmocka_unit_test(bans_that_are_none),
		cmocka_unit_test(bans_are_read_as_they_were_written),
		cmocka_unit_test(messages_that_end_early),
		cmocka_unit_test(messages_of_nonsense),
		cmocka_unit_test(settings_are_read_from_comments),
		cmocka_unit_test(results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
