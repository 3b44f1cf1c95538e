/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Alloc fail: the n-th allocation finds no memory
 *
 * The linker wraps malloc(3), calloc(3), realloc(3), reallocarray(3) and strdup(3) of all that is
 * linked in; shared libraries are not touched. What a module does then is run for every n, with one
 * allocation failing and with all from the n-th on, until no allocation is left to fail.
 *
 * Callers: test/unit, programs that link alloc_fail_dep.
 */
#include <stdbool.h>

/* From now on the @n-th allocation (from 1) fails; @for_good: all after it, too. */
void alloc_fail_from(unsigned n, bool for_good);
/* None fails any more. Return: true when one has failed. */
bool alloc_fail_end(void);

/* How many descriptors this process has. */
unsigned alloc_descriptors(void);

/**
 * alloc_fail_all() - run @what with every allocation failing, once and for good
 * @what: is called again and again, and leaves everything as it was; @failing: an allocation may
 *        fail between its alloc_fail_from() and alloc_fail_end(), which are @what's to call
 *
 * Fails when there are other descriptors afterwards. Leaks are a sanitizer's affair.
 */
void alloc_fail_all(bool (*what)(unsigned n, bool for_good));
