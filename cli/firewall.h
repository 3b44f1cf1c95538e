/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * postern firewall status: what the kernel has, held against what the rules say
 *
 * Callers: cli/firewall.c; cli/doctor_managed.c asks only whether they differ.
 */
#include "cli/cli.h"
#include "rules/kernel/run/apply.h"

/* @plan NULL: nothing of ours should be there. Return: CLI_OK, CLI_DIFFERENT, or an exit code after
 * a message. */
int firewall_status(const struct cli *c, const struct kernel_plan *plan);

/* The same, of the table that "apply --backend nft" makes. */
int firewall_status_nft(const struct cli *c, const struct kernel_plan *plan);

/* What apply.h's functions return, as an exit code, after a message. */
int firewall_exit(const char *verb, int r, struct out *why);

/* Does the kernel differ from what the rules want? @text: a line for each place. Return: CLI_OK, or
 * an exit code after a message. */
int firewall_differs(const struct cli *c, bool *differsp, struct out *text);
