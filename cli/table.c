/* SPDX-License-Identifier: ISC */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/control.h"

#define ROWS_MAX   2000000
#define TEXT_SHOWN 64 /* octets of one text */

struct table_row {
	char *json;
	char cells[]; /* a NUL behind each */
};

void table_init(struct table *t, const struct table_column *columns, size_t n_columns)
{
	*t = (struct table){ .columns = columns, .n_columns = n_columns };
	out_init(&t->cells, t->block, sizeof(t->block));
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->rows[i]->json);
		free(t->rows[i]);
	}
	free(t->rows);
	t->rows = NULL;
	t->n = t->room = 0;
}

/* ---- lines ---- */

static json_t *parse(struct span line)
{
	json_t *fact = NULL;

	if (line.n <= CONTROL_LINE_MAX)
		fact = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(fact))
		return fact;
	json_decref(fact);
	return NULL;
}

void table_lines(struct table *t, struct span lines, table_take *take, void *context)
{
	while (lines.n > 0 && !t->full) {
		const size_t n = span_chr(lines, '\n');
		json_t *fact = parse(span_sub(lines, 0, n));

		if (fact != NULL)
			take(t, fact, context);
		else
			t->refused++;
		json_decref(fact);
		lines = span_from(lines, n + 1);
	}
}

bool fact_u64(const json_t *fact, const char *key, uint64_t *vp)
{
	const json_t *value = json_object_get(fact, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*vp = (uint64_t)json_integer_value(value);
	return true;
}

const char *fact_text(const json_t *fact, const char *key)
{
	return json_string_value(json_object_get(fact, key));
}

/* ---- cells ---- */

void table_text(struct table *t, const char *text)
{
	if (text == NULL || text[0] == '\0')
		text = "-";
	out_escaped(&t->cells, span_str(text), TEXT_SHOWN);
	out_octet(&t->cells, '\0');
}

void table_key(struct table *t, const json_t *fact, const char *key)
{
	uint64_t v;

	if (!fact_u64(fact, key, &v)) {
		table_text(t, fact_text(fact, key));
		return;
	}
	out_u64(&t->cells, v);
	out_octet(&t->cells, '\0');
}

void table_address(struct table *t, const json_t *fact, const char *address, const char *port)
{
	const char *text = fact_text(fact, address);
	const bool v6 = text != NULL && strchr(text, ':') != NULL;
	uint64_t number;

	if (text == NULL || !fact_u64(fact, port, &number)) {
		table_text(t, text);
		return;
	}
	out_str(&t->cells, v6 ? "[" : "");
	out_escaped(&t->cells, span_str(text), TEXT_SHOWN);
	out_str(&t->cells, v6 ? "]:" : ":");
	out_u64(&t->cells, number);
	out_octet(&t->cells, '\0');
}

/* The two largest units are enough. */
void table_time(struct table *t, uint64_t ms)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	uint64_t left = ms / 1000;
	unsigned shown = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && shown < 2; i++) {
		const uint64_t n = left / units[i].seconds;
		if (shown == 0 && n == 0 && units[i].seconds > 1)
			continue;
		if (shown == 0)
			out_u64(&t->cells, n);
		else
			out_u64w(&t->cells, n, 2);
		out_str(&t->cells, units[i].name);
		left %= units[i].seconds;
		shown++;
	}
	out_octet(&t->cells, '\0');
}

static bool make_room(struct table *t)
{
	const size_t room = t->room > 0 ? 2 * t->room : 64;
	void *rows;

	if (t->n < t->room)
		return true;
	if (t->n >= ROWS_MAX)
		return false;
	rows = reallocarray(t->rows, room, sizeof(struct table_row *));
	if (rows == NULL)
		return false;
	t->rows = rows;
	t->room = room;
	return true;
}

