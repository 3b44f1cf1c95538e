/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Start: a role as a program of its own
 *
 * Forked and exec'd, with the standard descriptors and those it is given, and no other. Descriptors
 * are renumbered from START_FD on, so that the arguments may name them before there is a child.
 *
 * Where the programs are: $POSTERN_LIBEXEC; else, in a build folder, beside posternd; else where
 * they were installed.
 *
 * Callers: proxy/house.
 */
#include <stddef.h>
#include <sys/types.h>

#include "proxy/roles.h"

#define START_FD 3

struct start {
	const char *program; /* "postern-proxy" */
	const char *folder;  /* its folder in a build, seen from posternd's: "." or "../log" */
	char *const *argv;   /* as execv(2) takes them; [0] is the program's name */
	const int *fds;
	size_t n_fds;
};

/* Return: the process; <0 errno. A program that cannot be executed ends with 69 and says why. */
pid_t start_role(const struct start *s);
