/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The parts of `postern show` that ask posternd
 *
 * Callers: cli/show.c; show_sets() also cli/members.c.
 */
#include "cli/cli.h"

int show_status(const struct cli *c);
int show_sessions(const struct cli *c);
/* @name NULL: all dynamic sets. */
int show_sets(const struct cli *c, const char *name);
