/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What `ip -j` prints of routing: rules, routes of a table, the route to one address
 *
 * Text comes in, any octets; what is no JSON of the expected kind holds nothing.
 *
 * Callers: cli/doctor*.c, test/unit/doctor_routes_test.c.
 */
#include "base/span.h"

#define ROUTES_NAME_MAX 32 /* an interface, or a table: longer ones are not taken */

/* `ip -j rule`: the table that packets with @mark look up that came in by @in; the first of its
 * rules counts. @bound: the rule names the interface. False: there is none. */
bool routes_rule(struct span text, uint32_t mark, const char *in,
	char table[static ROUTES_NAME_MAX], bool *bound);

/* `ip -j route show table N`: is everything local there? */
bool routes_local_default(struct span text);

/* `ip -j route get` and `ip -j route show default`: the interface of the first route, and whether
 * it is a local one. False: there is none. */
bool routes_first(struct span text, char name[static ROUTES_NAME_MAX], bool *localp);
