/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A command table being read. Private to rules/check_commands.c and rules/check_extension.c.
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/check.h"

struct table_reading {
	struct command_table *table;
	const struct statement *verb_st[SMTP_VERB_NAMED];  /* the row of this table that names it */
	const struct statement *hidden_st[SMTP_EXT_COUNT]; /* `extension E hide` in this table */
	const struct statement *shown_st[SMTP_EXT_COUNT];  /* `extension E allow` */
	uint32_t extensions_seen;
	bool starttls_seen;
	unsigned data_seen;
};

static inline bool is_refused(enum verb_action action)
{
	return action == VERB_DENY || action == VERB_HIDE;
}

/* `extension E[, E...] allow|hide`; @object is a struct table_reading. */
void extension_read(struct words *w, void *object);

/* When all rows are read: a hidden keyword takes its verb along, a shown one needs its verb. */
void extensions_match_verbs(struct check *c, struct table_reading *t);
