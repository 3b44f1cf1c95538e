/* SPDX-License-Identifier: ISC */
#include "proxy/proxyv2.h"

#include <assert.h>

enum { PROXY_COMMAND = 0x21, TCP_OVER_V4 = 0x11, TCP_OVER_V6 = 0x21 };

/* One family for both addresses: an IPv4 address beside an IPv6 one is written as ::ffff:a.b.c.d.
 */
static size_t put_address(uint8_t *p, const struct ip *ip, bool v6)
{
	if (!v6) {
		memcpy(p, ip->octets, 4);
		return 4;
	}
	memset(p, 0, 16);
	if (ip->family == IP_V6) {
		memcpy(p, ip->octets, 16);
	} else {
		p[10] = p[11] = 0xff;
		memcpy(p + 12, ip->octets, 4);
	}
	return 16;
}

static size_t put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return 2;
}

size_t proxyv2_print(
	uint8_t header[static PROXYV2_MAX], const struct ip_port *client, const struct ip_port *to)
{
	static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55,
		0x49, 0x54, 0x0a };
	bool v6 = client->ip.family == IP_V6 || to->ip.family == IP_V6;
	size_t n = sizeof(signature);

	memcpy(header, signature, sizeof(signature));
	header[n++] = PROXY_COMMAND;
	header[n++] = v6 ? TCP_OVER_V6 : TCP_OVER_V4;
	n += put_u16(header + n, v6 ? 36 : 12);
	n += put_address(header + n, &client->ip, v6);
	n += put_address(header + n, &to->ip, v6);
	n += put_u16(header + n, client->port);
	n += put_u16(header + n, to->port);
	assert(n <= PROXYV2_MAX);
	return n;
}
