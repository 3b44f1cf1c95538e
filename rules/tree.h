/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Syntax tree of a rules file: statements of words, with blocks
 *
 *   file      = { statement }
 *   statement = word { word | "," } [ "{" { statement } "}" ] end        end = newline | ";" | before "}"
 *   word      = bare | quoted | macro ("$name" inside a bare word)
 *
 * Parsing gives every word its place; meaning comes with check*.c, which reads statements by schema rows.
 *
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "rules/diag.h"

enum word_kind {
	WORD_BARE,   /* letters, digits and . : / - _ * [ ] $ @ + % and so on: anything but blanks , ; { } " # */
	WORD_QUOTED, /* text without its quotes, \" and \\ resolved */
	WORD_COMMA,
};

struct word {
	enum word_kind kind;
	struct span text;     /* macros not yet put in */
	struct rules_at at;
	uint32_t width;       /* columns in the source, quotes included */
	struct word *next;
};

struct statement {
	struct word *first; /* at least one */
	bool has_block;
	struct statement *block; /* NULL: empty block */
	struct rules_at end_at;  /* the closing brace */
	struct statement *next;
};

/* Errors go to @diags, each once; recovery is at the end of line and at the closing brace. NULL only when the file is empty or the arena full. */
struct statement *tree_parse(struct arena *arena, const struct source *source, struct diags *diags);
