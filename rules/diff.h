/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Diff: what one rule set means that another does not
 *
 * Things are matched by kind and name, their statements by what they say, not by how: defaults are
 * filled in, `like` is resolved, so that only what has an effect is told. Rules that changed places
 * are told, too, since the first match wins. Not told: what stands in a certificate's files, and
 * new data of a time zone.
 *
 * Owns:    nothing; everything lives in the arena.
 * Callers: cli/diff.c, cli/apply.c.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "rules/rules.h"

#define DIFF_MEMBERS 3 /* of a set that are told by name */

enum diff_sign {
	DIFF_ADDED = '+',
	DIFF_REMOVED = '-',
	DIFF_CHANGED = '~',
};

struct diff_change {
	enum diff_sign sign;   /* of the thing; a statement of a changed thing: see @old and @new */
	const char *kind;      /* "publish", "set", "default", "host" */
	const char *name;      /* NULL: there is only one (default, host) */
	const char *statement; /* "limit errors", "members", "order"; NULL: the thing as a whole */
	const char *was, *is;  /* canonical text behind the statement; NULL: not there. Of members
				  the first few */
	size_t n_added, n_removed; /* members of a set */
	const struct diff_change *next;
};

struct diff {
	const struct diff_change *first; /* in the new order; what is gone comes last */
	size_t n;
};

/* Return: RULES_OK; RULES_E_ARENA. */
int rules_diff(struct arena *arena, const struct ruleset *was, const struct ruleset *is,
	struct diff *diffp);

/* "~ publish NAME  limit errors 20 -> 10": one line, without its newline. What is not printable
 * ASCII is escaped. */
void rules_diff_print(struct out *o, const struct diff_change *change);
