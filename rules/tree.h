/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Syntax tree of a rules file: statements of words, with blocks
 *
 *   file      = { statement }
 *   statement = word { word | "," } [ "{" { statement } "}" ] end
 *   end       = newline | ";" | before "}"
 *   word      = bare | quoted ("$name" inside a bare word is a macro)
 *
 * A statement is one line, but a comma at its end carries the list on to the next one. A comma
 * stands between two words, never first or last: that is checked here. Blocks hold no blocks.
 * `origin "FILE" LINE` gives its place to the statement behind it, and is no statement of its own.
 *
 * Parsing gives every word its place; meaning comes with check*.c, which reads statements by schema
 * rows.
 *
 * Callers: rules/check.c (tree_assemble()); rules/include.c, needs.c, format.c (tree_parse()).
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "rules/diag.h"
#include "rules/source.h"

enum word_kind {
	WORD_BARE,   /* anything but blanks , ; { } " # and controls; UTF-8 */
	WORD_QUOTED, /* text without its quotes, \" and \\ resolved; may be empty */
	WORD_COMMA,
};

struct word {
	enum word_kind kind;
	struct span text;   /* WORD_COMMA: "," */
	struct rules_at at; /* where it was written; of a macro's value: where the macro is used */
	uint32_t width;     /* columns in the source, quotes included */
	struct word *next;
};

struct statement {
	struct word *first; /* at least one, never a comma */
	bool has_block;
	/*
	 * An error in its own words (not its block) was reported already: it is not looked at
	 * again, so that one mistake is told once. What could be read of it still stands here:
	 * whoever keeps names declares a faulty block's name too, or its users would be told it is
	 * unknown.
	 */
	bool faulty;
	struct statement *block; /* NULL: empty block */
	struct rules_at end_at;  /* the closing brace */
	struct statement *next;
};

/* Bounds: past each one is an error that names the place. */
#define TREE_WORD_MAX  1024 /* octets of one word, macros put in */
#define TREE_WORDS_MAX 4096 /* words and commas of one statement, macros put in */

/**
 * tree_parse() - one source as it stands: macros not put in, `define` and `include` among the
 * statements
 *
 * Errors go to @diags, each once; recovery is at the end of the line and at the closing brace.
 *
 * Return: NULL when there is no statement or the arena is full.
 */
struct statement *tree_parse(struct arena *arena, const struct source *source, struct diags *diags);

struct tree {
	struct statement *rules; /* sources[0], included files in place of their `include` */
	struct statement *host;  /* SOURCE_HOST, the same; NULL: there is none, or it is empty */
};

/**
 * tree_assemble() - everything that is to be checked, as lists of statements
 * @sources: as rules_build() takes them
 *
 * Includes are spliced in and macros put in: no `define`, `include` or `origin` is left, no "$". A
 * list macro gives its words with the commas between them; a quoted value gives a WORD_QUOTED.
 * `version` is left where it stands. A macro holds from its `define` on, included files too;
 * rules.conf and postern.conf do not share theirs. `include`, `file` and `timezone` take no macro:
 * rules_needs() finds them without resolving.
 *
 * Reported here: sources that cannot be read (rules and host; not sets and zones), all of syntax,
 * macros and includes. The statements concerned are faulty or left out.
 */
void tree_assemble(struct arena *arena, const struct source *sources, size_t n_sources,
	struct diags *diags, struct tree *treep);
