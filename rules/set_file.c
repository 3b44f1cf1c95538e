/* SPDX-License-Identifier: ISC */
#include "rules/set.h"

#define WORD_SHOWN_MAX 60 /* octets of a faulty line that a message shows */

size_t set_file_lines(struct span text)
{
	size_t lines = 1;

	for (size_t at = 0; (at += span_chr(span_from(text, at), '\n')) < text.n; at++)
		lines++;
	return lines;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* What stands on @line but for blanks and a comment; *columnp counts from 1. A "#" in a local part
 * is no comment. */
static struct span line_word(struct span line, uint32_t *columnp)
{
	size_t from = 0, to;

	while (from < line.n && is_blank(line.p[from]))
		from++;
	*columnp = (uint32_t)from + 1;
	for (to = from; to < line.n; to++)
		if (line.p[to] == '#' && (to == from || is_blank(line.p[to - 1])))
			break;
	while (to > from && is_blank(line.p[to - 1]))
		to--;
	return span_sub(line, from, to - from);
}

static void tell(struct diags *diags, struct rules_at at, struct span word, enum set_error error)
{
	uint8_t block[4 * WORD_SHOWN_MAX + 200];
	struct out o;

	out_init(&o, block, sizeof(block));
	out_octet(&o, '"');
	out_escaped(&o, word, WORD_SHOWN_MAX);
	out_str(&o, "\" ");
	out_str(&o, set_error_text(error));
	diag_add(diags, DIAG_ERROR, at, (uint32_t)word.n, out_span(&o), NULL);
}

size_t set_file_parse(struct span text, const char *file, enum set_kind kind,
	struct set_member *members, size_t max, struct diags *diags)
{
	struct rules_at at = { .file = file };
	size_t n = 0;

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = span_from(text, 3); /* a byte order mark, as some editors write it */
	while (text.n > 0 && n < max) {
		size_t end = span_chr(text, '\n');
		struct span word = line_word(span_sub(text, 0, end), &at.column);
		enum set_error error;

		at.line++;
		text = span_from(text, end + 1);
		if (word.n == 0)
			continue;
		error = set_member_parse(word, kind, &members[n]);
		if (error == SET_OK)
			members[n++].from_file = true;
		else
			tell(diags, at, word, error);
	}
	return n;
}
