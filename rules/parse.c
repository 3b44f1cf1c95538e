/* SPDX-License-Identifier: ISC */
#include "rules/lex.h"
#include "rules/tree.h"

struct parser {
	struct arena *arena;
	struct diags *diags;
	struct lexer lex;
	struct token tok;
	struct statement *open;    /* whose block this is; NULL: outside blocks */
	struct statement *spilled; /* a block's head found inside another block, which it ends */
	unsigned owed;             /* closing braces that a spilled block leaves over */
	struct rules_at origin;    /* line > 0: of the next statement */
};

static void next(struct parser *p)
{
	do
		p->tok = lex_next(&p->lex);
	while (p->tok.kind == TOKEN_COMMENT);
}

/* The arena is full: nothing more is read. */
static void stop(struct parser *p)
{
	p->lex.pos = p->lex.text.n;
	p->tok.kind = TOKEN_END;
}

static bool is_word(enum token_kind kind)
{
	return kind == TOKEN_BARE || kind == TOKEN_QUOTED;
}

static uint32_t token_width(const struct token *t)
{
	return t->raw.n < UINT32_MAX ? (uint32_t)t->raw.n : UINT32_MAX;
}

static void error(struct parser *p, const char *text, const char *help)
{
	diag_add(p->diags, DIAG_ERROR, p->tok.at, token_width(&p->tok), span_str(text), help);
}

static void skip_line(struct parser *p)
{
	lex_skip(&p->lex);
	next(p);
}

/* A statement by its first two words, for messages: publish x */
static struct span statement_name(struct parser *p, const struct statement *s)
{
	const struct word *second = s->first->next;
	uint8_t block[2 * 64 + 1];
	struct out o;
	const char *name;

	out_init(&o, block, sizeof block);
	out_bytes(&o, span_sub(s->first->text, 0, 64));
	if (second != NULL && second->kind != WORD_COMMA) {
		out_octet(&o, ' ');
		out_bytes(&o, span_sub(second->text, 0, 64));
	}
	name = arena_str(p->arena, out_span(&o));
	return span_str(name);
}

/* ---- words ---- */

/* Text without its quotes. The lexer has seen to it that only \" and \\ stand in it. */
static struct span unquoted(struct parser *p, struct span raw)
{
	struct span inside = span_sub(raw, 1, raw.n - 2);
	uint8_t *copy;
	size_t n = 0;

	if (span_chr(inside, '\\') == inside.n)
		return inside;
	copy = arena_alloc(p->arena, inside.n, 1);
	if (copy == NULL)
		return (struct span){ 0 };
	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\')
			i++;
		copy[n++] = inside.p[i];
	}
	return span_of(copy, n);
}

static struct word *word(struct parser *p)
{
	struct word *w = ARENA_NEW(p->arena, struct word);

	if (w == NULL)
		return NULL;
	w->at = p->tok.at;
	w->width = token_width(&p->tok);
	w->text = p->tok.raw;
	w->kind = p->tok.kind == TOKEN_COMMA ? WORD_COMMA : WORD_BARE;
	if (p->tok.kind == TOKEN_QUOTED) {
		w->kind = WORD_QUOTED;
		w->text = unquoted(p, p->tok.raw);
	}
	return w;
}

struct words { /* of the statement being read */
	struct statement *statement;
	struct word **tail, *last;
	unsigned n;
};

static void words_fault(struct parser *p, struct words *ws, const char *text, const char *help)
{
	if (!ws->statement->faulty) /* one mistake often makes another */
		error(p, text, help);
	ws->statement->faulty = true;
}

static void words_add(struct parser *p, struct words *ws)
{
	struct word *w;

	if (ws->n++ >= TREE_WORDS_MAX) {
		words_fault(p, ws, "too many words in one statement; 4096 are allowed",
			"long lists belong in a set file: file \"NAME\"");
		return;
	}
	w = word(p);
	if (w == NULL)
		return;
	/* Quotes and backslashes do not count: what was printed with more of them still parses. */
	if (w->text.n > TREE_WORD_MAX) {
		words_fault(p, ws, "word too long; 1024 octets are allowed", NULL);
		w->text = span_sub(w->text, 0, TREE_WORD_MAX);
	}
	*ws->tail = ws->last = w;
	ws->tail = &w->next;
}

static void comma(struct parser *p, struct words *ws)
{
	if (ws->last != NULL && ws->last->kind == WORD_COMMA)
		words_fault(p, ws, "two commas, and no value between them", NULL);
	else
		words_add(p, ws);
	next(p);
	while (p->tok.kind == TOKEN_NEWLINE) /* the list goes on in the next line */
		next(p);
}

static void words_read(struct parser *p, struct words *ws)
{
	for (;;) {
		if (p->tok.kind == TOKEN_COMMA) {
			comma(p, ws);
		} else if (p->tok.kind == TOKEN_FAULT) {
			words_fault(p, ws, p->tok.fault, NULL);
			skip_line(p);
		} else if (is_word(p->tok.kind)) {
			if (p->tok.glued && ws->last != NULL && ws->last->kind != WORD_COMMA)
				words_fault(p, ws, "a blank is missing before this word", NULL);
			words_add(p, ws);
			next(p);
		} else {
			break;
		}
	}
	if (ws->last == NULL || ws->last->kind != WORD_COMMA || ws->statement->faulty)
		return;
	ws->statement->faulty = true;
	diag_add(p->diags, DIAG_ERROR, ws->last->at, 1, SPAN("a value is missing behind the comma"),
		NULL);
}

/* ---- statements ---- */

static void statements(struct parser *p, struct statement **tail);

