/* SPDX-License-Identifier: ISC */
/* filter/gate: messages of the kernel are read at every cut and with hostile lengths; verdicts are
 * made as the kernel takes them. */
#include "test/unit/support.h"

#include "filter/gate/copied.h"
#include "filter/gate/ct.h"
#include "filter/gate/queued.h"
#include "filter/gate/verdict.h"
#include "test/unit/netlink_of.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>

#define MASK 0xff000000

static struct ip_port port_of(const char *text)
{
	struct ip_port p;

	assert_true(ip_port_parse(span_str(text), &p));
	return p;
}

static struct ct_of a_ct(void)
{
	return (struct ct_of){ .client = port_of("203.0.113.9:4000"),
		.asked = port_of("198.51.100.2:993"),
		.server = port_of("10.0.0.21:993"),
		.id = 77,
		.mark = 0x03000001,
		.status = IPS_ASSURED,
		.state = TCP_CONNTRACK_ESTABLISHED,
		.c2s_flags = 1,
		.s2c_flags = 4,
		.metered = true,
		.c2s = 12345,
		.s2c = 67890,
		.start_ns = 1800000000000000000 };
}

/* A copy whose end is the end of what can be read. */
static const struct nlmsghdr *fenced(struct fence *f, const struct nlmsghdr *m)
{
	return (const struct nlmsghdr *)(const void *)fence_at_end(f, span_of(m, m->nlmsg_len));
}

/* ---- connection tracking ---- */

static int read_ct(const struct nlmsghdr *m, struct ct *ct)
{
	struct fence f;
	int r;

	fence_init(&f, NETLINK_OF_MAX);
	r = ct_read(fenced(&f, m), MASK, ct);
	fence_deinit(&f);
	return r;
}

static void expect_all(const struct ct *ct)
{
	const struct ct_of want = a_ct();

	assert_false(ct->destroyed);
	assert_int_equal(ct->id, 77);
	assert_int_equal(ct->mark, want.mark);
	assert_int_equal(ct->status, want.status);
	assert_true(ip_eq(&ct->client.ip, &want.client.ip) && ct->client.port == 4000);
	assert_true(ip_eq(&ct->asked.ip, &want.asked.ip) && ct->asked.port == 993);
	assert_true(ip_eq(&ct->server.ip, &want.server.ip) && ct->server.port == 993);
	assert_int_equal(ct->state, TCP_CONNTRACK_ESTABLISHED);
	assert_true(ct->flagged && ct->counted);
	assert_int_equal(ct->c2s.flags, 1);
	assert_int_equal(ct->s2c.flags, 4);
	assert_int_equal(ct->c2s.octets, 12345);
	assert_int_equal(ct->s2c.packets, 678);
	assert_int_equal(ct->start_ns, 1800000000000000000);
}

static void a_connection_is_read(void **state)
{
	struct ct_of c = a_ct();
	struct netlink_of n;
	struct ct ct;

	(void)state;
	netlink_of_ct(&n, &c);
	assert_int_equal(read_ct(n.m, &ct), CT_OK);
	expect_all(&ct);
	c = (struct ct_of){ .client = port_of("[2001:db8:1::9]:4000"),
		.asked = port_of("[2001:db8:2::2]:25"),
		.server = port_of("[fd00::1]:25"),
		.mark = 0x01000000,
		.destroyed = true,
		.state = TCP_CONNTRACK_TIME_WAIT };
	netlink_of_ct(&n, &c);
	assert_int_equal(read_ct(n.m, &ct), CT_OK);
	assert_true(ct.destroyed && !ct.flagged && !ct.counted);
	assert_int_equal(ct.state, TCP_CONNTRACK_TIME_WAIT);
	assert_int_equal(ct.server.ip.family, IP_V6);
}

static void others_are_passed_over(void **state)
{
	struct ct_of c = a_ct();
	struct netlink_of n;
	struct ct ct;

	(void)state;
	c.mark = 0;
	netlink_of_ct(&n, &c);
	assert_int_equal(read_ct(n.m, &ct), CT_E_OTHER);
	c.mark = 0x00ffffff; /* somebody else's */
	netlink_of_ct(&n, &c);
	assert_int_equal(read_ct(n.m, &ct), CT_E_OTHER);
	c.mark = 0x01000000;
	c.protocol = 17;
	netlink_of_ct(&n, &c);
	assert_int_equal(read_ct(n.m, &ct), CT_E_OTHER);
	netlink_of(&n, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_NEW, 0);
	assert_int_equal(read_ct(n.m, &ct), CT_E_OTHER);
}

