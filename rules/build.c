/* SPDX-License-Identifier: ISC */
#include "rules/check.h"
#include "rules/lint.h"

int rules_build(struct arena *arena, const struct source *sources, size_t n_sources,
	struct diags *diags, const struct ruleset **rulesetp)
{
	struct check c = {
		.arena = arena, .diags = diags, .sources = sources, .n_sources = n_sources
	};
	struct tree tree = { 0 };

	c.rs = ARENA_NEW(arena, struct ruleset);
	if (c.rs == NULL)
		return RULES_E_ARENA;
	tree_assemble(arena, sources, n_sources, diags, &tree);
	host_preset(&c.rs->host);
	if (!arena->full) {
		check_rules(&c, tree.rules);
		host_read(&c, tree.host);
		cross_host(&c);
		cross_gate(&c);
	}
	/* A full arena makes things seem missing that are not: what was told is not to be trusted
	 * then. */
	if (arena->full)
		return RULES_E_ARENA;
	if (diags->errors > 0)
		return RULES_E_FAULTY;
	rules_lint(c.rs, diags);
	*rulesetp = c.rs;
	return arena->full ? RULES_E_ARENA : RULES_OK;
}
