/* SPDX-License-Identifier: ISC */
#include "rules/lex.h"
#include "rules/rules.h"
#include "rules/tree.h"

#define INDENT      4
#define INDENT_LIST 8  /* of a list that goes on outside of blocks: deeper than a row */
#define KEYWORD_MAX 16 /* a longer word does not push the others' values to the right */
#define NAME_MAX    32 /* the same for names of macros */
#define COMMENT_MAX 80 /* a longer line does not push the others' comments */

/*
 * Works on tokens, not on the tree: comments, macros and the line breaks of lists must survive.
 * First the lines as they will be, then their columns, which depend on the lines around them.
 */
enum layout_kind {
	LAYOUT_STATEMENT, /* the first line of one; @open: with its brace */
	LAYOUT_LIST,      /* a list that goes on */
	LAYOUT_CLOSE,
	LAYOUT_COMMENT, /* nothing but a comment */
	LAYOUT_BLANK,
};

struct piece {
	enum token_kind kind;
	struct span raw;
	struct piece *next;
};

struct layout_line {
	enum layout_kind kind;
	bool open, in_block, in_list;
	struct piece *first, **tail;
	struct span comment;
	size_t column;         /* where values begin, in a block or a run of `define`s */
	size_t comment_column; /* where the comment begins; 0: two blanks behind the line */
	struct layout_line *next;
};

struct layout {
	struct arena *arena;
	struct layout_line *first, **tail, *last;
	struct layout_line *opened; /* the open block's first line */
	bool in_block, in_list;     /* where the next token stands */
	bool begun;                 /* the statement has words */
	bool inline_open;           /* the block was opened in this line of the source */
	struct layout_line *here;   /* the last line made of this line of the source */
	bool blank;                 /* a blank line was left out and is owed */
};

/* ---- lines ---- */

static struct layout_line *line_add(struct layout *l, enum layout_kind kind)
{
	struct layout_line *line;

	if (l->blank && kind != LAYOUT_CLOSE && kind != LAYOUT_BLANK && l->last != NULL &&
		!l->last->open) {
		l->blank = false;
		line_add(l, LAYOUT_BLANK);
	}
	l->blank = false;
	line = ARENA_NEW(l->arena, struct layout_line);
	if (line == NULL)
		return NULL;
	line->kind = kind;
	line->in_block = l->in_block;
	line->in_list = l->in_list;
	line->tail = &line->first;
	*l->tail = l->last = l->here = line;
	l->tail = &line->next;
	return line;
}

static void piece_add(struct layout *l, struct layout_line *line, const struct token *t)
{
	struct piece *p = line != NULL ? ARENA_NEW(l->arena, struct piece) : NULL;

	if (p == NULL)
		return;
	p->kind = t->kind;
	p->raw = t->raw;
	*line->tail = p;
	line->tail = &p->next;
}

static void word(struct layout *l, const struct token *t)
{
	if (!l->begun)
		line_add(l, LAYOUT_STATEMENT);
	else if (l->in_list && l->here == NULL)
		line_add(l, LAYOUT_LIST);
	l->begun = true;
	l->in_list = t->kind == TOKEN_COMMA;
	piece_add(l, l->last, t);
}

static void open(struct layout *l)
{
	if (l->last != NULL)
		l->last->open = true;
	l->opened = l->last;
	l->in_block = l->inline_open = true;
	l->begun = false;
}

static void close(struct layout *l)
{
	struct layout_line *opened = l->opened;

	l->in_block = l->begun = false;
	line_add(l, LAYOUT_CLOSE);
	if (l->inline_open) /* what is said behind a block of one line is said of all of it */
		l->here = opened;
}

static void comment(struct layout *l, const struct token *t)
{
	struct layout_line *line = l->here;

	if (line == NULL)
		line = line_add(l, LAYOUT_COMMENT);
	if (line != NULL)
		line->comment = t->raw;
}

static void newline(struct layout *l)
{
	if (l->here == NULL && !l->in_list)
		l->blank = true;
	if (!l->in_list)
		l->begun = false;
	l->here = NULL;
	l->inline_open = false;
}

static void take(struct layout *l, const struct token *t)
{
	switch (t->kind) {
	case TOKEN_BARE:
	case TOKEN_QUOTED:
	case TOKEN_COMMA: word(l, t); break;
	case TOKEN_OPEN: open(l); break;
	case TOKEN_CLOSE: close(l); break;
	case TOKEN_SEMICOLON: l->begun = false; break;
	case TOKEN_NEWLINE: newline(l); break;
	case TOKEN_COMMENT: comment(l, t); break;
	case TOKEN_FAULT: /* not in a text that parses */
	case TOKEN_END: break;
	}
}

/* ---- columns ---- */

