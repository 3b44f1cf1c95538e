/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Settings: the sysctls that the kernel rules need, and what they were before
 *
 *   net.ipv4.ip_forward           1, for a rule that passes sessions on by IPv4
 *   net.ipv6.conf.all.forwarding  1, the same by IPv6. Interfaces with accept_ra 1 take no router
 *                                 advertisements any more then
 *   net.netfilter.nf_conntrack_acct, nf_conntrack_timestamp
 *                                 1, to tell how much a passed session carried, and how long
 *
 * rp_filter is not among them: also a strict one lets answers for transparent sockets through,
 * since they come in where their sender's route leads out (measured: all labs are strict).
 *
 * One setting is remembered as a line, "NAME BEFORE OURS": the value that was there, and the one we
 * wrote in its place. It is put back only while ours still stands: another value is the will of
 * somebody who came after us.
 *
 * Callers: rules/kernel/run/managed.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/kernel/lanes.h"

#define SETTING_LINE_MAX 80

enum kernel_setting {
	SETTING_FORWARD4,
	SETTING_FORWARD6,
	SETTING_ACCOUNTING,
	SETTING_TIMESTAMP,
	SETTINGS,
};

struct settings_row {
	const char *name;
	const char *path;
	bool needed; /* without it a rule does not work; else the log only tells less. The needed
			ones open a way */
};
extern const struct settings_row settings_rows[SETTINGS];

struct setting_want {
	bool wanted;
	struct rules_at at; /* of the first rule that wants it */
};

/* What @lanes want: those whose sessions the kernel carries on. */
void settings_want(const struct lanes *lanes, struct setting_want want[SETTINGS]);

struct setting_memory {
	enum kernel_setting setting;
	uint64_t before, ours;
};

void setting_print(struct out *o, const struct setting_memory *m);
/* Strict: false for anything but what setting_print() prints. */
bool setting_parse(struct span line, struct setting_memory *m);

/* What is remembered when @now is found and @ours is to be written: whatever else was remembered, a
 * value that is not ours is the one to put back. @m: NULL: nothing is remembered yet. */
struct setting_memory setting_remember(
	const struct setting_memory *m, enum kernel_setting setting, uint64_t now, uint64_t ours);

/* The value of a file below /proc/sys: one number and a line end. */
bool setting_value(struct span text, uint64_t *valuep);
