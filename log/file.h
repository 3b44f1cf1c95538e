/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * File: the JSON log on disk
 *
 * Takes batches of whole lines and appends them. What goes wrong with the disk is survived: lines
 * that do not fit are counted, and the first that fits again is preceded by a PN8001 with the
 * count. When the file has reached its greatest size a last PN8002 says so, and nothing more is
 * written until it was moved away (reopen) or emptied. The file never holds half a line, also after
 * a partial write or a crash.
 *
 * Owns:    the descriptor.
 * Callers: log/main.c.
 */
#include "base/span.h"

enum {
	LOG_FILE_OK = 0,
	LOG_FILE_E_TYPE, /* a symbolic link, or no regular file */
};

struct log_file {
	int folder;       /* borrowed, as is @name */
	const char *name; /* in that folder */
	uint64_t max;     /* octets */
	int fd;
	uint64_t size;
	uint64_t lost; /* records not written and not yet told */
	bool full;     /* the PN8002 is written */
};

#define LOG_FILE_MIN 4096 /* least size that makes sense as @max */

/* @folder: descriptor, or AT_FDCWD and @name is a path. Return: LOG_FILE_OK; LOG_FILE_E_TYPE; <0
 * errno. */
int log_file_open(struct log_file *f, int folder, const char *name, uint64_t max);

/* Opens it again, by its name; on failure, returned as by open, the old file stays in use. */
int log_file_reopen(struct log_file *f);

/* Appends whole lines, or counts them. @wall_ns: for a notice of its own. */
void log_file_write(struct log_file *f, struct span lines, int64_t wall_ns);

/* Counts records that were refused before they came here. */
void log_file_lost(struct log_file *f, uint64_t records);
