/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Copied: one message of the kernel's packet log, NFLOG
 *
 * Reads where in NFULNL_MSG_PACKET the packet is, and nothing of the packet itself, which is
 * filter/gate/packet.h's.
 *
 * Owns:    nothing. The octets point into the message.
 * Callers: filter/gate/copies.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/gate/attrs.h"

enum {
	COPIED_OK = 0,
	COPIED_E_OTHER,     /* no packet of FORWARD */
	COPIED_E_MALFORMED, /* as far as it can be read */
};

/* @m: mnl_nlmsg_ok(). @octetsp: as many as were copied, from the IP header on; set on COPIED_OK
 * only. */
int copied_read(const struct nlmsghdr *m, struct span *octetsp);
