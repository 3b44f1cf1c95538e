/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Unbundle: the rule set a sealed bundle holds
 *
 * The impure half of rules/bundle.h: maps the descriptor, finds memory, builds. Opens no file: a
 * role that meets the network may use it.
 *
 * Owns:    the mapping of the bundle and the memory of the rule set, until unbundle_free().
 * Callers: proxy/ruleset.c, proxy/house (generations), cli (what runs, for diff).
 */
#include "rules/rules.h"

enum {
	UNBUNDLE_OK = 0,
	UNBUNDLE_E_MALFORMED, /* no bundle, or not sealed */
	UNBUNDLE_E_FAULTY,    /* its rules have errors: see diags */
};

struct unbundle {
	const struct ruleset *ruleset;
	struct arena arena; /* what is put beside the rule set lives as long */
	struct diags diags;
	struct source sources[SOURCES_MAX];
	size_t n_sources;
	struct span bundle; /* mapped: the rule set points into it */
	void *memory;
	size_t memory_size;
};

/* @fd may be closed afterwards. Return: 0; UNBUNDLE_E_*; <0 errno. Whatever it is, unbundle_free()
 * gives back what was taken. */
int unbundle(struct unbundle *u, int fd);
void unbundle_free(struct unbundle *u);

/* Why it failed, in words: the first of its diagnostics, or what @r of unbundle() means. */
void unbundle_problem(struct out *o, const struct unbundle *u, int r);