/* Characters, not octets: an octet that goes on with one is no column. */
static size_t columns(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

/* A row whose keyword is followed by something. */
static size_t keyword_columns(const struct layout_line *line)
{
	size_t n;

	if (line->kind != LAYOUT_STATEMENT || line->first == NULL || line->first->next == NULL)
		return 0;
	n = columns(line->first->raw);
	return n <= KEYWORD_MAX ? n : 0;
}

/* Values of a block's rows stand below each other, at a multiple of 4; rows of one keyword stay
 * close. */
static void block_align(struct layout_line *first)
{
	size_t most = 0, least = KEYWORD_MAX, width;
	struct layout_line *line;

	for (line = first; line != NULL && line->kind != LAYOUT_CLOSE; line = line->next) {
		size_t n = keyword_columns(line);

		if (n > most)
			most = n;
		if (n > 0 && n < least)
			least = n;
	}
	width = most + 1;
	if (least < most)
		width = (width + INDENT - 1) / INDENT * INDENT;
	for (line = first; line != NULL && line->kind != LAYOUT_CLOSE; line = line->next)
		line->column = INDENT + width;
}

/* The name of a `define`, or NULL. */
static const struct piece *define_name(const struct layout_line *line)
{
	const struct piece *p =
		line->kind == LAYOUT_STATEMENT && !line->in_block ? line->first : NULL;

	if (p == NULL || !span_eq(p->raw, SPAN("define")) || p->next == NULL)
		return NULL;
	return columns(p->next->raw) <= NAME_MAX ? p->next : NULL;
}

/* The "=" of `define`s that follow each other stand below each other. Returns the line behind them.
 */
static struct layout_line *defines_align(struct layout_line *first)
{
	struct layout_line *line, *end;
	size_t most = 0;

	for (end = first; end != NULL && define_name(end) != NULL; end = end->next)
		if (columns(define_name(end)->raw) > most)
			most = columns(define_name(end)->raw);
	for (line = first; line != end; line = line->next)
		line->column = sizeof "define " - 1 + most + 1;
	return end;
}

static void align(struct layout *l)
{
	struct layout_line *line = l->first;

	while (line != NULL) {
		if (define_name(line) != NULL) {
			line = defines_align(line);
			continue;
		}
		if (line->open)
			block_align(line->next);
		line = line->next;
	}
}

/* ---- printing ---- */

static void blanks(struct out *o, size_t n)
{
	while (n-- > 0)
		out_octet(o, ' ');
}

static size_t indent(const struct layout_line *line)
{
	if (line->in_list || line->kind == LAYOUT_LIST)
		return line->in_block ? line->column : INDENT_LIST;
	return line->in_block ? INDENT : 0;
}

/* Which piece stands at the line's column: the value of a row, the "=" of a `define`. */
static const struct piece *aligned(const struct layout_line *line)
{
	if (line->kind != LAYOUT_STATEMENT || line->column == 0 || line->first == NULL)
		return NULL;
	if (line->in_block)
		return line->first->next;
	return line->first->next != NULL ? line->first->next->next : NULL;
}

/* The words of a line; @o NULL: only their columns are counted. */
static size_t words(struct out *o, const struct layout_line *line)
{
	const struct piece *column = aligned(line), *before = NULL;
	size_t at = indent(line);

	if (o != NULL)
		blanks(o, at);
	for (const struct piece *p = line->first; p != NULL; before = p, p = p->next) {
		size_t gap = before != NULL && p->kind != TOKEN_COMMA;

		if (p == column && gap > 0 && at + gap < line->column)
			gap = line->column - at;
		if (o != NULL) {
			blanks(o, gap);
			out_bytes(o, p->raw);
		}
		at += gap + columns(p->raw);
	}
	if (line->open || line->kind == LAYOUT_CLOSE) {
		if (o != NULL)
			out_str(o, line->open ? " {" : "}");
		at += line->open ? 2 : 1;
	}
	return at;
}

static bool has_comment(const struct layout_line *line, const struct layout_line *like)
{
	return line != NULL && line->comment.n > 0 && line->kind != LAYOUT_COMMENT &&
	       line->in_block == like->in_block;
}

/* Comments behind lines that follow each other stand below each other. */
static void comments_align(struct layout *l)
{
	struct layout_line *line = l->first, *end;

	while (line != NULL) {
		size_t most = 0;

		for (end = line; has_comment(end, line); end = end->next) {
			size_t n = words(NULL, end);

			if (n > most && n <= COMMENT_MAX)
				most = n;
		}
		for (; line != end; line = line->next)
			line->comment_column = most + 2;
		if (line != NULL && !has_comment(line, line))
			line = line->next;
	}
}

static void line_print(struct out *o, const struct layout_line *line)
{
	size_t at = line->kind != LAYOUT_BLANK ? words(o, line) : 0;

	if (line->comment.n > 0) {
		if (line->kind != LAYOUT_COMMENT)
			blanks(o, at + 2 < line->comment_column ? line->comment_column - at : 2);
		out_bytes(o, line->comment);
	}
	out_octet(o, '\n');
}

int rules_format(
	struct out *o, struct arena *arena, const struct source *source, struct diags *diags)
{
	struct layout l = { .arena = arena, .tail = &l.first };
	unsigned errors = diags->errors;
	struct lexer lex;
	struct token t;

	tree_parse(arena, source, diags);
	if (arena->full)
		return RULES_E_ARENA;
	if (diags->errors > errors)
		return RULES_E_FAULTY;
	lex_init(&lex, source);
	do {
		t = lex_next(&lex);
		take(&l, &t);
	} while (t.kind != TOKEN_END);
	if (arena->full)
		return RULES_E_ARENA;
	align(&l);
	comments_align(&l);
	for (const struct layout_line *line = l.first; line != NULL; line = line->next)
		line_print(o, line);
	return RULES_OK;
}
