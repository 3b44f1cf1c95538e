/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Before: what the settings were, remembered in the kernel itself
 *
 *   POSTERN-BEFORE   bitmap:port with comments: entry N is the setting N, its comment the line of
 *                    rules/kernel/settings.h
 *
 * Not in a file: the kernel forgets it when it forgets the settings, at a restart; each network
 * namespace has its own; the role that writes it may write no file; and who takes everything out
 * needs neither posternd nor its folders. No rule names the set. Who destroys it keeps the settings
 * as they are.
 *
 * Callers: rules/kernel/run/managed.c.
 */
#include "rules/kernel/run/netlink.h"
#include "rules/kernel/settings.h"

/* Makes the set when it is not there. Return: as sets_make(). */
int before_make(struct netlink *nl);
/* A set that is not there is no fault. */
int before_unmake(struct netlink *nl);

struct before {
	bool has[SETTINGS];
	struct setting_memory memory[SETTINGS];
};

/* Nothing is remembered where there is no set. Comments of somebody else are left out. */
int before_read(struct netlink *nl, struct before *b);
int before_put(struct netlink *nl, const struct setting_memory *m);
int before_drop(struct netlink *nl, enum kernel_setting setting);

/* Takes up what one message of a dump holds. */
void before_take(const struct nlmsghdr *message, struct before *b);