void table_end(struct table *t, const json_t *fact)
{
	const struct span cells = out_span(&t->cells);
	struct table_row *row;
	const bool fits = !t->cells.full;

	out_init(&t->cells, t->block, sizeof(t->block));
	if (!fits) { /* a fact that our daemon would not send */
		t->refused++;
		return;
	}
	row = make_room(t) ? malloc(sizeof(*row) + cells.n) : NULL;
	if (row == NULL) {
		t->full = true;
		return;
	}
	memcpy(row->cells, cells.p, cells.n);
	row->json = json_dumps(fact, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (row->json == NULL) {
		free(row);
		t->full = true;
		return;
	}
	t->rows[t->n++] = row;
}

/* ---- the whole ---- */

static const char *next_cell(const char *cell)
{
	return cell + strlen(cell) + 1;
}

static int row_cmp(const void *a, const void *b, void *context)
{
	const struct table *t = context;
	const struct table_row *const *x = a, *const *y = b;
	const char *p = (*x)->cells, *q = (*y)->cells;

	for (size_t i = 0; i < t->n_columns; i++, p = next_cell(p), q = next_cell(q)) {
		const int d = strverscmp(p, q);
		if (d != 0)
			return d;
	}
	return 0;
}

void table_sort(struct table *t)
{
	if (t->n > 1)
		qsort_r(t->rows, t->n, sizeof(struct table_row *), row_cmp, t);
}

#define COLUMNS_MAX 16

static void find_widths(const struct table *t, size_t widths[COLUMNS_MAX])
{
	for (size_t i = 0; i < t->n_columns; i++)
		widths[i] = strlen(t->columns[i].title);
	for (size_t r = 0; r < t->n; r++) {
		const char *cell = t->rows[r]->cells;
		for (size_t i = 0; i < t->n_columns; i++, cell = next_cell(cell))
			if (strlen(cell) > widths[i])
				widths[i] = strlen(cell);
	}
}

static void pad(struct out *o, size_t n)
{
	while (n-- > 0)
		out_octet(o, ' ');
}

/* The last column is not padded: no line ends with blanks. */
static void put_cell(struct out *o, const struct table *t, size_t i, const char *cell, size_t width)
{
	const size_t blanks = width - strlen(cell);

	if (i > 0)
		out_str(o, "  ");
	if (t->columns[i].number)
		pad(o, blanks);
	out_str(o, cell);
	if (!t->columns[i].number && i + 1 < t->n_columns)
		pad(o, blanks);
}

void table_print(struct out *o, void *context)
{
	const struct table *t = context;
	size_t widths[COLUMNS_MAX];

	if (t->n == 0)
		return;
	find_widths(t, widths);
	for (size_t i = 0; i < t->n_columns; i++)
		put_cell(o, t, i, t->columns[i].title, widths[i]);
	out_octet(o, '\n');
	for (size_t r = 0; r < t->n; r++) {
		const char *cell = t->rows[r]->cells;
		for (size_t i = 0; i < t->n_columns; i++, cell = next_cell(cell))
			put_cell(o, t, i, cell, widths[i]);
		out_octet(o, '\n');
	}
}

void table_array(struct out *o, const struct table *t)
{
	out_octet(o, '[');
	for (size_t i = 0; i < t->n; i++) {
		out_str(o, i > 0 ? "," : "");
		out_str(o, t->rows[i]->json);
	}
	out_octet(o, ']');
}

void table_json(struct out *o, void *context)
{
	table_array(o, context);
	out_octet(o, '\n');
}

const char *table_cell(const struct table *t, size_t row)
{
	return t->rows[row]->cells;
}

const char *table_fact(const struct table *t, size_t row)
{
	return t->rows[row]->json;
}

int table_told(const struct table *t, int r)
{
	if (t->refused > 0)
		cli_fail(CLI_FAULTS, "warning: lines passed over because they are no facts: %zu",
			t->refused);
	if (t->full)
		return cli_fail(CLI_FAULTS, "not enough memory for all that came");
	return r;
}
