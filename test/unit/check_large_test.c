/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include "rules/rules.h"
#include "test/unit/support.h"

/*
 * Large files. What takes steps in the square of what stands in a file takes minutes here, and the
 * test's own time is up.
 */
#define TEXT_MAX (8u << 20)
#define ARENA    ((size_t)1 << 30) /* address space; only what is used takes memory */

static void *block(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

struct world {
	struct out text;
	struct arena arena;
	struct diags diags;
	const struct ruleset *rs;
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	out_init(&w->text, block(TEXT_MAX), TEXT_MAX);
	arena_init(&w->arena, block(ARENA), ARENA);
	diags_init(&w->diags, &w->arena);
	out_str(&w->text, "version 1\n");
}

static void world_deinit(struct world *w)
{
	munmap(w->text.p, TEXT_MAX);
	munmap(w->arena.block, ARENA);
}

static int build(struct world *w)
{
	struct source source = {
		.kind = SOURCE_RULES, .name = "rules.conf", .text = out_span(&w->text)
	};

	assert_false(w->text.full);
	return rules_build(&w->arena, &source, 1, &w->diags, &w->rs);
}

/* "set s7{}" */
static void add_set(struct world *w, unsigned i)
{
	out_str(&w->text, "set s");
	out_u64(&w->text, i);
	out_str(&w->text, "{}\n");
}

static void add_publish(struct world *w, unsigned i, const char *external, const char *from)
{
	out_str(&w->text, "publish p");
	out_u64(&w->text, i);
	out_str(&w->text, "{pass;internal 10.0.0.1:25;external ");
	out_str(&w->text, external);
	out_str(&w->text, ";from ");
	out_str(&w->text, from);
	out_str(&w->text, "}\n");
}

#define MANY_NAMES 150000

static void every_name_of_many_is_found(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (unsigned i = 0; i < MANY_NAMES; i++)
		add_set(&w, i);
	add_publish(&w, 1, "198.51.100.2:25", "s0, s149999, s75000");
	assert_int_equal(build(&w), RULES_OK);
	assert_int_equal(w.diags.warnings, MANY_NAMES); /* unused, or empty */
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.rs->rules[0].publish->from.in[i].set->number,
			((const unsigned[]){ 0, 149999, 75000 })[i]);
	world_deinit(&w);
}

static void a_double_among_many_is_told_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (unsigned i = 0; i < MANY_NAMES; i++)
		add_set(&w, i);
	add_set(&w, 77);
	assert_int_equal(build(&w), RULES_E_FAULTY);
	assert_int_equal(w.diags.errors, 1);
	expect_str(w.diags.first->text,
		"set \"s77\" stands in rules.conf:79 already; names of one kind differ", "double",
		"told");
	world_deinit(&w);
}

#define MANY_RULES 20000

static void rules_of_many_are_compared_with_each_other(void **state)
{
	struct world w;
	uint8_t text[64];

	(void)state;
	world_init(&w);
	for (unsigned i = 0; i < MANY_RULES; i++) {
		struct out o;

		out_init(&o, text, sizeof(text));
		out_str(&o, "198.51.100.2:");
		out_u64(&o, 1 + i);
		add_publish(&w, i, out_cstr(&o), "any");
	}
	add_publish(&w, MANY_RULES, "198.51.100.2:25", "192.0.2.1");
	assert_int_equal(build(&w), RULES_OK);
	assert_int_equal(w.diags.warnings, 1);
	assert_int_equal(w.diags.notes, MANY_RULES + 1); /* uninspected, each */
	world_deinit(&w);
}

/* Two rules whose lists of sets would have to be compared member by member, each with each. */
static void a_comparison_too_long_is_given_up_and_told(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (unsigned set = 0; set < 2; set++) {
		out_str(&w.text, set == 0 ? "set a {\n" : "set b {\n");
		for (unsigned i = 0; i < 60000; i++) {
			out_str(&w.text, set == 0 ? "members 10.0." : "members 11.0.");
			out_u64(&w.text, i / 250);
			out_octet(&w.text, '.');
			out_u64(&w.text, i % 250);
			out_octet(&w.text, '\n');
		}
		out_str(&w.text, "}\n");
	}
	add_publish(&w, 1, "198.51.100.2:25", "a, 192.0.2.0/24");
	add_publish(&w, 2, "198.51.100.2:25", "b, 192.0.2.1");
	for (unsigned i = 3; i < MANY_RULES; i++)
		add_publish(&w, i, "198.51.100.2:25", "192.0.2.200, b");
	assert_int_equal(build(&w), RULES_OK);
	assert_in_range(w.diags.warnings, 0, MANY_RULES / 2); /* doubles, before it was given up */
	assert_int_equal(w.diags.notes, MANY_RULES);          /* uninspected, each, and this one */
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_of_many_is_found),
		cmocka_unit_test(a_double_among_many_is_told_once),
		cmocka_unit_test(rules_of_many_are_compared_with_each_other),
		cmocka_unit_test(a_comparison_too_long_is_given_up_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