/* Cut at any place, with the head's word for it: never read beyond, never half believed. */
static void a_connection_at_every_cut(void **state)
{
	const struct ct_of c = a_ct();
	struct netlink_of n;
	uint32_t whole;

	(void)state;
	netlink_of_ct(&n, &c);
	whole = n.m->nlmsg_len;
	for (uint32_t size = sizeof(struct nlmsghdr); size < whole; size += 4) {
		struct ct ct = { .id = 5 };
		int r;

		n.m->nlmsg_len = size;
		r = read_ct(n.m, &ct);
		if (r != CT_OK)
			assert_int_equal(ct.id, 5); /* untouched */
		else                                /* what comes last may be missing in order */
			assert_true(ct.id == 77 && ct.mark == c.mark);
	}
}

/* Every 16 bits of the message in turn hold a number that is wrong as a length or a type. */
static void hostile_numbers(void **state)
{
	static const uint16_t numbers[] = { 0, 1, 3, 4, 5, 7, 8, 12, 0x7fff, 0x8000, 0xffff };
	const struct ct_of c = a_ct();
	struct netlink_of n;
	struct fence f;

	(void)state;
	fence_init(&f, NETLINK_OF_MAX);
	netlink_of_ct(&n, &c);
	for (size_t at = sizeof(struct nlmsghdr); at < n.m->nlmsg_len; at += 2) {
		for (size_t i = 0; i < COUNT_OF(numbers); i++) {
			struct netlink_of bad;
			struct ct ct = { .id = 5 };

			memcpy(bad.octets, n.octets, sizeof(bad.octets));
			bad.m = (struct nlmsghdr *)(void *)bad.octets;
			memcpy(bad.octets + at, &numbers[i], 2);
			if (ct_read(fenced(&f, bad.m), MASK, &ct) != CT_OK)
				assert_int_equal(ct.id, 5);
		}
	}
	fence_deinit(&f);
}

static void an_attribute_that_stands_twice(void **state)
{
	const struct ct_of c = a_ct();
	struct netlink_of n;
	struct ct ct;

	(void)state;
	netlink_of_ct(&n, &c);
	mnl_attr_put_u32(n.m, CTA_ID, 1);
	assert_int_equal(read_ct(n.m, &ct), CT_E_MALFORMED);
	netlink_of_ct(&n, &c);
	mnl_attr_put_u32(n.m, CTA_MAX + 20, 1); /* of a later kernel */
	assert_int_equal(read_ct(n.m, &ct), CT_OK);
}

/* ---- the queue ---- */

static void a_packet_message(
	struct netlink_of *n, uint8_t hook, uint16_t protocol, const char *octets)
{
	const struct nfqnl_msg_packet_hdr head = { htobe32(4711), htobe16(protocol), hook };

	netlink_of(n, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 525);
	mnl_attr_put(n->m, NFQA_PACKET_HDR, sizeof(head), &head);
	mnl_attr_put_u32(n->m, NFQA_MARK, htobe32(0xab000042));
	mnl_attr_put_u32(n->m, NFQA_IFINDEX_INDEV, htobe32(3));
	mnl_attr_put(n->m, NFQA_PAYLOAD, strlen(octets), octets);
}

static void a_queued_packet_is_read(void **state)
{
	struct netlink_of n;
	struct queued q;

	(void)state;
	a_packet_message(&n, NF_INET_PRE_ROUTING, ETH_P_IP, "octets");
	assert_int_equal(queued_read(n.m, &q), QUEUED_OK);
	assert_int_equal(q.id, 4711);
	assert_int_equal(q.queue, 525);
	assert_int_equal(q.mark, 0xab000042);
	expect_octets(q.octets, SPAN("octets"), "payload", "read");
	a_packet_message(&n, NF_INET_FORWARD, ETH_P_IP, "octets");
	assert_int_equal(queued_read(n.m, &q), QUEUED_E_FOREIGN);
	assert_int_equal(q.id, 4711);
	a_packet_message(&n, NF_INET_PRE_ROUTING, ETH_P_ARP, "octets");
	assert_int_equal(queued_read(n.m, &q), QUEUED_E_FOREIGN);
	netlink_of(&n, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 525);
	assert_int_equal(queued_read(n.m, &q), QUEUED_E_NO_ID);
	netlink_of(&n, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, 525);
	assert_int_equal(queued_read(n.m, &q), QUEUED_E_OTHER);
}