static bool separator(enum token_kind kind)
{
	return kind == TOKEN_NEWLINE || kind == TOKEN_SEMICOLON;
}

static void block_unclosed(struct parser *p, struct statement *s)
{
	if (p->arena->full)
		return;
	s->faulty = true;
	DIAG(p->diags, DIAG_ERROR, s->first->at, s->first->width, NULL, SPAN("block \""),
		statement_name(p, s), SPAN("\" is not closed: \"}\" is missing"));
}

/* From the opening brace on. */
static void block(struct parser *p, struct statement *s)
{
	next(p);
	s->has_block = true;
	s->end_at = p->tok.at;
	p->open = s;
	statements(p, &s->block);
	p->open = NULL;
	if (p->spilled != NULL)
		return;
	s->end_at = p->tok.at;
	if (p->tok.kind != TOKEN_CLOSE) {
		block_unclosed(p, s);
		return;
	}
	next(p);
	if (is_word(p->tok.kind))
		error(p, "a new line or \";\" is expected behind \"}\"", NULL);
}

/* A block inside a block: most likely the brace before it was forgotten. */
static void spill(struct parser *p, struct statement *s)
{
	DIAG(p->diags, DIAG_ERROR, s->first->at, s->first->width, NULL,
		SPAN("a block inside of block \""), statement_name(p, p->open),
		SPAN("\"; is \"}\" missing before it?"));
	p->spilled = s;
	p->owed++;
}

/* `origin "FILE" LINE`, which the daemon writes for its roles. */
static bool origin(struct parser *p, const struct statement *s)
{
	const struct word *file = s->first->next, *line = file != NULL ? file->next : NULL;
	uint64_t number;

	if (s->first->kind != WORD_BARE || !span_eq(s->first->text, SPAN("origin")))
		return false;
	if (line == NULL || line->next != NULL || s->has_block || file->kind != WORD_QUOTED ||
		line->kind != WORD_BARE || !span_u64(line->text, UINT32_MAX, &number)) {
		diag_add(p->diags, DIAG_ERROR, s->first->at, s->first->width,
			SPAN("origin \"FILE\" LINE is expected"), NULL);
		return true;
	}
	p->origin.file = arena_str(p->arena, file->text);
	p->origin.line = p->origin.file != NULL ? (uint32_t)number : 0;
	return true;
}

static void origin_give(struct parser *p, struct statement *s)
{
	if (p->origin.line == 0)
		return;
	for (struct word *w = s->first; w != NULL; w = w->next) {
		w->at = p->origin;
		w->width = 0;
	}
	p->origin.line = 0;
}

/* The words of one statement; NULL: there are none worth keeping. */
static struct statement *head(struct parser *p)
{
	struct statement *s = ARENA_NEW(p->arena, struct statement);
	struct words ws = { .statement = s };

	if (s == NULL) {
		stop(p);
		return NULL;
	}
	ws.tail = &s->first;
	if (p->tok.kind == TOKEN_COMMA) {
		error(p, "a statement begins with a word, not with a comma", NULL);
		skip_line(p);
		return NULL;
	}
	words_read(p, &ws);
	if (s->first == NULL)
		return NULL;
	origin_give(p, s);
	return s;
}

/* An opening brace with no word before it. */
static void brace_alone(struct parser *p, struct statement *before)
{
	if (before == NULL || before->has_block || p->open != NULL) {
		error(p, "a block has no name: words are missing before \"{\"", NULL);
		skip_line(p);
		p->owed++;
		return;
	}
	error(p, "\"{\" belongs at the end of the line before", NULL);
	block(p, before);
}

/* Statements up to a closing brace, the end, or a block's head that cannot stand here. */
static void statements(struct parser *p, struct statement **tail)
{
	struct statement *s, *last = NULL;

	while (p->tok.kind != TOKEN_CLOSE && p->tok.kind != TOKEN_END) {
		if (p->spilled != NULL) { /* outside again, where it can stand */
			*tail = last = p->spilled;
			tail = &last->next;
			p->spilled = NULL;
			block(p, last);
			continue;
		}
		if (separator(p->tok.kind)) {
			next(p);
			continue;
		}
		if (p->tok.kind == TOKEN_OPEN) {
			brace_alone(p, last);
			continue;
		}
		s = head(p);
		if (s == NULL)
			continue;
		if (p->tok.kind == TOKEN_OPEN && p->open != NULL) {
			spill(p, s);
			return;
		}
		if (p->tok.kind == TOKEN_OPEN)
			block(p, s);
		if (origin(p, s))
			continue;
		*tail = last = s;
		tail = &s->next;
	}
}

static void brace_stray(struct parser *p)
{
	if (p->owed > 0)
		p->owed--;
	else
		error(p, "\"}\" closes no block", NULL);
	next(p);
}

struct statement *tree_parse(struct arena *arena, const struct source *source, struct diags *diags)
{
	struct parser p = { .arena = arena, .diags = diags };
	struct statement *first = NULL, **tail = &first;
	struct rules_at start = { source->name, 1, 1 };

	if (source->text.n > SOURCE_RULES_MAX) {
		diag_add(diags, DIAG_ERROR, start, 0, SPAN("file too large; 4 MiB are allowed"),
			"long lists belong in set files: file \"NAME\"");
		return NULL;
	}
	lex_init(&p.lex, source);
	for (next(&p); p.tok.kind != TOKEN_END; brace_stray(&p)) {
		statements(&p, tail);
		while (*tail != NULL)
			tail = &(*tail)->next;
		if (p.tok.kind == TOKEN_END)
			break;
	}
	return arena->full ? NULL : first;
}
