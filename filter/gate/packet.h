/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Packet: the first octets of a packet, queued or copied, as far as a decision or a hello needs
 * them
 *
 * IPv4 or IPv6 with a TCP header. What the kernel copied may end anywhere; what it says of its own
 * length may be false. Whatever cannot be read to the end of the fixed TCP header, or could not
 * have come from a client, is malformed: an option or extension header that hides the ports gains
 * nothing but a drop.
 *
 * Owns:    nothing. Looks at the caller's octets, copies addresses and numbers; the payload is the
 *          caller's.
 * Limits:  PACKET_HEADERS_MAX extension headers of IPv6; no AH, no ESP, no later fragment.
 * Callers: filter/gate/decide.c, filter/gate/copies.c; test/fuzz/packet_fuzz.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "base/span.h"

#define PACKET_HEADERS_MAX 8

enum {
	PACKET_OK = 0,
	PACKET_E_MALFORMED,
};

struct packet {
	struct ip_port client, asked; /* who sent it, and to whom */
	uint32_t seq;
	uint8_t flags;       /* of TCP, as they stand in its octet 13 */
	struct span payload; /* of TCP, as much as was copied; borrowed */
};

/* @octets: the packet from its IP header on. @p is set on PACKET_OK only. */
int packet_read(struct span octets, struct packet *p);

/* Does it begin a connection, and nothing else? SYN without ACK, FIN, RST; ECN's flags may stand.
 */
bool packet_begins(const struct packet *p);
