/* SPDX-License-Identifier: ISC */
#include "rules/lex.h"

void lex_init(struct lexer *l, const struct source *source)
{
	*l = (struct lexer){ .text = source->text, .file = source->name, .line = 1 };
}

static int peek(const struct lexer *l, size_t ahead)
{
	return ahead < l->text.n - l->pos ? l->text.p[l->pos + ahead] : -1;
}

/* Octets of the newline that stands here: LF or CRLF; 0: none. */
static size_t newline(const struct lexer *l)
{
	if (peek(l, 0) == '\n')
		return 1;
	return peek(l, 0) == '\r' && peek(l, 1) == '\n' ? 2 : 0;
}

/* RFC 3629: length of a sequence by its first octet. */
static size_t utf8_length(unsigned c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

static bool utf8_shortest(uint32_t code, size_t n)
{
	if (n == 3)
		return code >= 0x800 && (code < 0xd800 || code > 0xdfff);
	return n != 4 || (code >= 0x10000 && code <= 0x10ffff);
}

/* Controls of C0 and C1, marks of writing direction, the byte order mark. */
static bool harmful(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7f && code <= 0x9f) || code == 0x200e ||
	       code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* Octets of the character that stands here, its code in @codep; 0: no UTF-8. */
static size_t character(const struct lexer *l, uint32_t *codep)
{
	unsigned first = l->text.p[l->pos];
	size_t n = utf8_length(first);
	uint32_t code = n > 1 ? first & (0xffu >> (n + 1)) : first;

	for (size_t i = 1; i < n; i++) {
		int c = peek(l, i);

		if (c < 0x80 || c > 0xbf)
			return 0;
		code = code << 6 | ((unsigned)c & 0x3f);
	}
	if (n == 0 || !utf8_shortest(code, n))
		return 0;
	*codep = code;
	return n;
}

static struct token token_from(const struct lexer *l, enum token_kind kind, size_t from)
{
	struct token t = { .kind = kind, .raw = span_sub(l->text, from, l->pos - from) };

	t.at = (struct rules_at){ l->file, l->line, (uint32_t)(from - l->line_start) + 1 };
	return t;
}

static struct token fault(const struct lexer *l, size_t from, size_t n, const char *why)
{
	struct token t = token_from(l, TOKEN_FAULT, from);

	t.raw = span_sub(l->text, from, n);
	t.fault = why;
	return t;
}

/* One character on. False: it must not stand in a rules file, and @t says so. */
static bool step(struct lexer *l, struct token *t)
{
	uint32_t code = 0;
	size_t n = character(l, &code);

	if (n == 0) {
		*t = fault(l, l->pos, 1, "this is no UTF-8: save the file in that encoding");
		return false;
	}
	if (harmful(code)) {
		*t = fault(l, l->pos, n, "control character");
		return false;
	}
	l->pos += n;
	return true;
}

bool lex_text_ok(struct span text)
{
	struct lexer l = { .text = text };
	struct token t;

	while (l.pos < text.n)
		if (!step(&l, &t))
			return false;
	return true;
}

static struct token comment(struct lexer *l)
{
	size_t from = l->pos;
	struct token t;

	while (peek(l, 0) >= 0 && newline(l) == 0)
		if (!step(l, &t))
			return t;
	t = token_from(l, TOKEN_COMMENT, from);
	while (t.raw.p[t.raw.n - 1] == ' ' || t.raw.p[t.raw.n - 1] == '\t')
		t.raw.n--; /* the "#" itself ends this */
	return t;
}

static struct token unclosed(struct lexer *l, size_t from)
{
	size_t n = l->pos - from;

	l->pos = from + 1; /* lex_skip() looks for braces from there */
	return fault(l, from, n, "text is not closed: \" is missing before the end of the line");
}

static struct token quoted(struct lexer *l)
{
	size_t from = l->pos++;
	struct token t;

	for (;;) {
		if (peek(l, 0) < 0 || newline(l) > 0)
			return unclosed(l, from);
		if (peek(l, 0) == '"')
			break;
		if (peek(l, 0) == '\\') {
			if (peek(l, 1) != '"' && peek(l, 1) != '\\')
				return fault(l, l->pos, 1,
					"only \\\" and \\\\ may follow a backslash in text");
			l->pos++;
		}
		if (!step(l, &t))
			return t;
	}
	l->pos++;
	return token_from(l, TOKEN_QUOTED, from);
}

static bool ends_bare(int c)
{
	return c < 0 || c == ' ' || c == '\t' || c == ',' || c == ';' || c == '{' || c == '}' ||
	       c == '"' || c == '#';
}

static struct token bare(struct lexer *l)
{
	size_t from = l->pos;
	struct token t;

	while (!ends_bare(peek(l, 0)) && newline(l) == 0)
		if (!step(l, &t))
			return t;
	return token_from(l, TOKEN_BARE, from);
}

static struct token single(struct lexer *l, enum token_kind kind)
{
	l->pos++;
	return token_from(l, kind, l->pos - 1);
}

static struct token line_end(struct lexer *l)
{
	size_t n = newline(l);
	struct token t;

	l->pos += n;
	t = token_from(l, TOKEN_NEWLINE, l->pos - n);
	l->line++;
	l->line_start = l->pos;
	return t;
}

static struct token here(struct lexer *l)
{
	if (newline(l) > 0)
		return line_end(l);
	switch (peek(l, 0)) {
	case -1: return token_from(l, TOKEN_END, l->pos);
	case '#': return comment(l);
	case '"': return quoted(l);
	case ',': return single(l, TOKEN_COMMA);
	case ';': return single(l, TOKEN_SEMICOLON);
	case '{': return single(l, TOKEN_OPEN);
	case '}': return single(l, TOKEN_CLOSE);
	default: return bare(l);
	}
}

struct token lex_next(struct lexer *l)
{
	size_t from = l->pos;
	bool blank;
	struct token t;

	while (peek(l, 0) == ' ' || peek(l, 0) == '\t')
		l->pos++;
	blank = l->pos > from;
	t = here(l);
	t.glued = !blank;
	return t;
}

/* The rest of the line, comment and blanks at its end left out. A "#" in text is taken for a
 * comment: this only guesses. */
static struct span line_rest(const struct lexer *l)
{
	struct span rest = span_from(l->text, l->pos);

	rest = span_sub(rest, 0, span_chr(rest, '\n'));
	rest = span_sub(rest, 0, span_chr(rest, '#'));
	while (rest.n > 0 && (rest.p[rest.n - 1] == ' ' || rest.p[rest.n - 1] == '\t' ||
				     rest.p[rest.n - 1] == '\r'))
		rest.n--;
	return rest;
}

void lex_skip(struct lexer *l)
{
	struct span rest = line_rest(l), line = span_from(l->text, l->pos);
	int open = 0;

	for (size_t i = 0; i < rest.n; i++)
		open += (rest.p[i] == '{') - (rest.p[i] == '}');
	if (open != 0 && rest.p[rest.n - 1] == (open > 0 ? '{' : '}')) {
		l->pos += rest.n - 1;
		return;
	}
	l->pos += span_chr(line, '\n');
	if (l->pos > l->line_start && peek(l, 0) == '\n' && l->text.p[l->pos - 1] == '\r')
		l->pos--; /* CRLF is one newline */
}
