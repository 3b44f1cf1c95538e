/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Clocks
 *
 * Callers: proxy.
 */
#include <stdint.h>
#include <time.h>

/* Steady, for all waiting: the wall clock may jump (OPS-30). A few milliseconds coarse, and cheap.
 */
static inline uint64_t clock_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Nanoseconds since 1970, for records and schedules. */
static inline int64_t clock_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
