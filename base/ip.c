/* SPDX-License-Identifier: ISC */
#include "base/ip.h"

#define V4_OCTETS 4
#define V6_OCTETS 16

static const uint8_t mapped[12] = {
	[10] = 0xff, [11] = 0xff
}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

struct ip ip_v4(const uint8_t octets[static 4])
{
	struct ip ip = { .family = IP_V4 };

	memcpy(ip.octets, octets, V4_OCTETS);
	return ip;
}

struct ip ip_v6(const uint8_t octets[static 16])
{
	struct ip ip = { .family = IP_V6 };

	if (memcmp(octets, mapped, sizeof mapped) == 0)
		return ip_v4(octets + sizeof mapped);
	memcpy(ip.octets, octets, V6_OCTETS);
	return ip;
}

static unsigned bits_of(enum ip_family family)
{
	return family == IP_V4 ? 8 * V4_OCTETS : family == IP_V6 ? 8 * V6_OCTETS : 0;
}

/* A decimal number without zeros in front. */
static bool decimal(struct span text, uint64_t max, uint64_t *vp)
{
	return (text.n <= 1 || text.p[0] != '0') && span_u64(text, max, vp);
}

static bool v4_parse(struct span text, uint8_t octets[static 4])
{
	for (unsigned i = 0; i < V4_OCTETS; i++) {
		size_t dot = span_chr(text, '.');
		uint64_t v;

		if ((dot < text.n) != (i < V4_OCTETS - 1))
			return false;
		if (!decimal(span_sub(text, 0, dot), 255, &v))
			return false;
		octets[i] = (uint8_t)v;
		text = span_from(text, dot + 1);
	}
	return true;
}

static bool hex_digit(uint8_t c, unsigned *vp)
{
	c = ascii_lower(c);
	if (!ascii_digit(c) && (c < 'a' || c > 'f'))
		return false;
	*vp = c <= '9' ? c - (unsigned)'0' : c - (unsigned)'a' + 10;
	return true;
}

/* One to four hex digits. */
static bool group_parse(struct span text, uint8_t octets[static 2])
{
	unsigned v = 0, digit;

	if (text.n < 1 || text.n > 4)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!hex_digit(text.p[i], &digit))
			return false;
		v = v << 4 | digit;
	}
	octets[0] = (uint8_t)(v >> 8);
	octets[1] = (uint8_t)v;
	return true;
}

/*
 * Groups parted by colons up to the end of @text, the last one perhaps a dotted quad.
 * Writes at most @room octets. Return: how many, or SIZE_MAX.
 */
static size_t groups_parse(struct span text, uint8_t *octets, size_t room)
{
	size_t n = 0;

	for (;;) {
		size_t colon = span_chr(text, ':');
		struct span group = span_sub(text, 0, colon);
		bool quad = colon == text.n && span_chr(group, '.') < group.n;
		size_t size = quad ? V4_OCTETS : 2;

		if (size > room - n)
			return SIZE_MAX;
		if (!(quad ? v4_parse(group, octets + n) : group_parse(group, octets + n)))
			return SIZE_MAX;
		n += size;
		if (colon == text.n)
			return n;
		text = span_from(text, colon + 1);
	}
}

/* RFC 4291 2.2. "::" stands for one group of zeros at least. */
static bool v6_parse(struct span text, uint8_t octets[static 16])
{
	const uint8_t *gap = text.n ? memmem(text.p, text.n, "::", 2) : NULL;
	size_t head = 0, tail = 0, at;
	uint8_t behind[V6_OCTETS];

	if (gap == NULL)
		return groups_parse(text, octets, V6_OCTETS) == V6_OCTETS;
	at = (size_t)(gap - text.p);
	if (at > 0)
		head = groups_parse(span_sub(text, 0, at), octets, V6_OCTETS - 2);
	if (head == SIZE_MAX || span_chr(span_sub(text, 0, at), '.') < at)
		return false; /* a dotted quad stands at the end only */
	if (at + 2 < text.n)
		tail = groups_parse(span_from(text, at + 2), behind, V6_OCTETS - 2 - head);
	if (tail == SIZE_MAX)
		return false;
	memset(octets + head, 0, V6_OCTETS - head - tail);
	memcpy(octets + V6_OCTETS - tail, behind, tail);
	return true;
}

bool ip_parse(struct span text, struct ip *ipp)
{
	uint8_t octets[V6_OCTETS];

	if (v4_parse(text, octets))
		*ipp = ip_v4(octets);
	else if (v6_parse(text, octets))
		*ipp = ip_v6(octets);
	else
		return false;
	return true;
}

