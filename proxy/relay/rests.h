/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Rests: next hops that failed lately, by address
 *
 * One that rests is tried after the others, REST_MIN_MS at first, longer with each failure.
 *
 * Limits: of more than RESTS_MAX the one that rests shortest is forgotten, or sooner, where their
 * addresses fall together.
 *
 * Owns:    the table.
 * Callers: proxy/relay/hop*.c.
 * Threads: one. No statics, no allocation, no clock.
 */
#include "base/ip.h"

#define REST_MIN_MS 10000
#define REST_MAX_MS 60000
#define RESTS_MAX   512
#define RESTS_ROW   8

struct rest {
	struct ip_port addr; /* IP_NONE: free */
	uint64_t until_ms;
	uint32_t ms;
};

struct rests { /* zeroed at first */
	struct rest row[RESTS_MAX / RESTS_ROW][RESTS_ROW];
};

void rests_failed(struct rests *r, const struct ip_port *addr, uint64_t now_ms);
void rests_served(struct rests *r, const struct ip_port *addr);
bool rests_has(const struct rests *r, const struct ip_port *addr, uint64_t now_ms);
