/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define LIST_TEXT_MAX 600

struct words words_of(struct check *c, const struct statement *st, const char *example)
{
	return (struct words){
		.c = c, .st = st, .at = st->first->next, .before = st->first, .example = example
	};
}

void words_tell(struct words *w, const struct word *word, const char *help,
	const struct span *pieces, size_t n)
{
	struct rules_at at = word != NULL ? word->at : w->before->at;

	if (w->bad)
		return;
	w->bad = true;
	if (word == NULL)
		at.column += w->before->width; /* right behind the last word */
	diag_pieces(w->c->diags, DIAG_ERROR, at, word != NULL ? word->width : 1, help, pieces, n);
}

static void step(struct words *w)
{
	w->before = w->at;
	w->at = w->at->next;
	w->n_tried = 0;
}

const char *at_text(struct check *c, const struct rules_at *at)
{
	size_t size = strlen(at->file) + 12;
	char *text = arena_alloc(c->arena, size, 1);
	struct out o;

	if (text == NULL)
		return "";
	out_init(&o, text, size);
	out_str(&o, at->file);
	out_octet(&o, ':');
	out_u64(&o, at->line);
	return out_cstr(&o);
}

/* `"a", "b" or "c"` */
static void print_list(struct out *o, const char *const *list, size_t n, const char *end)
{
	for (size_t i = 0; i < n; i++) {
		out_str(o, i == 0 ? "\"" : i + 1 < n || end[0] != '\0' ? ", \"" : " or \"");
		out_str(o, list[i]);
		out_octet(o, '"');
	}
	out_str(o, end);
}

/* @word is none of @list. @end: what else would do. */
static void tell_unknown(struct words *w, const struct word *word, const char *const *list,
	size_t n, const char *end)
{
	const char *hint = word->kind == WORD_BARE ? diag_suggest(word->text, list, n) : NULL;
	uint8_t block[LIST_TEXT_MAX];
	struct out o;

	out_init(&o, block, sizeof(block));
	print_list(&o, list, n, end);
	if (hint != NULL)
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\": did you mean \""),
			span_str(hint), SPAN("\"? Expected "), out_span(&o));
	else
		WORDS_TELL(
			w, word, NULL, SPAN("\""), word->text, SPAN("\": expected "), out_span(&o));
}

void words_unknown(struct words *w, const struct word *word, const char *const *list, size_t n)
{
	tell_unknown(w, word, list, n, "");
}

/* Nothing stands where a word of @list should. */
static void tell_missing(struct words *w, const char *const *list, size_t n)
{
	uint8_t block[LIST_TEXT_MAX];
	struct out o;

	out_init(&o, block, sizeof(block));
	print_list(&o, list, n, "");
	WORDS_TELL(w, w->at, NULL, SPAN("expected "), out_span(&o), SPAN(" here, as in \""),
		span_str(w->example), SPAN("\""));
}

const struct word *words_next(struct words *w, const char *what)
{
	const struct word *word = w->at;

	if (w->bad)
		return NULL;
	if (word == NULL || word->kind == WORD_COMMA) {
		WORDS_TELL(w, word, NULL, span_str(what), SPAN(" is missing, as in \""),
			span_str(w->example), SPAN("\""));
		return NULL;
	}
	step(w);
	return word;
}

bool words_take(struct words *w, const char *keyword)
{
	if (w->bad)
		return false;
	if (w->at != NULL && word_is(w->at, keyword)) {
		step(w);
		return true;
	}
	if (w->n_tried < WORDS_TRIED_MAX)
		w->tried[w->n_tried++] = keyword;
	return false;
}

bool words_comma(struct words *w)
{
	if (w->bad || w->at == NULL || w->at->kind != WORD_COMMA)
		return false;
	step(w);
	return true;
}

bool words_need(struct words *w, const char *keyword)
{
	if (words_take(w, keyword))
		return true;
	if (w->bad)
		return false;
	if (w->at == NULL || w->at->kind == WORD_COMMA)
		tell_missing(w, w->tried, w->n_tried);
	else
		tell_unknown(w, w->at, w->tried, w->n_tried, "");
	return false;
}

bool words_end(struct words *w)
{
	if (w->bad)
		return false;
	if (w->at == NULL)
		return true;
	if (w->n_tried > 0)
		tell_unknown(w, w->at, w->tried, w->n_tried, ", or nothing more");
	else
		WORDS_TELL(w, w->at, NULL, SPAN("\""), w->at->text,
			SPAN("\": nothing more belongs here; the statement is \""),
			span_str(w->example), SPAN("\""));
	return false;
}

size_t words_choice(struct words *w, const char *const *list, size_t n)
{
	const struct word *word = w->at;

	if (w->bad)
		return n;
	if (word == NULL || word->kind == WORD_COMMA) {
		tell_missing(w, list, n);
		return n;
	}
	for (size_t i = 0; i < n; i++)
		if (word_is(word, list[i])) {
			step(w);
			return i;
		}
	words_unknown(w, word, list, n);
	return n;
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

bool words_bare(struct words *w, const struct word *word, const char *what)
{
	if (word->kind == WORD_QUOTED)
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\": "), span_str(what),
			SPAN(" stands without quotes, as in \""), span_str(w->example), SPAN("\""));
	return word->kind != WORD_QUOTED;
}

/* A word in quotes that is not empty. */
static const struct word *quoted(struct words *w, const char *what)
{
	const struct word *word = words_next(w, what);

	if (word == NULL)
		return NULL;
	if (word->kind != WORD_QUOTED) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\": "), span_str(what),
			SPAN(" stands in quotes, as in \""), span_str(w->example), SPAN("\""));
		return NULL;
	}
	if (word->text.n == 0) {
		WORDS_TELL(w, word, NULL, span_str(what), SPAN(" is empty"));
		return NULL;
	}
	return word;
}

const char *words_text(struct words *w, const char *what)
{
	const struct word *word = quoted(w, what);

	if (word == NULL)
		return NULL;
	if (!is_printable(word->text)) {
		WORDS_TELL(w, word, NULL, span_str(what), SPAN(" holds more than printable ASCII"));
		return NULL;
	}
	return arena_str(w->c->arena, word->text);
}

const char *words_path(struct words *w, const char *what)
{
	const struct word *word = quoted(w, what);
	const char *path;

	if (word == NULL)
		return NULL;
	path = arena_str(w->c->arena, word->text);
	if (path != NULL)
		path = source_path(w->c->arena, word->at.file, path);
	if (path != NULL && strlen(path) > TREE_WORD_MAX) /* it is printed with its folder */
		WORDS_TELL(w, word, NULL, span_str(what),
			SPAN(" is longer than 1024 octets, its folder included"));
	return path;
}
