/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lock: one change of the kernel's rules at a time
 *
 * Held is the number KERNEL_QUEUE_LOCK of NFQUEUE, to which no rule sends a packet: the kernel
 * gives each number to one socket, wants CAP_NET_ADMIN for it, keeps a table for each network
 * namespace, and takes it back when its holder ends, however that is. So it needs no file, and
 * nobody without the right to change rules can keep others from it, as with a name of a socket.
 *
 * Limits:  where the kernel has no NFQUEUE nothing is held; "mode managed" needs one anyway.
 * Callers: cli/firewall.c, rules/kernel/run/job.c.
 */
#include "rules/kernel/run/netlink.h"

#define LOCK_PATIENCE_MS 8000

enum {
	LOCK_OK = 0,
	LOCK_E_HELD, /* all the time: by another one */
};

/* Waits. Return: LOCK_OK; LOCK_E_HELD; <0 errno. Then there is nothing to let go. */
int lock_take(struct netlink *lock, unsigned patience_ms);
void lock_let_go(struct netlink *lock);

/* To tell an administrator who finds it held. */
extern const char lock_advice[];