bool ip_prefix_parse(struct span text, struct ip_prefix *prefixp)
{
	size_t slash = span_chr(text, '/');
	struct span address = span_sub(text, 0, slash);
	/* ::ffff:192.0.2.0/120 is 192.0.2.0/24: the bits counted are those of the form it was
	 * written in */
	uint64_t written = span_chr(address, ':') < address.n ? 8 * V6_OCTETS : 8 * V4_OCTETS;
	uint64_t bits = written, own;
	struct ip ip, masked;

	if (!ip_parse(address, &ip))
		return false;
	if (slash < text.n && !decimal(span_from(text, slash + 1), written, &bits))
		return false;
	own = bits_of(ip.family);
	if (bits < written - own)
		return false;
	bits -= written - own;
	masked = ip_mask(&ip, (unsigned)bits);
	if (!ip_eq(&masked, &ip))
		return false;
	*prefixp = (struct ip_prefix){ .ip = ip, .bits = (unsigned)bits };
	return true;
}

bool ip_port_parse(struct span text, struct ip_port *portp)
{
	const size_t at = span_rchr(text, ':');
	struct span address = span_sub(text, 0, at);
	enum ip_family family = IP_V4;
	uint8_t octets[V6_OCTETS];
	uint64_t port;

	if (at == 0 || at == text.n || !decimal(span_from(text, at + 1), UINT16_MAX, &port) ||
		port == 0)
		return false;
	if (address.n >= 2 && address.p[0] == '[' && address.p[address.n - 1] == ']') {
		address = span_sub(address, 1, address.n - 2);
		family = IP_V6;
	}
	if (family == IP_V6 ? !v6_parse(address, octets) : !v4_parse(address, octets))
		return false;
	portp->ip = family == IP_V6 ? ip_v6(octets) : ip_v4(octets);
	portp->port = (uint16_t)port;
	return true;
}

static void v4_print(struct out *o, const uint8_t *octets)
{
	for (unsigned i = 0; i < V4_OCTETS; i++) {
		if (i > 0)
			out_octet(o, '.');
		out_u64(o, octets[i]);
	}
}

static unsigned group(const uint8_t *octets, unsigned i)
{
	return (unsigned)octets[2 * i] << 8 | octets[2 * i + 1];
}

/* The longest run of two zero groups or more, the first of equals (RFC 5952 4.2). Return: its
 * length, or 0. */
static unsigned longest_zeros(const uint8_t *octets, unsigned *fromp)
{
	unsigned best = 1, run = 0;

	for (unsigned i = 0; i < 8; i++) {
		run = group(octets, i) == 0 ? run + 1 : 0;
		if (run > best) {
			best = run;
			*fromp = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

static void v6_print(struct out *o, const uint8_t *octets)
{
	unsigned from = 8, zeros = longest_zeros(octets, &from);

	for (unsigned i = 0; i < 8;) {
		if (zeros > 0 && i == from) {
			out_str(o, "::");
			i += zeros;
			continue;
		}
		if (i > 0 && i != from + zeros)
			out_octet(o, ':');
		unsigned v = group(octets, i++);
		out_hex(o, v, v > 0xfff ? 4 : v > 0xff ? 3 : v > 0xf ? 2 : 1);
	}
}

void ip_print(struct out *o, const struct ip *ip)
{
	switch (ip->family) {
	case IP_NONE: break;
	case IP_V4: v4_print(o, ip->octets); break;
	case IP_V6: v6_print(o, ip->octets); break;
	}
}

void ip_prefix_print(struct out *o, const struct ip_prefix *prefix)
{
	ip_print(o, &prefix->ip);
	if (prefix->bits < bits_of(prefix->ip.family)) {
		out_octet(o, '/');
		out_u64(o, prefix->bits);
	}
}

void ip_port_print(struct out *o, const struct ip_port *port)
{
	bool brackets = port->ip.family == IP_V6;

	if (brackets)
		out_octet(o, '[');
	ip_print(o, &port->ip);
	if (brackets)
		out_octet(o, ']');
	out_octet(o, ':');
	out_u64(o, port->port);
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return ip_cmp(a, b) == 0;
}

bool ip_in(const struct ip *ip, const struct ip_prefix *prefix)
{
	struct ip masked = ip_mask(ip, prefix->bits);

	return ip->family != IP_NONE && ip_eq(&masked, &prefix->ip);
}

struct ip ip_mask(const struct ip *ip, unsigned bits)
{
	struct ip masked = *ip;
	unsigned whole = bits / 8;

	if (whole >= V6_OCTETS)
		return masked;
	masked.octets[whole] = (uint8_t)(masked.octets[whole] & 0xff00u >> bits % 8);
	memset(masked.octets + whole + 1, 0, V6_OCTETS - whole - 1);
	return masked;
}

int ip_cmp(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, sizeof a->octets);
}
