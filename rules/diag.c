/* SPDX-License-Identifier: ISC */
#include "rules/diag.h"

#define SUGGEST_MAX 64  /* octets of a word that is compared at all */
#define LINE_MAX    160 /* octets of a source line that are shown */
#define LINE_BEFORE 60  /* of them before the fault, when the line is longer */
#define CARETS_MAX  80

void diags_init(struct diags *d, struct arena *arena)
{
	*d = (struct diags){ .arena = arena };
}

/* Number of @file in order of reading; new files go to the end. */
static size_t file_order(struct diags *d, const char *file)
{
	struct diag_file **next = &d->files;
	size_t n = 0;

	for (; *next != NULL; next = &(*next)->next, n++)
		if (strcmp((*next)->name, file) == 0)
			return n;
	*next = ARENA_NEW(d->arena, struct diag_file);
	if (*next != NULL)
		(*next)->name = file;
	return n;
}

void diag_file(struct diags *d, const char *file)
{
	file_order(d, file);
}

static int number_cmp(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int at_cmp(struct diags *d, const struct rules_at *a, const struct rules_at *b)
{
	int r = 0;

	if (strcmp(a->file, b->file) != 0)
		r = number_cmp(file_order(d, a->file), file_order(d, b->file));
	if (r == 0)
		r = number_cmp(a->line, b->line);
	return r != 0 ? r : number_cmp(a->column, b->column);
}

static bool same(const struct diag *diag, enum diag_level level, struct span text)
{
	return diag->level == level && span_eq(span_str(diag->text), text);
}

/* Where a message at @at belongs; NULL when it stands there already. */
static struct diag **place(
	struct diags *d, enum diag_level level, const struct rules_at *at, struct span text)
{
	struct diag **next = &d->first;

	for (; *next != NULL; next = &(*next)->next) {
		int r = at_cmp(d, &(*next)->at, at);

		if (r == 0 && same(*next, level, text))
			return NULL;
		if (r > 0)
			break;
	}
	return next;
}

static unsigned *counter(struct diags *d, enum diag_level level)
{
	switch (level) {
	case DIAG_ERROR: return &d->errors;
	case DIAG_WARNING: return &d->warnings;
	case DIAG_NOTE: break;
	}
	return &d->notes;
}

void diag_add(struct diags *d, enum diag_level level, struct rules_at at, uint32_t width,
	struct span text, const char *help)
{
	struct diag *diag, **next;
	unsigned *n = counter(d, level);

	if (*n >= DIAG_MAX) { /* a file of nothing but faults must not cost more for each of them */
		(*n)++;
		return;
	}
	if (at.file == NULL)
		at.file = "";
	file_order(d, at.file);
	text = span_sub(text, 0, DIAG_TEXT_MAX);
	next = place(d, level, &at, text);
	if (next == NULL)
		return;
	(*n)++;
	diag = ARENA_NEW(d->arena, struct diag);
	if (diag == NULL)
		return;
	*diag = (struct diag){ .level = level, .at = at, .width = width, .next = *next };
	diag->text = arena_str(d->arena, text);
	diag->help = help != NULL ? arena_str(d->arena, span_str(help)) : NULL;
	if (diag->text == NULL) /* the arena is full, and says so */
		return;
	*next = diag;
	d->kept++;
}

void diag_pieces(struct diags *d, enum diag_level level, struct rules_at at, uint32_t width,
	const char *help, const struct span *pieces, size_t n)
{
	uint8_t block[DIAG_TEXT_MAX];
	struct out o;

	out_init(&o, block, sizeof block);
	for (size_t i = 0; i < n; i++)
		out_bytes(&o, span_sub(pieces[i], 0, out_room(&o)));
	diag_add(d, level, at, width, out_span(&o), help);
}

/* ---- printing ---- */

/* Printable ASCII and tabs as they are, anything else as \xHH. Returns the columns written. */
static size_t shown(struct out *o, struct span s)
{
	size_t columns = 0;

	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] >= ' ' && s.p[i] <= '~') || s.p[i] == '\t') {
			out_octet(o, s.p[i]);
			columns++;
		} else {
			out_str(o, "\\x");
			out_hex(o, s.p[i], 2);
			columns += 4;
		}
	}
	return columns;
}

static const char *level_word(enum diag_level level)
{
	switch (level) {
	case DIAG_ERROR: return "error";
	case DIAG_WARNING: return "warning";
	case DIAG_NOTE: return "note";
	}
	return "";
}

static const char *level_colour(enum diag_level level)
{
	switch (level) {
	case DIAG_ERROR: return "\x1b[1;31m";
	case DIAG_WARNING: return "\x1b[1;35m";
	case DIAG_NOTE: return "\x1b[1;36m";
	}
	return "";
}

