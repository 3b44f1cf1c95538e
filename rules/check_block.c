/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

size_t statements_count(const struct statement *list)
{
	size_t n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

static size_t find_row(struct span name, const struct block_row *rows, size_t n)
{
	size_t i = 0;

	while (i < n && !span_eq(name, span_str(rows[i].name)))
		i++;
	return i;
}

static void tell_unknown(
	struct check *c, const struct statement *st, const struct block_row *rows, size_t n)
{
	const char *names[BLOCK_ROWS_MAX];
	struct words w = words_of(c, st, "");

	for (size_t i = 0; i < n; i++)
		names[i] = rows[i].name;
	words_unknown(&w, st->first, names, n);
}

static void tell_repeated(
	struct check *c, const struct statement *st, const struct statement *first)
{
	CHECK_TELL(c, st, NULL, SPAN("\""), st->first->text,
		SPAN("\" may stand only once; it stands in "),
		span_str(at_text(c, &first->first->at)), SPAN(" already"));
}

/* Return: no error in the statement itself. */
static bool read_row(
	struct check *c, const struct statement *st, const struct block_row *row, void *object)
{
	struct words w = words_of(c, st, row->example);

	if (st->has_block && !(row->flags & ROW_BLOCK)) {
		CHECK_TELL(c, st, NULL, SPAN("\""), st->first->text,
			SPAN("\" takes no block; the statement is \""), span_str(row->example),
			SPAN("\""));
		return false;
	}
	if ((row->flags & ROW_BLOCK) && !st->has_block) {
		CHECK_TELL(c, st, NULL, SPAN("\""), st->first->text,
			SPAN("\" needs a block, as in \""), span_str(row->example), SPAN("\""));
		return false;
	}
	row->read(&w, object);
	if (!(row->flags & ROW_BLOCK))
		words_end(&w);
	return !w.bad;
}

static void tell_missing(
	struct check *c, const struct statement *place, const struct block_row *row)
{
	CHECK_TELL(c, place, NULL, SPAN("\""), span_str(row->name),
		SPAN("\" is missing in this block, as in \""), span_str(row->example), SPAN("\""));
}

void block_read(struct check *c, const struct statement *list, const struct statement *place,
	const struct block_row *rows, size_t n, void *object, struct block_seen *seen)
{
	/* Of a block that is not closed some statements may stand elsewhere. */
	*seen = (struct block_seen){ .unknown = place != NULL && place->faulty };
	for (const struct statement *st = list; st != NULL; st = st->next) {
		size_t i = find_row(st->first->text, rows, n);

		if (i == n || st->first->kind != WORD_BARE) {
			seen->unknown = true;
			if (!st->faulty)
				tell_unknown(c, st, rows, n);
			continue;
		}
		if (seen->first[i] != NULL && !(rows[i].flags & ROW_MANY) && !st->faulty) {
			tell_repeated(c, st, seen->first[i]);
			continue;
		}
		if (seen->first[i] == NULL)
			seen->first[i] = st;
		if (st->faulty || !read_row(c, st, &rows[i], object))
			seen->faulty |= 1u << i;
	}
	for (size_t i = 0; place != NULL && place->has_block && !seen->unknown && i < n; i++)
		if ((rows[i].flags & ROW_NEEDED) && seen->first[i] == NULL)
			tell_missing(c, place, &rows[i]);
}

bool block_name(struct words *w)
{
	if (w->st->faulty || w->at == NULL || w->at->kind == WORD_COMMA)
		w->bad = true;
	else
		words_next(w, "");
	return !w->bad;
}

void block_head(struct words *w)
{
	block_name(w);
	words_end(w);
}
