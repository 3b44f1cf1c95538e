/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Program: one of the system's own, run to its end with a text
 *
 * Found in the fixed folders of system programs alone (POSTERN_SBIN names one before them: tests),
 * executed without a shell and with an environment of its own. It ends with who runs it.
 *
 * Owns:    what it printed, until program_free().
 * Callers: rules/kernel/run.
 */
#include "base/span.h"

#define PROGRAM_MISSING 127 /* status: it is in none of the folders, or cannot be executed */

struct program {
	int status;           /* of its exit; 128 and more: a signal */
	struct span out, err; /* what it printed */
};

/* @argv[0] is its name. Return: 0, whatever it said; <0 errno when it could not be run at all. */
int program_run(struct program *p, const char *const argv[], struct span input);
void program_free(struct program *p);
