/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Watch: hears when somebody changes rules, routes or settings
 *
 * The kernel tells of each change; most are not about us. What may be is only a reason to look:
 * whether anything of ours differs is for managed_look() to say, and so our own changes need not be
 * told apart.
 *
 *   nftables   tables, chains and rules of the tables raw, mangle, nat and filter of IPv4 and IPv6,
 *              which is where iptables-nft puts its own. No elements of sets: fail2ban and the
 *              like change these all day
 *   routing    rules with our priorities, routes of our table; forwarding switched
 *
 * Limits:  iptables-legacy and sysctls of conntrack tell nothing: they are found when something
 * else gives a reason, or by the look that is due every minute (rules/kernel/run/pace.h).
 * Owns:    the two sockets.
 * Callers: rules/kernel/run/main.c.
 */
#include <linux/netlink.h>
#include <stdbool.h>

struct watch {
	int nftables, routing; /* for poll(2) */
};

/* Return: 0; <0 errno, then nothing is open. */
int watch_open(struct watch *w);
void watch_close(struct watch *w);

/* Takes what waits. True: something of it may be ours. Also when the kernel could not tell all. */
bool watch_heard(struct watch *w);

/* Of one message. */
bool watch_is_nftables(const struct nlmsghdr *m);
bool watch_is_routing(const struct nlmsghdr *m);
