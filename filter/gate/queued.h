/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Queued: one message of the kernel's packet queue
 *
 * Reads what a verdict and a decision need of NFQNL_MSG_PACKET; nothing of the packet itself, which
 * is filter/gate/packet.h's.
 *
 * Owns:    nothing. The octets point into the message.
 * Callers: filter/gate/queue.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/gate/attrs.h"

enum {
	QUEUED_OK = 0,
	QUEUED_E_OTHER,   /* no packet: another kind of message */
	QUEUED_E_NO_ID,   /* unreadable, nothing can be answered */
	QUEUED_E_FOREIGN, /* a packet with an id, but not of PREROUTING, or neither IPv4 nor IPv6:
			     somebody else's rule brings it here */
};

struct queued {
	uint32_t id;
	uint16_t queue;
	uint32_t mark;
	struct span octets; /* as many as were copied, from the IP header on */
};

/* @m: mnl_nlmsg_ok(). @q is set on QUEUED_OK, on QUEUED_E_FOREIGN all but the octets. */
int queued_read(const struct nlmsghdr *m, struct queued *q);
