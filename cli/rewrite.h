/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A configuration file gets another text
 *
 * Callers: cli/fmt.c.
 */
#include "cli/cli.h"

#define PATH_LENGTH_MAX 4096

/* Where @name, as the loader names it, stands: symbolic links resolved, so that they stay. Return:
 * enum cli_exit. */
int rewrite_path(char path[PATH_LENGTH_MAX], const char *dir, const char *name);

/**
 * rewrite_file() - @text instead of what stands in the file
 *
 * Written beside it, synced, then put in its place with its owner, group and mode: at every moment
 * the file holds all of the old text or all of the new. Return: enum cli_exit, after a message.
 */
int rewrite_file(const char *path, struct span text);

/* What rewrite_file() would change, on stdout, as diff -u shows it. Return: enum cli_exit; CLI_OK
 * also when they differ. */
int rewrite_diff(const char *path, const char *name, struct span text);
