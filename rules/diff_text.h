/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Canonical text by which things are compared: every statement with an effect, one a line. Private
 * to rules/diff*.c.
 *
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "rules/print.h"
#include "rules/rules.h"

enum diff_kind {
	DIFF_SET, /* without its members */
	DIFF_SCHEDULE,
	DIFF_COMMANDS,
	DIFF_SCREEN,
	DIFF_CERTIFICATE,
	DIFF_AUTH,
	DIFF_ROUTE,
	DIFF_PUBLISH,
	DIFF_RELAY,
	DIFF_DEFAULT,
	DIFF_HOST,
};

struct diff_thing {
	enum diff_kind kind;
	const char *name;   /* NULL: there is only one */
	const void *object; /* struct of the kind; of DIFF_DEFAULT and DIFF_HOST the rule set */
	unsigned number;    /* of a rule */
};

/* The word that opens the thing's block. */
const char *diff_kind_word(enum diff_kind kind);

/* Lines; those of a block's inside are indented. */
void diff_text(struct out *o, struct arena *arena, const struct diff_thing *thing);
