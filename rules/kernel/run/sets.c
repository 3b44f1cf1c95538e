/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/sets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "rules/kernel/plan.h"

#define KIND     "hash:ip,port,net"
#define REVISION 7 /* the newest of Linux 3.14: what it lacks is not needed */

/* ip_set_hash.h: the first number that is of a kind of set */
#define HASH_FULL IPSET_ERR_TYPE_SPECIFIC

static const char *set_name(enum ip_family family)
{
	return family == IP_V4 ? KERNEL_BANS_V4 : KERNEL_BANS_V6;
}

static uint8_t system_family(enum ip_family family)
{
	return family == IP_V4 ? AF_INET : AF_INET6;
}

static unsigned all_bits(enum ip_family family)
{
	return family == IP_V4 ? 32 : 128;
}

const char *sets_problem(int r)
{
	static const char *const texts[] = { [SETS_OK] = "done",
		[SETS_E_FOREIGN] = "a set of the name exists that is of another kind: see \"ipset "
				   "list POSTERN-BANS4\", and destroy it",
		[SETS_E_IN_USE] = "a rule of somebody else names it",
		[SETS_E_FULL] = "it is full",
		[SETS_E_MISSING] = "there is no such set, or this kernel has no ip_set with "
				   "hash:ip,port,net",
		[SETS_E_KERNEL] = "the kernel refuses" };

	return r < 0 ? strerror(-r) : texts[r];
}

int sets_result(int r)
{
	switch (r) {
	case -EEXIST: return SETS_E_FOREIGN;
	case -ENOENT:
	case IPSET_ERR_FIND_TYPE: return SETS_E_MISSING;
	case IPSET_ERR_BUSY:
	case IPSET_ERR_REFERENCED: return SETS_E_IN_USE;
	case HASH_FULL: return SETS_E_FULL;
	default: return r > 0 ? SETS_E_KERNEL : r;
	}
}

bool sets_ban_ok(const struct kernel_ban *ban, bool with_time)
{
	const enum ip_family family = ban->client.ip.family;
	struct ip masked;

	if ((family != IP_V4 && family != IP_V6) || ban->published.ip.family != family ||
		ban->client.bits == 0 || ban->client.bits > all_bits(family) ||
		ban->published.port == 0)
		return false;
	masked = ip_mask(&ban->client.ip, ban->client.bits);
	return ip_eq(&masked, &ban->client.ip) &&
	       (!with_time || (ban->seconds > 0 && ban->seconds <= KERNEL_BAN_MAX));
}

/* ---- messages ---- */

static void put_u32(struct nlmsghdr *m, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(m, type | NLA_F_NET_BYTEORDER, htonl(v));
}

struct nlmsghdr *sets_message(
	void *block, uint8_t command, uint16_t flags, uint8_t family, const char *name)
{
	struct nlmsghdr *m = netlink_request(block, NFNL_SUBSYS_IPSET, command, flags, family, 0);

	mnl_attr_put_u8(m, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL_MIN);
	mnl_attr_put_strz(m, IPSET_ATTR_SETNAME, name);
	return m;
}

/* Without NLM_F_EXCL one that is there and the same is well. */
struct nlmsghdr *sets_message_make(void *block, enum ip_family family)
{
	struct nlmsghdr *m = sets_message(block, IPSET_CMD_CREATE, NLM_F_ACK | NLM_F_CREATE,
		system_family(family), set_name(family));
	struct nlattr *data;

	mnl_attr_put_strz(m, IPSET_ATTR_TYPENAME, KIND);
	mnl_attr_put_u8(m, IPSET_ATTR_REVISION, REVISION);
	mnl_attr_put_u8(m, IPSET_ATTR_FAMILY, system_family(family));
	data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);
	put_u32(m, IPSET_ATTR_TIMEOUT, 0); /* of who is entered without one: for ever */
	put_u32(m, IPSET_ATTR_CADT_FLAGS, IPSET_FLAG_WITH_COUNTERS);
	put_u32(m, IPSET_ATTR_MAXELEM, KERNEL_BANS_MAX);
	mnl_attr_nest_end(m, data);
	return m;
}

