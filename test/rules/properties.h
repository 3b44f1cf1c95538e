/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What holds for any rules text at all
 *
 *   - parsing and checking end, in an arena of bounded size, and tell an error when there is no
 * rule set;
 *   - a rule set that was printed, parsed and printed again gives the same text, also with its
 * origins, and the two do not differ by meaning;
 *   - a text that was laid out gives the same tree, and laid out again the same text;
 *   - every diagnostic can be printed, as printable ASCII (tabs of the source line apart).
 *
 * Callers: test/rules/accept.c (every sentence of the grammar), test/fuzz/rules_fuzz.c (anything).
 */
#include "rules/rules.h"

#define PROPERTIES_ARENA ((size_t)192 << 20)
#define PROPERTIES_TEXT  ((size_t)4 << 20) /* of one printed text */

struct properties {
	void *arenas[2], *texts[4];
};

/* @diags: what building said. Return: NULL, or what does not hold. */
const char *properties_hold(
	struct properties *p, const struct source *sources, size_t n, struct diags *diags);

void properties_init(struct properties *p);
void properties_deinit(struct properties *p);
