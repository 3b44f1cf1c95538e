/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Facts that posternd sent, as rows of a table or as a JSON array
 *
 * A line that is no JSON object of a sane size is counted, not shown. What is shown is escaped: a
 * taken proxy may have written it.
 *
 * Owns:    the rows, until table_free().
 * Callers: cli.
 */
#include <jansson.h>

#include "cli/cli.h"

struct table_column {
	const char *title;
	bool number; /* stands to the right */
};

struct table_row;
struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct table_row **rows;
	size_t n, room;
	size_t refused;   /* lines that were no facts */
	bool full;        /* memory is out, or too many rows came */
	struct out cells; /* of the row that is being made */
	uint8_t block[4096];
};

void table_init(struct table *t, const struct table_column *columns, size_t n_columns);
void table_free(struct table *t);

/* One call for each object among @lines. */
typedef void table_take(struct table *t, const json_t *fact, void *context);
void table_lines(struct table *t, struct span lines, table_take *take, void *context);

/* ---- cells of a row, one for each column, then the end ---- */

void table_text(struct table *t, const char *text);                   /* NULL: "-" */
void table_key(struct table *t, const json_t *fact, const char *key); /* text or number */
void table_address(struct table *t, const json_t *fact, const char *address, const char *port);
void table_time(struct table *t, uint64_t ms); /* "3m12s" */
void table_end(struct table *t, const json_t *fact);

/* ---- the whole ---- */

/* Rows by their cells, numbers in them by value; before printing. */
void table_sort(struct table *t);
/* @context: struct table. Title line, then the rows; nothing when there are none. */
void table_print(struct out *o, void *context);
/* An array of the facts as they came; table_json() ends the line. */
void table_array(struct out *o, const struct table *t);
void table_json(struct out *o, void *context);
/* The first cell of a row, and the fact itself. */
const char *table_cell(const struct table *t, size_t row);
const char *table_fact(const struct table *t, size_t row);
/* Says on stderr how many lines were no facts. Return: @r, or CLI_FAULTS when something is missing.
 */
int table_told(const struct table *t, int r);

/* A whole number that is not negative; false: there is none. */
bool fact_u64(const json_t *fact, const char *key, uint64_t *vp);
/* A text, or NULL. */
const char *fact_text(const json_t *fact, const char *key);
