/* SPDX-License-Identifier: ISC */
#include "filter/gate/packet.h"

#define V4_HEADER  20
#define V6_HEADER  40
#define TCP_HEADER 20

enum { /* IANA's protocol numbers */
	NEXT_HOP_BY_HOP = 0,
	NEXT_TCP = 6,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_DESTINATION = 60,
};

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)u16(p) << 16 | u16(p + 2);
}

/* ---- addresses ---- */

/* 0/8 "this network", 127/8, multicast, broadcast: no client has one (RFC 1122 3.2.1.3). */
static bool v4_possible(const uint8_t *a)
{
	return a[0] != 0 && a[0] != 127 && (a[0] & 0xf0) != 224 && u32(a) != UINT32_MAX;
}

/* Neither unspecified, loopback nor IPv4 in disguise (all within ::/80, RFC 4291 2.5), and no
 * multicast: an address of IPv4 written this way would be judged by rules for the other family. */
static bool v6_possible(const uint8_t *a)
{
	static const uint8_t zeros[10];

	return memcmp(a, zeros, sizeof(zeros)) != 0 && a[0] != 0xff;
}

/* ---- headers ---- */

/* @tcp: as much of the segment as was copied; @whole: as long as it was said to be. */
static int read_tcp(struct span tcp, size_t whole, struct packet *p)
{
	size_t header;

	if (tcp.n < TCP_HEADER || whole < TCP_HEADER)
		return PACKET_E_MALFORMED;
	header = (size_t)(tcp.p[12] >> 4) * 4;
	if (header < TCP_HEADER || header > whole)
		return PACKET_E_MALFORMED;
	p->client.port = u16(tcp.p);
	p->asked.port = u16(tcp.p + 2);
	p->seq = u32(tcp.p + 4);
	p->flags = tcp.p[13];
	p->payload = span_from(tcp, header);
	return p->client.port && p->asked.port ? PACKET_OK : PACKET_E_MALFORMED;
}

static int read_v4(struct span s, struct packet *p)
{
	size_t header, whole;

	if (s.n < V4_HEADER)
		return PACKET_E_MALFORMED;
	header = (size_t)(s.p[0] & 15) * 4;
	whole = u16(s.p + 2);
	if (header < V4_HEADER || header > whole || header > s.n)
		return PACKET_E_MALFORMED;
	/* connection tracking has put fragments together before: what is left of them is forged */
	if ((u16(s.p + 6) & 0x3fff) != 0 || s.p[9] != NEXT_TCP)
		return PACKET_E_MALFORMED;
	if (!v4_possible(s.p + 12) || !v4_possible(s.p + 16))
		return PACKET_E_MALFORMED;
	p->client.ip = ip_v4(s.p + 12);
	p->asked.ip = ip_v4(s.p + 16);
	return read_tcp(span_sub(s, header, whole - header), whole - header, p);
}

/* The length of an extension header; 0: none that may stand here, or not copied that far. */
static size_t extension_size(uint8_t type, struct span s)
{
	if (s.n < 8)
		return 0;
	switch (type) {
	case NEXT_HOP_BY_HOP:
	case NEXT_ROUTING:
	case NEXT_DESTINATION: return ((size_t)s.p[1] + 1) * 8;
	case NEXT_FRAGMENT: return u16(s.p + 2) >> 3 == 0 ? 8 : 0; /* the first one only */
	default: return 0;
	}
}

static int read_v6(struct span s, struct packet *p)
{
	size_t whole;
	uint8_t next;

	if (s.n < V6_HEADER)
		return PACKET_E_MALFORMED;
	whole = u16(s.p + 4);
	next = s.p[6];
	if (!v6_possible(s.p + 8) || !v6_possible(s.p + 24))
		return PACKET_E_MALFORMED;
	p->client.ip = ip_v6(s.p + 8);
	p->asked.ip = ip_v6(s.p + 24);
	s = span_sub(s, V6_HEADER, whole);
	for (unsigned i = 0; next != NEXT_TCP; i++) {
		const size_t size = extension_size(next, s);

		if (i == PACKET_HEADERS_MAX || size == 0 || size > s.n || size > whole)
			return PACKET_E_MALFORMED;
		next = s.p[0];
		s = span_from(s, size);
		whole -= size;
	}
	return read_tcp(s, whole, p);
}

int packet_read(struct span octets, struct packet *p)
{
	struct packet fresh = { 0 };
	int r = PACKET_E_MALFORMED;

	if (octets.n > 0 && octets.p[0] >> 4 == 4)
		r = read_v4(octets, &fresh);
	else if (octets.n > 0 && octets.p[0] >> 4 == 6)
		r = read_v6(octets, &fresh);
	if (r == PACKET_OK)
		*p = fresh;
	return r;
}

bool packet_begins(const struct packet *p)
{
	return (p->flags & (SYN | ACK | RST | FIN)) == SYN;
}