static void put_ip(struct nlmsghdr *m, uint16_t type, const struct ip *ip)
{
	struct nlattr *nest = mnl_attr_nest_start(m, type);
	const bool four = ip->family == IP_V4;

	mnl_attr_put(m,
		(four ? IPSET_ATTR_IPADDR_IPV4 : IPSET_ATTR_IPADDR_IPV6) | NLA_F_NET_BYTEORDER,
		four ? 4 : 16, ip->octets);
	mnl_attr_nest_end(m, nest);
}

struct nlmsghdr *sets_message_ban(
	void *block, uint8_t command, bool anew, const struct kernel_ban *ban)
{
	const enum ip_family family = ban->client.ip.family;
	struct nlmsghdr *m = sets_message(block, command, anew ? NLM_F_ACK | NLM_F_EXCL : NLM_F_ACK,
		system_family(family), set_name(family));
	struct nlattr *data = mnl_attr_nest_start(m, IPSET_ATTR_DATA);

	put_ip(m, IPSET_ATTR_IP, &ban->published.ip);
	mnl_attr_put_u16(m, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, htons(ban->published.port));
	mnl_attr_put_u8(m, IPSET_ATTR_PROTO, IPPROTO_TCP);
	put_ip(m, IPSET_ATTR_IP2, &ban->client.ip);
	mnl_attr_put_u8(m, IPSET_ATTR_CIDR2, (uint8_t)ban->client.bits);
	if (command == IPSET_CMD_ADD)
		put_u32(m, IPSET_ATTR_TIMEOUT, ban->seconds);
	mnl_attr_nest_end(m, data);
	return m;
}

/* ---- reading ---- */

static bool read_octets(const struct nlattr *a, void *p, size_t n)
{
	if (mnl_attr_get_payload_len(a) != n)
		return false;
	memcpy(p, mnl_attr_get_payload(a), n);
	return true;
}

static bool read_ip(const struct nlattr *nest, struct ip *ip)
{
	const struct nlattr *a;
	uint8_t octets[16];

	NETLINK_EACH_IN(a, nest)
	{
		if (mnl_attr_get_type(a) == IPSET_ATTR_IPADDR_IPV4 && read_octets(a, octets, 4)) {
			*ip = ip_v4(octets);
			return true;
		}
		if (mnl_attr_get_type(a) == IPSET_ATTR_IPADDR_IPV6 && read_octets(a, octets, 16)) {
			*ip = ip_v6(octets);
			return true;
		}
	}
	return false;
}

/* Return: false: an attribute that is not what it says. */
static bool read_attribute(const struct nlattr *a, struct kernel_ban *ban)
{
	uint16_t port;
	uint32_t seconds;
	uint8_t octet;

	switch (mnl_attr_get_type(a)) {
	case IPSET_ATTR_IP: return read_ip(a, &ban->published.ip);
	case IPSET_ATTR_IP2: return read_ip(a, &ban->client.ip);
	case IPSET_ATTR_PORT:
		if (!read_octets(a, &port, sizeof(port)))
			return false;
		ban->published.port = ntohs(port);
		return true;
	case IPSET_ATTR_TIMEOUT:
		if (!read_octets(a, &seconds, sizeof(seconds)))
			return false;
		ban->seconds = ntohl(seconds);
		return true;
	case IPSET_ATTR_CIDR2:
		if (!read_octets(a, &octet, sizeof(octet)))
			return false;
		ban->client.bits = octet;
		return true;
	case IPSET_ATTR_PROTO: return read_octets(a, &octet, 1) && octet == IPPROTO_TCP;
	default: return true;
	}
}

static bool read_ban(const struct nlattr *entry, struct kernel_ban *ban)
{
	const struct nlattr *a;

	*ban = (struct kernel_ban){ 0 };
	NETLINK_EACH_IN(a, entry)
	{
		if (!read_attribute(a, ban))
			return false;
	}
	if (ban->client.bits == 0) /* a whole address is told without */
		ban->client.bits = all_bits(ban->client.ip.family);
	return sets_ban_ok(ban, true);
}

