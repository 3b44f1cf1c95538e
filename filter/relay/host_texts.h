/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the host's files say of names: hosts(5), resolv.conf(5), trust anchors
 *
 * Read line by line; a line that is none of theirs is passed over, as the C library does. Of each
 * text HOST_TEXT_MAX octets count.
 *
 * Limits: no addresses with a zone ("fe80::1%eth0"); of resolv.conf the name servers only: names of
 * mail hosts are whole, so no `search`; anchors stand on one line each.
 *
 * Owns:    nothing.
 * Callers: proxy/relay/resolve.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"

#define HOST_TEXT_MAX    (1u << 20)
#define HOST_SERVERS_MAX 3    /* as the C library: MAXNS of resolv.h */
#define ANCHOR_MAX       2048 /* octets of one anchor, its NUL included */

/* The addresses of @name in a hosts file, in its order. Return: how many, at most @max. */
size_t hosts_find(struct span text, struct span name, struct ip *list, size_t max);

/* `nameserver`, in order. Return: how many. */
size_t resolv_servers(struct span text, struct ip list[static HOST_SERVERS_MAX]);

/* One DS or DNSKEY record after the other, without its comment: @at begins as 0. A key that has
 * served its time (RFC 5011; the comment of Unbound's file says so) is left out. False: that was
 * the last. */
bool anchors_next(struct span text, size_t *at, char anchor[static ANCHOR_MAX]);
