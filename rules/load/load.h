/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Loading a configuration folder from disk
 *
 * Reads rules.conf, what it includes, postern.conf, set files and time zones with safe opens, and
 * builds the rule set. The one impure part of rules/: used by the tool and by posternd, never by a
 * role that meets the network.
 *
 * Owns:    the memory of the sources, the arena, the rule set and the diagnostics; load_free()
 * returns it all. Callers: cli, proxy/house.
 */
#include "rules/rules.h"

struct load {
	const struct ruleset *ruleset; /* NULL: there are errors */
	struct diags diags;
	const struct source *sources;
	size_t n_sources;
	void *memory; /* private, as the next */
	size_t memory_size;
};

/**
 * load_dir() - load DIR/rules.conf and DIR/postern.conf (which may be missing)
 *
 * A file that cannot be read is a diagnostic with the reason and what to do. Files that everybody
 * may write, or a group other than root's, are refused: OPS-14.
 *
 * Return: 0, also when there are errors in the files; <0 errno when memory is out.
 */
int load_dir(struct load *l, const char *dir);

/* The same from a text in memory (tests, scenarios); set files are looked up under @dir. */
int load_text(struct load *l, const char *dir, const char *name, struct span text);

/* postern.conf alone: the rule set holds no rule, and faults of rules.conf do not matter. For verbs
 * that must work while it is being edited. */
int load_host(struct load *l, const char *dir);

void load_free(struct load *l);
