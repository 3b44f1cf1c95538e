/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "rules/load/load.h"
#include "test/rules/properties.h"
#include "test/unit/support.h"

/* Every diagnostic as LINE:COLUMN: LEVEL: TEXT. */
static const char *said(const struct load *l)
{
	static uint8_t block[1 << 14];
	struct out o;

	out_init(&o, block, sizeof block);
	for (const struct diag *d = l->diags.first; d != NULL; d = d->next) {
		out_u64(&o, d->at.line);
		out_octet(&o, ':');
		out_u64(&o, d->at.column);
		out_str(&o, d->level == DIAG_ERROR     ? ": error: "
			    : d->level == DIAG_WARNING ? ": warning: "
						       : ": note: ");
		out_str(&o, d->text);
		out_octet(&o, '\n');
	}
	return out_cstr(&o);
}

static const struct {
	const char *folder;
	size_t rules;
	unsigned warnings;
	const char *said;
} examples[] = {
	{ "A", 3, 0,
		"19:5: note: publish \"remote-users\" is not inspected: commands, STARTTLS and "
		"messages "
		"pass as they are\n"
		"22:77: note: publish \"staff-imaps\" is not inspected: commands, STARTTLS and "
		"messages "
		"pass as they are\n" },
	{ "B", 3, 0, "" },
	{ "C", 2, 3,
		"7:26: warning: max 320: RCPT may be longer: RFC 5321 4.5.3.1.4 obliges to take "
		"512 "
		"octets\n"
		"7:36: warning: limit 50 per message: RFC 5321 4.5.3.1.8 obliges to take 100 "
		"recipients\n"
		"8:26: warning: max 71: HELO may be longer: RFC 5321 4.5.3.1.4 obliges to take 512 "
		"octets\n"
		"15:5: note: publish \"partners-with-tls\" is not inspected: commands, STARTTLS "
		"and "
		"messages pass as they are\n" },
};

static void the_examples_check_as_the_manual_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		char dir[512];
		struct load l;

		snprintf(dir, sizeof dir, "%s/%s", EXAMPLES, examples[i].folder);
		assert_int_equal(load_dir(&l, dir), 0);
		expect_str(said(&l), examples[i].said, examples[i].folder, "said");
		assert_non_null(l.ruleset);
		assert_int_equal(l.ruleset->n_rules, examples[i].rules);
		assert_int_equal(l.diags.warnings, examples[i].warnings);
		load_free(&l);
	}
}

static void the_examples_survive_printing_and_layout(void **state)
{
	struct properties p;

	(void)state;
	properties_init(&p);
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		char dir[512];
		struct load l;
		struct diags diags;

		snprintf(dir, sizeof dir, "%s/%s", EXAMPLES, examples[i].folder);
		assert_int_equal(load_dir(&l, dir), 0);
		expect_str(properties_hold(&p, l.sources, l.n_sources, &diags), NULL,
			examples[i].folder, "holds");
		load_free(&l);
	}
	properties_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_check_as_the_manual_says),
		cmocka_unit_test(the_examples_survive_printing_and_layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
