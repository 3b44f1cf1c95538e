/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A rule set out of the bundle that posternd sealed
 *
 * Opens no file: the one part of rules/load that a role links, too.
 *
 * Owns:    the mapped bundle and the memory of the rule set, which points into it, until
 *          unbundle_free(); the descriptor stays the caller's.
 * Callers: proxy/ruleset.c, cli/running.c.
 */
#include "rules/rules.h"

enum {
	UNBUNDLE_OK = 0,
	UNBUNDLE_E_MALFORMED, /* unsealed, or no bundle of ours */
	UNBUNDLE_E_FAULTY,    /* its rules have errors: @diags, until unbundle_free() */
};

struct unbundle {
	const struct ruleset *ruleset;
	struct diags diags;
	struct source sources[SOURCES_MAX];
	size_t n_sources;
	struct span bundle; /* private, as the next */
	void *memory;
	size_t memory_size;
};

/* Return: UNBUNDLE_OK; UNBUNDLE_E_*; <0 errno. unbundle_free() is due in each case. */
int unbundle(struct unbundle *u, int fd);

void unbundle_free(struct unbundle *u);