static void a_queued_packet_at_every_cut(void **state)
{
	struct netlink_of n;
	struct fence f;
	uint32_t whole;

	(void)state;
	fence_init(&f, NETLINK_OF_MAX);
	a_packet_message(&n, NF_INET_PRE_ROUTING, ETH_P_IP, "8 octets");
	whole = n.m->nlmsg_len;
	for (uint32_t size = sizeof(struct nlmsghdr); size < whole; size += 4) {
		struct queued q = { .id = 5 };

		n.m->nlmsg_len = size;
		if (queued_read(fenced(&f, n.m), &q) != QUEUED_OK)
			assert_int_equal(q.id, 5);
		else
			assert_int_equal(q.octets.n, 0); /* between two attributes */
	}
	fence_deinit(&f);
}

/* ---- copies ---- */

static void put_copy(struct netlink_of *n, uint8_t hook)
{
	const struct nfulnl_msg_packet_hdr head = { .hw_protocol = htobe16(ETH_P_IP),
		.hook = hook };

	netlink_of(n, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET, 525);
	mnl_attr_put(n->m, NFULA_PACKET_HDR, sizeof(head), &head);
	mnl_attr_put_strz(n->m, NFULA_PREFIX, "");
	mnl_attr_put(n->m, NFULA_PAYLOAD, 8, "a packet");
}

static int read_copy(const struct nlmsghdr *m, struct span *octetsp)
{
	static char kept[NETLINK_OF_MAX];
	struct fence f;
	int r;

	fence_init(&f, NETLINK_OF_MAX);
	r = copied_read(fenced(&f, m), octetsp);
	if (r == COPIED_OK && octetsp->n > 0)
		*octetsp = span_of(memcpy(kept, octetsp->p, octetsp->n), octetsp->n);
	fence_deinit(&f);
	return r;
}

static void a_copy_at_every_cut(void **state)
{
	struct span octets = { 0 };
	struct netlink_of n;
	uint32_t whole;

	(void)state;
	put_copy(&n, NF_INET_FORWARD);
	assert_int_equal(read_copy(n.m, &octets), COPIED_OK);
	assert_true(span_eq(octets, SPAN("a packet")));
	whole = n.m->nlmsg_len;
	for (n.m->nlmsg_len = sizeof(*n.m); n.m->nlmsg_len < whole; n.m->nlmsg_len += 4)
		if (read_copy(n.m, &octets) == COPIED_OK) /* between two attributes */
			assert_int_equal(octets.n, 0);
	put_copy(&n, NF_INET_PRE_ROUTING); /* somebody else's line */
	assert_int_equal(read_copy(n.m, &octets), COPIED_E_OTHER);
	netlink_of(&n, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 525);
	assert_int_equal(read_copy(n.m, &octets), COPIED_E_OTHER);
}

/* ---- verdicts ---- */

static void records_are_checked(void **state)
{
	struct gate_verdict in[VERDICTS_MAX + 1] = { 0 }, got[VERDICTS_MAX];
	const size_t one = sizeof(in[0]);
	size_t n;

	(void)state;
	for (size_t size = 0; size <= sizeof(in); size++) {
		const bool good = size > 0 && size % one == 0 && size / one <= VERDICTS_MAX;

		assert_int_equal(verdicts_read(span_of(in, size), got, &n), good);
		if (good)
			assert_int_equal(n, size / one);
	}
	for (uint32_t what = 0; what <= UINT16_MAX; what++) {
		in[1].what = (uint16_t)what;
		assert_int_equal(verdicts_read(span_of(in, 2 * one), got, &n), what < VERDICT_ASK);
	}
	in[1].what = VERDICT_ASK;
	for (in[1].family = 0; in[1].family < 8; in[1].family++)
		assert_int_equal(verdicts_read(span_of(in, 2 * one), got, &n),
			in[1].family == 4 || in[1].family == 6);
}

