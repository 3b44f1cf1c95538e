/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ct: one message about a connection the kernel tracks
 *
 * Events (NEW, UPDATE, DESTROY) and answers of a dump, of TCP connections whose mark holds a lane;
 * all others are passed over as soon as their mark is seen. What is in a message depends on its
 * kind: the state of TCP in UPDATEs that change it, counters in DESTROYs and dumps, and only with
 * net.netfilter.nf_conntrack_acct, the start with nf_conntrack_timestamp.
 *
 * Owns:    nothing; copies what it reads.
 * Callers: filter/gate/track.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/gate/attrs.h"

enum {
	CT_OK = 0,
	CT_E_OTHER,     /* not about a connection of ours */
	CT_E_MALFORMED, /* of ours, as far as it can be read */
};

struct ct_way { /* of one direction */
	uint64_t packets, octets;
	uint8_t flags; /* IP_CT_TCP_FLAG_* of who sends it */
};

struct ct {
	bool destroyed;
	uint32_t id, mark, status;
	struct ip_port client, asked; /* as the client sent it */
	struct ip_port server;        /* who answers */
	uint8_t state;                /* enum tcp_conntrack; TCP_CONNTRACK_NONE: not told */
	bool flagged, counted;        /* flags, counters were told */
	struct ct_way c2s, s2c;
	uint64_t start_ns; /* since 1970; 0: not told */
};

/* @m: mnl_nlmsg_ok(). @lane_mask: of marks. @ct is set on CT_OK only. */
int ct_read(const struct nlmsghdr *m, uint32_t lane_mask, struct ct *ct);
