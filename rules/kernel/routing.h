/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Policy routing: what carries our mark is for this host, unless this host sends it
 *
 *   5250: from all fwmark MARK iif lo goto 5252     the proxies' own packets, SYN-ACKs too
 *   5251: from all fwmark MARK lookup 5250          table 5250: local default dev lo
 *   5252: from all nop
 *
 * So no interface needs to be named, and one that comes later is served too.
 *
 * Callers: rules/kernel/run, cli/firewall.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/kernel/plan.h"

#define ROUTING_TABLE "5250"

/* What "ip -N rule show" and "ip route show table 5250" print of ours when all is as it should
 * be; nothing where nothing is needed. */
void routing_render(struct out *o, const struct kernel_plan *plan);

/* Our lines out of what the two print, in the same form. */
void routing_cut(struct out *o, struct span rules, struct span routes);

/* For "ip -batch": takes out the lines of @have, then adds those of @want. */
void routing_script(struct out *o, struct span have, struct span want);