static void expect_verdict(const struct gate_verdict *v, unsigned type, uint32_t verdict, bool mark)
{
	_Alignas(struct nlmsghdr) uint8_t room[VERDICT_MESSAGE];
	const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)room;
	const struct nlattr *table[NFQA_MAX + 1] = { 0 };
	struct nfqnl_msg_verdict_hdr head;
	struct span payload;
	uint32_t value;
	size_t size;

	size = verdict_put(v, room);
	assert_int_equal(size, m->nlmsg_len);
	assert_true(m->nlmsg_len <= VERDICT_MESSAGE && m->nlmsg_len % 4 == 0);
	assert_int_equal(m->nlmsg_type, NFNL_SUBSYS_QUEUE << 8 | type);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST);
	assert_true(attrs_of_message(m, &payload) && attrs_read(payload, table, NFQA_MAX + 1));
	assert_true(attr_octets(table[NFQA_VERDICT_HDR], &head, sizeof(head)));
	assert_int_equal(be32toh(head.verdict), verdict);
	assert_int_equal(be32toh(head.id), v->packet);
	assert_int_equal(attr_be32(table[NFQA_MARK], &value), mark);
	if (mark)
		assert_int_equal(value, v->mark);
}

static void verdicts_are_what_the_kernel_takes(void **state)
{
	struct gate_verdict v = {
		.packet = 4711, .mark = 0x03000042, .queue = 525, .what = VERDICT_REPEAT
	};
	_Alignas(struct nlmsghdr) uint8_t room[VERDICT_QUESTION];
	const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)room;
	size_t size;

	(void)state;
	expect_verdict(&v, NFQNL_MSG_VERDICT, NF_REPEAT, true);
	v.what = VERDICT_DROP;
	expect_verdict(&v, NFQNL_MSG_VERDICT, NF_DROP, false);
	v.what = VERDICT_OLDER;
	expect_verdict(&v, NFQNL_MSG_VERDICT_BATCH, NF_DROP, false);
	v.what = VERDICT_DUMP;
	size = verdict_put(&v, room);
	assert_int_equal(size, m->nlmsg_len);
	assert_int_equal(m->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
	assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(m->nlmsg_seq, 4711);
}

/* The question for one connection holds what its reader reads. */
static void a_question_is_what_the_kernel_takes(void **state)
{
	static const char *const peers[][2] = { { "203.0.113.9:4000", "198.51.100.2:993" },
		{ "[2001:db8:1::9]:4000", "[2001:db8:2::2]:993" } };
	_Alignas(struct nlmsghdr) uint8_t room[VERDICT_QUESTION];
	const struct nlmsghdr *m = (const struct nlmsghdr *)(const void *)room;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(peers); i++) {
		const struct ip_port client = port_of(peers[i][0]), asked = port_of(peers[i][1]);
		struct gate_verdict v = { .packet = 1,
			.what = VERDICT_ASK,
			.client_port = client.port,
			.asked_port = asked.port,
			.family = client.ip.family };
		struct netlink_of n;
		const struct ct_of c = {
			.client = client, .asked = asked, .server = asked, .mark = 1
		};
		size_t size, tuple;

		memcpy(v.client, client.ip.octets, 16);
		memcpy(v.asked, asked.ip.octets, 16);
		size = verdict_put(&v, room);
		assert_int_equal(size, m->nlmsg_len);
		assert_true(size <= sizeof(room));
		assert_int_equal(m->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
		assert_int_equal(m->nlmsg_flags, NLM_F_REQUEST);
		assert_int_equal(((const struct nfgenmsg *)mnl_nlmsg_get_payload(m))->nfgen_family,
			client.ip.family == IP_V4 ? AF_INET : AF_INET6);
		netlink_of_ct(&n, &c); /* whose first attribute is the same tuple */
		tuple = size - sizeof(*m) - sizeof(struct nfgenmsg);
		expect_octets(span_of(room + size - tuple, tuple),
			span_of(n.octets + size - tuple, tuple), "tuple", peers[i][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_read),
		cmocka_unit_test(others_are_passed_over),
		cmocka_unit_test(a_connection_at_every_cut),
		cmocka_unit_test(hostile_numbers),
		cmocka_unit_test(an_attribute_that_stands_twice),
		cmocka_unit_test(a_queued_packet_is_read),
		cmocka_unit_test(a_queued_packet_at_every_cut),
		cmocka_unit_test(records_are_checked),
		cmocka_unit_test(verdicts_are_what_the_kernel_takes),
		cmocka_unit_test(a_question_is_what_the_kernel_takes),
		cmocka_unit_test(a_copy_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
