/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sets: the clients that the kernel keeps out by itself, for a while
 *
 *   POSTERN-BANS4, POSTERN-BANS6   hash:ip,port,net with timeout and counters
 *
 * The published address stands in the place of `ip`, the client's prefix in that of `net`, since
 * there is no set of net, port and net: matched by "-m set --match-set POSTERN-BANS4 dst,dst,src".
 *
 * By the netlink protocol of ipset (include/uapi/linux/netfilter/ipset/ip_set.h), so that a ban is
 * a message and not a program.
 *
 * Limits:  KERNEL_BANS_MAX bans of a family; what somebody flushes is not noticed.
 * Callers: rules/kernel/run/managed.c and main.c, cli/firewall.c.
 */
#include <stddef.h>

#include "rules/kernel/run/netlink.h"
#include "rules/kernel/run/roles.h"

enum {
	SETS_OK = 0,
	SETS_E_FOREIGN, /* there is a set of our name that is of another kind */
	SETS_E_IN_USE,  /* some rule still names it */
	SETS_E_FULL,
	SETS_E_MISSING, /* no set, or no such kind in this kernel */
	SETS_E_KERNEL,  /* refused with a number of ipset's own */
};
const char *sets_problem(int r); /* in words; also of <0 */

/* What a role was given: of one family, with a prefix, a port and a time. @with_time: false where
 * it does not matter. */
bool sets_ban_ok(const struct kernel_ban *ban, bool with_time);

/* Those that are not there yet. @madep: how many were made. */
int sets_make(struct netlink *nl, unsigned *madep);
/* Those that are there. */
int sets_unmake(struct netlink *nl);

/* Return: SETS_OK, SETS_E_FULL, SETS_E_MISSING, SETS_E_KERNEL, <0 errno, as all here. */
int sets_ban(struct netlink *nl, const struct kernel_ban *ban);
int sets_unban(struct netlink *nl, const struct kernel_ban *ban);

/* Bans that are no bans of ours (somebody put a range of ports in) are left out. */
int sets_each(struct netlink *nl, enum ip_family family,
	void (*each)(void *context, const struct kernel_ban *ban), void *context);

/* ---- the messages themselves ---- */

/* @block: NETLINK_BLOCK octets. @command: IPSET_CMD_*. */
struct nlmsghdr *sets_message(
	void *block, uint8_t command, uint16_t flags, uint8_t family, const char *name);
struct nlmsghdr *sets_message_make(void *block, enum ip_family family);
struct nlmsghdr *sets_message_ban(
	void *block, uint8_t command, bool anew, const struct kernel_ban *ban);
/* Calls @each for the bans in one message of a dump. */
void sets_read(const struct nlmsghdr *message,
	void (*each)(void *context, const struct kernel_ban *ban), void *context);
/* What netlink_ask() returned, as one of the above. */
int sets_result(int r);
