/* SPDX-License-Identifier: ISC */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_trace_at(int r, const char *file, int line, const char *function)
{
	if (r < 0)
		fprintf(stderr, "  at %s:%d %s(): %s\n", file, line, function, strerror(-r));
	return r;
}
