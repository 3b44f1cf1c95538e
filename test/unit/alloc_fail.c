/* SPDX-License-Identifier: ISC */
#include "test/unit/alloc_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/support.h"

#define TIMES_MAX 5000 /* allocations of one run */

static unsigned left; /* until one fails; 0: none does */
static bool for_ever, failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

static bool fails(void)
{
	if (left == 0 || --left > 0)
		return false;
	left = for_ever ? 1 : 0;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

void alloc_fail_from(unsigned n, bool for_good)
{
	left = n;
	for_ever = for_good;
	failed = false;
}

bool alloc_fail_end(void)
{
	left = 0;
	return failed;
}

unsigned alloc_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

void alloc_fail_all(bool (*what)(unsigned n, bool for_good))
{
	unsigned before;

	what(TIMES_MAX, false); /* what is opened once and for all is open now */
	before = alloc_descriptors();
	for (int for_good = 0; for_good < 2; for_good++) {
		unsigned n = 1;

		while (what(n, for_good)) {
			assert_in_range(++n, 2, TIMES_MAX);
			assert_int_equal(alloc_descriptors(), before);
		}
		assert_true(n > 1);
		assert_int_equal(alloc_descriptors(), before);
	}
}
