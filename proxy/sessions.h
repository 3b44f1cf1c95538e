/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sessions: those of this proxy, told to the administrator
 *
 * Callers: proxy/orders.c.
 */
#include "proxy/flow.h"

/* A sealed memfd, a line of JSON for each session, as proxy/control.h says; -1: there are none, or
 * no memory. */
int sessions_memfd(const struct proxy *p);

/* NULL: no such session here. */
struct flow *sessions_find(const struct proxy *p, struct span id);