static void head_print(struct out *o, const struct diag *diag, bool colour)
{
	shown(o, span_str(diag->at.file));
	if (diag->at.line > 0) {
		out_octet(o, ':');
		out_u64(o, diag->at.line);
	}
	if (diag->at.line > 0 && diag->at.column > 0) {
		out_octet(o, ':');
		out_u64(o, diag->at.column);
	}
	out_str(o, ": ");
	out_str(o, colour ? level_colour(diag->level) : NULL);
	out_str(o, level_word(diag->level));
	out_str(o, colour ? ":\x1b[0m " : ": ");
	shown(o, span_str(diag->text));
	out_octet(o, '\n');
}

/* Line @number of @text without its end; false when there is none. */
static bool line_find(struct span text, uint32_t number, struct span *linep)
{
	for (; number > 1; number--) {
		size_t end = span_chr(text, '\n');

		if (end == text.n)
			return false;
		text = span_from(text, end + 1);
	}
	*linep = span_sub(text, 0, span_chr(text, '\n'));
	if (linep->n > 0 && linep->p[linep->n - 1] == '\r')
		linep->n--;
	return linep->n > 0;
}

static bool source_line(
	const struct diag *diag, const struct source *sources, size_t n, struct span *linep)
{
	for (size_t i = 0; i < n; i++)
		if (sources[i].kind != SOURCE_TIMEZONE && sources[i].error == 0 &&
			strcmp(sources[i].name, diag->at.file) == 0)
			return line_find(sources[i].text, diag->at.line, linep);
	return false;
}

static void number_print(struct out *o, uint32_t number)
{
	for (uint32_t n = 10000; n > number && n > 1; n /= 10)
		out_octet(o, ' ');
	out_u64(o, number);
	out_str(o, " | ");
}

/* Tabs stay tabs below a tab, so that the caret stands right whatever their width. */
static void indent_print(struct out *o, struct span before)
{
	for (size_t i = 0; i < before.n; i++) {
		uint8_t c = before.p[i];

		if (c == '\t')
			out_octet(o, '\t');
		else
			out_str(o, c >= ' ' && c <= '~' ? " " : "    ");
	}
}

static void caret_print(
	struct out *o, const struct diag *diag, struct span line, size_t from, bool colour)
{
	size_t column = diag->at.column - 1 - from;
	struct span under = span_sub(line, column, diag->width);
	size_t carets = 0;

	for (size_t i = 0; i < under.n && carets < CARETS_MAX; i++)
		carets += under.p[i] >= ' ' && under.p[i] <= '~' ? 1 : 4;
	out_str(o, "      | ");
	indent_print(o, span_sub(line, 0, column));
	out_str(o, colour ? level_colour(diag->level) : NULL);
	do
		out_octet(o, '^');
	while (carets-- > 1);
	out_str(o, colour ? "\x1b[0m\n" : "\n");
}

static void line_print(struct out *o, const struct diag *diag, struct span line, bool colour)
{
	size_t column = diag->at.column - 1, from = 0;

	if (column > line.n) /* the end of the line is as far as a caret goes */
		return;
	if (line.n > LINE_MAX && column > LINE_BEFORE)
		from = column - LINE_BEFORE;
	line = span_sub(line, from, LINE_MAX);
	number_print(o, diag->at.line);
	shown(o, line);
	out_octet(o, '\n');
	caret_print(o, diag, line, from, colour);
}

void diag_print(struct out *o, const struct diag *diag, const struct source *sources,
	size_t n_sources, bool colour)
{
	struct span line;

	head_print(o, diag, colour);
	if (diag->at.line > 0 && diag->at.column > 0 &&
		source_line(diag, sources, n_sources, &line))
		line_print(o, diag, line, colour);
	if (diag->help == NULL)
		return;
	out_str(o, "      = help: ");
	shown(o, span_str(diag->help));
	out_octet(o, '\n');
}

/* ---- suggestions ---- */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* Optimal string alignment: letters put in, left out, changed, or two neighbours swapped. No case.
 */
static unsigned distance(struct span a, struct span b)
{
	unsigned rows[3][SUGGEST_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b.n; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned *spare = before;
		uint8_t c = ascii_lower(a.p[i - 1]);

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			uint8_t e = ascii_lower(b.p[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (c != e));
			if (i > 1 && j > 1 && c == ascii_lower(b.p[j - 2]) &&
				ascii_lower(a.p[i - 2]) == e)
				now[j] = min3(now[j], before[j - 2] + 1, now[j]);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b.n];
}

const char *diag_suggest(struct span word, const char *const *legal, size_t n)
{
	const char *nearest = NULL;
	unsigned least = SUGGEST_MAX;

	if (word.n == 0 || word.n > SUGGEST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct span other = span_str(legal[i]);
		size_t longer = other.n > word.n ? other.n : word.n;
		unsigned d;

		if (other.n == 0 || other.n > SUGGEST_MAX)
			continue;
		d = distance(word, other);
		if (d < least && d < longer && d <= (longer > 3 ? longer / 3 : 1)) {
			least = d;
			nearest = legal[i];
		}
	}
	return nearest;
}
