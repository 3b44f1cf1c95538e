/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the fuzz targets share
 *
 * A target is one function that libFuzzer calls with octets, or test/fuzz/main.c with the files of
 * a corpus. An input of the leaf modules is two octets and a text: what is chosen (limits,
 * extensions), how the text is cut, the text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold. */
#define HOLDS(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))

_Noreturn static inline void fuzz_broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct fuzz_input {
	uint8_t choice;
	uint32_t cuts;
	struct span text;
};

/* False: too short to be one. */
static inline bool fuzz_open(const uint8_t *data, size_t size, struct fuzz_input *inp)
{
	if (size < 2)
		return false;
	*inp = (struct fuzz_input){ data[0], 0x9e3779b9u * (data[1] + 1u), { data + 2, size - 2 } };
	return true;
}

/* How many octets come next: 1 to 150, mostly few. */
static inline size_t fuzz_cut(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return 1 + *seed % (*seed & 0x10000 ? 7 : 150);
}

/* A window in a heap block of its own, so that a sanitizer sees a look behind its end; free() it.
 */
static inline uint8_t *fuzz_window(struct span s)
{
	uint8_t *p = malloc(s.n);

	if (p == NULL && s.n > 0)
		abort();
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}
