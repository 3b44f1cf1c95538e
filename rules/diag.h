/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Diagnostics: every error of a rules file in one pass
 *
 * Each message names file, line and column, what was found, what was expected and what to do.
 * Collected in the arena, sorted by place, printed by diag_print().
 *
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "base/out.h"
#include "rules/ruleset.h"
#include "rules/source.h"

#define DIAG_MAX      100  /* of each level; more are counted, not kept */
#define DIAG_TEXT_MAX 1000 /* octets of a message; a longer one is cut */

enum diag_level {
	DIAG_ERROR,
	DIAG_WARNING,
	DIAG_NOTE, /* facts `check` tells: rules that pass uninspected */
};

struct diag {
	enum diag_level level;
	struct rules_at at;
	uint32_t width;   /* columns the caret covers */
	const char *text; /* "undefined macro "$mx_addr"; did you mean "$mx_address"?" */
	const char *help; /* or NULL */
	struct diag *next;
};

struct diag_file { /* files in order of reading */
	const char *name;
	struct diag_file *next;
};

struct diags {
	struct arena *arena;
	struct diag *first; /* sorted: file in order of reading, line, column */
	struct diag_file *files;
	unsigned errors, warnings, notes, kept;
};

void diags_init(struct diags *d, struct arena *arena);

/* Puts @file behind those known, for sorting; tree_assemble() does it for all sources. */
void diag_file(struct diags *d, const char *file);

/* Adds one; @text and @help are copied. The same text at the same place is kept and counted once.
 */
void diag_add(struct diags *d, enum diag_level level, struct rules_at at, uint32_t width,
	struct span text, const char *help);

/* The same with a text made of @n pieces. */
void diag_pieces(struct diags *d, enum diag_level level, struct rules_at at, uint32_t width,
	const char *help, const struct span *pieces, size_t n);

/* DIAG(d, DIAG_ERROR, word->at, word->width, NULL, SPAN("unknown word \""), word->text, SPAN("\""))
 */
#define DIAG(d, level, at, width, help, ...)                                                       \
	diag_pieces((d), (level), (at), (width), (help), (const struct span[]){ __VA_ARGS__ },     \
		sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span))

/*
 * As `postern check` prints it: head line, source line with its number, caret line, help. @colour:
 * ANSI colours. Octets that are not printable ASCII are shown as \xHH, so that no rules file can
 * steer a terminal.
 */
void diag_print(struct out *o, const struct diag *diag, const struct source *sources,
	size_t n_sources, bool colour);

/* The nearest of @n legal words (letters put in, left out, changed or swapped; at most a third of
 * them), or NULL. */
const char *diag_suggest(struct span word, const char *const *legal, size_t n);
