/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Words of a rules file
 *
 * Cuts text into tokens, comments and newlines among them: the parser skips comments, the formatter
 * keeps them. A file is UTF-8 without control characters (tab, LF and CRLF apart), in comments too;
 * nor may it hold characters that turn the direction of writing, which show a reader other rules
 * than those that hold.
 *
 * Owns:    nothing; tokens point into the text.
 * Callers: rules/parse.c, rules/format.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/ruleset.h"
#include "rules/source.h"

enum token_kind {
	TOKEN_BARE,
	TOKEN_QUOTED, /* whole: quotes and backslashes as they stand */
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_SEMICOLON,
	TOKEN_NEWLINE,
	TOKEN_COMMENT, /* from "#" to the end of the line, blanks there left out */
	TOKEN_FAULT,   /* what must not stand here; @fault says why. lex_skip() goes on behind it */
	TOKEN_END,     /* again and again */
};

struct token {
	enum token_kind kind;
	struct span raw; /* as it stands */
	struct rules_at at;
	bool glued; /* no blank before it */
	const char *fault;
};

struct lexer {
	struct span text;
	const char *file;
	size_t pos, line_start;
	uint32_t line;
};

/* May @text stand in quotes? UTF-8 without controls and newlines. */
bool lex_text_ok(struct span text);

void lex_init(struct lexer *l, const struct source *source);
struct token lex_next(struct lexer *l);

/*
 * After a fault: goes to the end of the line, or to a brace at its end that opens or closes a
 * block, so that a fault in a block's head or last row is no fault of its braces.
 */
void lex_skip(struct lexer *l);
