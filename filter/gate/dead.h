/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Dead: internals of passing rules that do not answer now, as posternd probed them
 *
 * Owns:    the list.
 * Callers: filter/gate.
 */
#include "base/ip.h"

struct dead {                 /* all 0: none */
	struct ip_port *list; /* sorted */
	size_t n;
};

/* @body: struct ip_port[], the whole list. Return: 0; 1: no such list; <0 errno. */
int dead_set(struct dead *d, struct span body);
bool dead_has(const struct dead *d, const struct ip_port *server);
void dead_deinit(struct dead *d);
