/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A log file being looked at: where it is, its records one by one, and how they are shown
 *
 * Callers: cli/log.c.
 */
#include "cli/cli.h"
#include "log/find.h"
#include "log/place.h"
#include "log/read.h"

struct log_view {
	bool json;
	uint64_t shown;
	char place[LOG_PLACE_MAX];
	struct log_reader reader;
};

/* Opens the log of the configuration folder, or the file of "--file PATH", which is taken out of
 * the arguments. */
int log_view_open(struct log_view *v, const struct cli *c, int *argcp, char **argv);

/* Says how many lines were no records, and closes. Return: @r, or CLI_FAULTS when stdout could not
 * be written. */
int log_view_close(struct log_view *v, int r);

/* Begins again at the file's first record. */
int log_view_rewind(struct log_view *v);

/**
 * log_view_each() - the records asked for, up to the end of the file
 * @take: is handed each; false stops
 */
typedef bool log_view_take(
	struct log_view *v, struct span line, const json_t *record, void *context);
int log_view_each(
	struct log_view *v, const struct log_find *find, log_view_take *take, void *context);

/* A log_view_take that prints: the line itself with --json, else its human form. */
bool log_view_show(struct log_view *v, struct span line, const json_t *record, void *context);

/* After log_view_each(): goes on with what is appended, also after a rotation, until the process
 * ends or stdout cannot be written. */
int log_view_follow(struct log_view *v);
