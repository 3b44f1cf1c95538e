/* SPDX-License-Identifier: ISC */
#include "test/unit/rule_of.h"

#include "rules/rules.h"
#include "rules/view.h"
#include "test/unit/support.h"

const struct publish *rule_of(struct span text)
{
	static uint8_t block[1 << 20];
	const struct source source = { .kind = SOURCE_RULES, .name = "rules.conf", .text = text };
	const struct ruleset *rs = NULL;
	struct arena arena;
	struct diags diags;

	arena_init(&arena, block, sizeof block);
	diags_init(&diags, &arena);
	if (rules_build(&arena, &source, 1, &diags, &rs) != RULES_OK)
		fail_msg("%u: %s", diags.first->at.line, diags.first->text);
	return rule_front(&rs->rules[0]);
}
