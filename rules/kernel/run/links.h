/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Links: the interfaces behind which the published servers are
 *
 * Limits:  64 of them; those whose names hold other than letters, digits and ._-@: are left out.
 * Callers: cli/firewall.c.
 */
#include "rules/kernel/plan.h"

#define LINKS_MAX 64

struct links {
	char name[LINKS_MAX][KERNEL_LINK_MAX];
	size_t n;
};

/* Asks the kernel for the way to each internal. One that has the default route, too, is left out,
 * as lo is: other things are behind it as well. Return: 0; <0 errno when "ip" cannot be run. */
int links_find(struct links *links, const struct ruleset *rs);
