/* SPDX-License-Identifier: ISC */
#include "filter/gate/attrs.h"

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>

bool attrs_read(struct span payload, const struct nlattr **table, unsigned n)
{
	while (payload.n >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)(const void *)payload.p;
		const unsigned type = mnl_attr_get_type(a);

		if (!mnl_attr_ok(a, (int)payload.n))
			return false;
		if (type < n && table[type])
			return false;
		if (type < n)
			table[type] = a;
		payload = span_from(payload, MNL_ALIGN(a->nla_len));
	}
	return payload.n == 0;
}

bool attrs_nested(const struct nlattr *a, const struct nlattr **table, unsigned n)
{
	return attrs_read(attr_span(a), table, n);
}

bool attrs_of_message(const struct nlmsghdr *m, struct span *payloadp)
{
	const size_t head = sizeof(struct nfgenmsg); /* 4, and so aligned */
	const size_t size = mnl_nlmsg_get_payload_len(m);

	if (m->nlmsg_len < sizeof(*m) || size < head)
		return false;
	*payloadp = span_of((const uint8_t *)mnl_nlmsg_get_payload(m) + head, size - head);
	return true;
}

struct span attr_span(const struct nlattr *a)
{
	return a ? span_of(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a))
		 : (struct span){ 0 };
}

bool attr_octets(const struct nlattr *a, void *to, size_t n)
{
	const struct span s = attr_span(a);

	if (!a || s.n != n)
		return false;
	memcpy(to, s.p, n);
	return true;
}

bool attr_u8(const struct nlattr *a, uint8_t *vp)
{
	return attr_octets(a, vp, sizeof(*vp));
}

bool attr_be16(const struct nlattr *a, uint16_t *vp)
{
	uint16_t v;

	if (!attr_octets(a, &v, sizeof(v)))
		return false;
	*vp = be16toh(v);
	return true;
}

bool attr_be32(const struct nlattr *a, uint32_t *vp)
{
	uint32_t v;

	if (!attr_octets(a, &v, sizeof(v)))
		return false;
	*vp = be32toh(v);
	return true;
}

bool attr_be64(const struct nlattr *a, uint64_t *vp)
{
	uint64_t v;

	if (!attr_octets(a, &v, sizeof(v)))
		return false;
	*vp = be64toh(v);
	return true;
}
