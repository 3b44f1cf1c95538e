/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Book: the rule sets the gate knows, with their lanes
 *
 * New connections are judged by the current one. The one before it stays, for connections that were
 * admitted by it and whose handshake is still on its way; older ones stay as long as sessions of
 * theirs are open, whose records name their rule. Lane numbers keep their meaning over rule sets
 * (rules/kernel/lanes.h), so the newest that knows a lane tells what it means.
 *
 * Owns:    the rule sets, what came with them, and the text of the members of dynamic sets.
 * Callers: filter/gate.
 */
#include "filter/limits/shared.h"
#include "rules/kernel/lanes.h"
#include "rules/load/dynamic.h"
#include "rules/load/unbundle.h"

enum {
	BOOK_OK = 0,
	BOOK_E_RULES, /* no bundle, or rules with errors */
	BOOK_E_LANES, /* no lanes, or not of these rules */
};

/* What the gate keeps of a rule, by its number. */
struct book_rule {
	uint64_t key;             /* tally_rule() */
	const struct lane *lanes; /* the first of its own; NULL: a relay's, which has none */
	size_t turn;              /* round-robin: whose it is next */
};

struct book_page {
	struct book_page *older;
	struct unbundle bundle;
	const struct ruleset *rs;
	struct lanes lanes;
	struct book_rule *rules;
	struct dynamic_sets members;
	size_t open; /* sessions that name a rule of this */
};

struct book {
	struct book_page *current; /* NULL: none came yet */
	struct span members;       /* mapped text; empty: none came yet */
};

/**
 * book_add() - rules that are in force from now on
 * @bundle:  sealed, may be closed afterwards
 * @lanes:   need not stay
 * @tally:   under whose seed rules have their keys
 * @problem: why not, in words
 *
 * Return: BOOK_OK; BOOK_E_*; <0 errno. On failure nothing has changed.
 */
int book_add(struct book *b, int bundle, struct span lanes, const struct tally *tally,
	struct out *problem);

/* The members of dynamic sets, of a sealed memfd. False: malformed, or no memory. */
bool book_members(struct book *b, int fd);

/* What a lane's number means, and by which rules; NULL: no rule has it, or none had. */
const struct lane *book_lane(const struct book *b, unsigned number, struct book_page **pagep);

/* Gives back rule sets that nothing needs any more. */
void book_tidy(struct book *b);
void book_deinit(struct book *b);
