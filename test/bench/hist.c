/* SPDX-License-Identifier: ISC */
#include "hist.h"

void hist_add(struct hist *h, uint64_t ns)
{
	unsigned e, i;
	if (ns > h->max)
		h->max = ns;
	if (ns < 32) {
		i = (unsigned)ns;
	} else {
		e = 63 - (unsigned)__builtin_clzll(ns);
		i = (e - 4) * 32 + (unsigned)((ns >> (e - 5)) & 31);
	}
	h->steps[i]++;
	h->n++;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t need = (uint64_t)(q * (double)h->n + 0.999999), s = 0;
	if (!h->n)
		return 0;
	for (unsigned i = 0; i < HIST_STEPS; i++) {
		s += h->steps[i];
		if (s >= need && h->steps[i]) {
			if (i < 32)
				return (double)i / 1000.0;
			unsigned e = i / 32 + 4;
			uint64_t lo = (1ull << e) + ((uint64_t)(i & 31) << (e - 5));
			uint64_t up = lo + (1ull << (e - 5)) - 1;
			return (double)(up < h->max ? up : h->max) / 1000.0;
		}
	}
	return (double)h->max / 1000.0;
}
