/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sysctl: the settings of rules/kernel/settings.h, read, written, and put back
 *
 * Remembered first, written then: who is killed between the two has changed nothing.
 *
 * Limits:  net.ipv4.ip_forward is one switch for all interfaces: one that was set apart from it by
 * hand is not remembered.
 * Callers: rules/kernel/run/managed.c.
 */
#include "rules/kernel/run/before.h"

struct sysctl_change { /* for undoing */
	bool changed[SETTINGS];
	uint64_t old[SETTINGS];
	struct before before;
};

/* What is remembered. Return: 0; <0 errno; SETS_*. */
int sysctl_see(struct netlink *nl, struct sysctl_change *change);

/**
 * sysctl_bring() - what is wanted gets 1; what is wanted no more is put back
 * @needed: those without which a rule does not work, or the others
 * @change: of sysctl_see()
 * @text: a line for each that changed, or could not
 *
 * One that is not there or cannot be written is only told, unless a rule would not work.
 *
 * Return: 0; <0 errno; SETS_*: the memory; SYSCTL_E_NEEDED: told. Then sysctl_undo() is due.
 */
#define SYSCTL_E_NEEDED 64
int sysctl_bring(struct netlink *nl, const struct setting_want want[SETTINGS], bool needed,
	struct sysctl_change *change, struct out *text);
void sysctl_undo(struct netlink *nl, const struct sysctl_change *change, struct out *text);

/* All that is remembered, and forgets it. Values that somebody changed since are left, and told. */
int sysctl_put_back(struct netlink *nl, struct out *text);

/* Is it as wanted? Also when it cannot be read: that is not for a look to tell. */
bool sysctl_is_right(enum kernel_setting setting, const struct setting_want *want);
