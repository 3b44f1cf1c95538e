/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Addresses, prefixes and ports as text and octets
 *
 * Strict readers: dotted quad without leading zeros (so no octal), RFC 4291 2.2 text for IPv6
 * without zone. Printed as RFC 5952 says. An IPv4-mapped IPv6 address is read as the IPv4 address
 * it holds, so that no rule can be passed by writing a client's address the other way.
 *
 * Owns:    nothing.
 * Callers: rules (literals, sets), filter/smtp (address literals), proxy, cli.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "base/span.h"

enum ip_family {
	IP_NONE = 0,
	IP_V4 = 4,
	IP_V6 = 6,
};

struct ip {
	enum ip_family family;
	uint8_t octets[16]; /* network order; IPv4 uses the first four, the others are 0 */
};

struct ip_prefix {
	struct ip ip; /* bits beyond @bits are 0 */
	unsigned bits;
};

struct ip_port {
	struct ip ip;
	uint16_t port;
};

/* From the octets of a socket address. An IPv4-mapped address becomes the IPv4 address. */
struct ip ip_v4(const uint8_t octets[static 4]);
struct ip ip_v6(const uint8_t octets[static 16]);

bool ip_parse(struct span text, struct ip *ipp);
/* ADDRESS or ADDRESS/BITS; false also when an octet beyond the prefix is set (a typing error worth
 * telling). */
bool ip_prefix_parse(struct span text, struct ip_prefix *prefixp);
/* A.B.C.D:PORT or [IPv6]:PORT, port 1 to 65535. */
bool ip_port_parse(struct span text, struct ip_port *portp);

void ip_print(struct out *o, const struct ip *ip); /* IP_NONE prints nothing */
void ip_prefix_print(
	struct out *o, const struct ip_prefix *prefix); /* a whole address prints without /BITS */
void ip_port_print(struct out *o, const struct ip_port *port);

bool ip_eq(const struct ip *a, const struct ip *b);
bool ip_in(const struct ip *ip, const struct ip_prefix *prefix);
/* The first @bits of @ip, the rest zeroed: the key under which a client is counted. */
struct ip ip_mask(const struct ip *ip, unsigned bits);
/* <0, 0, >0: by family, then by octets. */
int ip_cmp(const struct ip *a, const struct ip *b);