void sets_read(const struct nlmsghdr *message,
	void (*each)(void *context, const struct kernel_ban *ban), void *context)
{
	const struct nlattr *a, *entry;
	struct kernel_ban ban;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return;
	NETLINK_EACH_OF(a, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) != IPSET_ATTR_ADT)
			continue;
		NETLINK_EACH_IN(entry, a)
		{
			if (read_ban(entry, &ban))
				each(context, &ban);
		}
	}
}

/* ---- asking ---- */

static int ask_simple(struct netlink *nl, uint8_t command, enum ip_family family)
{
	uint8_t block[NETLINK_BLOCK];

	return sets_result(netlink_ask(nl,
		sets_message(block, command, NLM_F_ACK, system_family(family), set_name(family)),
		NULL, NULL));
}

static int make(struct netlink *nl, enum ip_family family, unsigned *madep)
{
	uint8_t block[NETLINK_BLOCK];
	const bool there = ask_simple(nl, IPSET_CMD_HEADER, family) == 0;
	const int r = sets_result(netlink_ask(nl, sets_message_make(block, family), NULL, NULL));

	if (r == 0 && !there)
		++*madep;
	return r;
}

int sets_make(struct netlink *nl, unsigned *madep)
{
	int r;

	*madep = 0;
	r = make(nl, IP_V4, madep);
	return r ? r : make(nl, IP_V6, madep);
}

/* A kernel without ip_set says EINVAL. */
static int unmake(struct netlink *nl, enum ip_family family)
{
	const int r = ask_simple(nl, IPSET_CMD_DESTROY, family);

	return r == SETS_E_MISSING || r == -EINVAL ? 0 : r;
}

int sets_unmake(struct netlink *nl)
{
	const int four = unmake(nl, IP_V4), six = unmake(nl, IP_V6);

	return four ? four : six;
}

struct dump {
	void (*each)(void *context, const struct kernel_ban *ban);
	void *context;
};

static int dump_message(const struct nlmsghdr *message, void *context)
{
	const struct dump *d = context;

	sets_read(message, d->each, d->context);
	return 0;
}

int sets_each(struct netlink *nl, enum ip_family family,
	void (*each)(void *context, const struct kernel_ban *ban), void *context)
{
	uint8_t block[NETLINK_BLOCK];
	struct dump d = { each, context };

	return sets_result(netlink_ask(nl,
		sets_message(
			block, IPSET_CMD_LIST, NLM_F_DUMP, system_family(family), set_name(family)),
		dump_message, &d));
}

static int change(struct netlink *nl, uint8_t command, bool anew, const struct kernel_ban *ban)
{
	uint8_t block[NETLINK_BLOCK];

	return netlink_ask(nl, sets_message_ban(block, command, anew, ban), NULL, NULL);
}

struct looking {
	const struct kernel_ban *ban;
	uint32_t seconds; /* what is left of it; 0: not found */
};

static void look(void *context, const struct kernel_ban *ban)
{
	struct looking *l = context;

	if (ban->published.port == l->ban->published.port &&
		ban->client.bits == l->ban->client.bits &&
		ip_eq(&ban->published.ip, &l->ban->published.ip) &&
		ip_eq(&ban->client.ip, &l->ban->client.ip))
		l->seconds = ban->seconds;
}

/* An entry cannot be asked for its time: all are looked through, but only where one is there, which
 * is seldom, since who is banned is not seen again. */
int sets_ban(struct netlink *nl, const struct kernel_ban *ban)
{
	struct looking l = { ban, 0 };
	int r = change(nl, IPSET_CMD_ADD, true, ban);

	if (r != IPSET_ERR_EXIST)
		return sets_result(r);
	r = sets_each(nl, ban->client.ip.family, look, &l);
	if (r != 0 || l.seconds >= ban->seconds)
		return r;
	return sets_result(change(nl, IPSET_CMD_ADD, false, ban));
}

int sets_unban(struct netlink *nl, const struct kernel_ban *ban)
{
	return sets_result(change(nl, IPSET_CMD_DEL, false, ban));
}
