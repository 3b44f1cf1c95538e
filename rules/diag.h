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

#define DIAG_MAX 100 /* more are counted, not kept */

enum diag_level {
	DIAG_ERROR,
	DIAG_WARNING,
	DIAG_NOTE, /* facts `check` tells: rules that pass uninspected */
};

struct diag {
	enum diag_level level;
	struct rules_at at;
	uint32_t width;    /* columns the caret covers */
	const char *text;  /* "undefined macro "$mx_addr"; did you mean "$mx_address"?" */
	const char *help;  /* or NULL */
	struct diag *next;
};

struct diags {
	struct arena *arena;
	struct diag *first; /* sorted: file in order of reading, line, column */
	unsigned errors, warnings, kept;
};

void diags_init(struct diags *d, struct arena *arena);

/* Adds one; @text and @help are copied. */
void diag_add(struct diags *d, enum diag_level level, struct rules_at at, uint32_t width, struct span text,
	const char *help);

/* As `postern check` prints it: head line, source line with its number, caret line, help. @colour: ANSI colours. */
void diag_print(struct out *o, const struct diag *diag, const struct source *sources, size_t n_sources, bool colour);

/* The nearest of @n legal words within a sensible edit distance, or NULL. */
const char *diag_suggest(struct span word, const char *const *legal, size_t n);
