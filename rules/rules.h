/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * From text to rule set, and back
 *
 *   text -> lex.c -> parse.c -> tree -> check*.c -> struct ruleset -> print.c -> text
 *
 * Building resolves names and opens no files: sources come in. All errors are found in one pass.
 *
 * Callers: rules/load, cli, proxy (from the bundle), test/fuzz/rules_fuzz.c.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "base/out.h"
#include "rules/diag.h"
#include "rules/ruleset.h"
#include "rules/source.h"

enum {
	RULES_OK = 0,
	RULES_E_FAULTY, /* errors stand in the diags; there is no rule set */
	RULES_E_ARENA,  /* the arena is too small: start again with a larger one */
};

/**
 * rules_build() - parse and check
 * @sources:  rules.conf first, then what it includes (struct source says by which line),
 * postern.conf if there is one, set files under their source_path(), time zones under their names
 * @diags:    errors, warnings, notes
 * @rulesetp: set on RULES_OK
 *
 * A source with an error is reported where it is named; the loader needs no message of its own.
 * Warnings about one row (a limit below what the RFC obliges) and the notes of uninspected rules
 * are given where the row is read; those about the whole rule set come from rules_lint(), called
 * when there are no errors.
 */
int rules_build(struct arena *arena, const struct source *sources, size_t n_sources,
	struct diags *diags, const struct ruleset **rulesetp);

/* What a rules text asks for, found without resolving: so that the loader can bring it. */
enum need_kind { NEED_INCLUDE, NEED_SET, NEED_TIMEZONE };
struct need {
	enum need_kind kind;
	const char
		*name; /* pattern, path or zone as written; source_path() says where a path leads */
	struct rules_at at;
	struct need *next;
};
int rules_needs(struct arena *arena, const struct source *source, struct need **firstp);

/* Canonical text. @origins: a line "origin FILE LINE" before each rule and row that a decision can
 * cite: the form of the bundle. */
void rules_print(struct out *o, const struct ruleset *rs, bool origins);
void rules_print_host(struct out *o, const struct hostconf *host);
void rules_print_table(struct out *o, const struct command_table *table);

/* One source laid out canonically, comments and macros kept; RULES_E_FAULTY when it does not parse.
 */
int rules_format(
	struct out *o, struct arena *arena, const struct source *source, struct diags *diags);
