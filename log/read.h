/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Read: log files, line by line, for the administrator's tool
 *
 * A file is input like any other: lines that are no records of ours are passed over and counted.
 *
 * Owns:    the descriptor and the buffer.
 * Callers: cli/log.c.
 */
#include <jansson.h>

#include "base/record.h"

enum {
	LOG_READ_OK = 0,
	LOG_READ_E_END,  /* nothing more now; a line without its end is left for later */
	LOG_READ_E_TYPE, /* not a regular file */
};

struct log_reader {
	const char *path; /* borrowed */
	int fd;
	size_t from, n;   /* octets of the buffer used up, and in it */
	bool skipping;    /* inside a line longer than any record */
	uint64_t refused; /* lines that are no records */
	uint8_t buffer[4 * RECORD_MAX];
};

/* Return: LOG_READ_OK; LOG_READ_E_TYPE; <0 errno. */
int log_reader_open(struct log_reader *r, const char *path);
void log_reader_close(struct log_reader *r);

/* Leaves the last @lines lines to be read, or all when there are fewer. Return: 0; <0 errno. */
int log_reader_tail(struct log_reader *r, uint64_t lines);

/* The next record's line, without its newline; lives until the next call. Return: LOG_READ_OK;
 * LOG_READ_E_END; <0 errno. */
int log_reader_next(struct log_reader *r, struct span *line);

/* Another file has taken the path (rotation): open it once this one is read to its end. */
bool log_reader_moved(const struct log_reader *r);

/* A line as an object with "time" and "code"; NULL: it is none. The caller's (json_decref). */
json_t *log_record_parse(struct span line);

/* The text of a field, or NULL when there is none or it is no text. */
static inline const char *log_record_text(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}
