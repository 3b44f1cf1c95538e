/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hist: a histogram of times, 32 steps for each power of two
 *
 * Callers: test/bench/smtpload.c.
 */
#include <stdint.h>

#define HIST_STEPS (64 * 32)

struct hist {
	uint64_t n, steps[HIST_STEPS], max; /* nanoseconds */
};

void hist_add(struct hist *h, uint64_t ns);

/* Microseconds that the share @q of all, 0 to 1, does not exceed, to a 32nd; 0: there are none. */
double hist_quantile(const struct hist *h, double q);
