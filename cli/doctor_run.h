/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What other programs and /proc say
 *
 * A program is looked for in the four folders of the system and run without a shell; it gets no
 * input, an environment without anything of the caller's, ten seconds, and may print 32 MiB.
 *
 * Owns:    the caller owns the text it gets: free().
 * Callers: cli/doctor*.c.
 */
#include "base/span.h"

#define RUN_OUTPUT_MAX ((size_t)32 << 20)
#define RUN_PATIENCE_S 10

enum {
	RUN_OK = 0,
	RUN_E_MISSING, /* there is no such program */
	RUN_E_FAILED,  /* it said that it could not */
	RUN_E_OUTPUT,  /* too much, too late, or no memory */
};

/* @argv[0] is the program's name; NULL ends the list. @textp ends with a NUL that @np does not
 * count; NULL on errors. */
int run_program(const char *const argv[], char **textp, size_t *np);

/* A file of /proc, whole. NULL: it is not there, or may not be read. */
char *run_read(const char *path, size_t *np);
