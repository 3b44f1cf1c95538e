/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Dynamic: the members of dynamic sets, as a role has them
 *
 * The impure half of rules/members.h: maps what posternd handed over, finds memory. Members are
 * read for one rule set; who has several reads them for each.
 *
 * Owns:    the memory of the members, until dynamic_sets_free().
 * Callers: proxy/orders.c, filter/gate/book.c.
 */
#include "rules/members.h"

enum {
	DYNAMIC_E_TEXT = 1, /* malformed */
};

struct dynamic_sets {          /* all 0: no members */
	struct rule_set *sets; /* one for each of the rule set */
	struct set_member *room;
};

/* @text need not stay. Return: 0; DYNAMIC_E_TEXT; <0 errno. On failure @d is as it was. */
int dynamic_sets_read(struct dynamic_sets *d, struct span text, const struct ruleset *rs);
void dynamic_sets_free(struct dynamic_sets *d);

/* Is @ip a member? For struct match_facts, with a struct dynamic_sets as context. */
bool dynamic_sets_have(void *d, const struct rule_set *set, const struct ip *ip);
