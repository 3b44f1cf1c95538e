/* SPDX-License-Identifier: ISC */
#include "rules/load/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/support.h"

#define RULE                                                                                       \
	"publish a { external 198.51.100.2:25; internal 10.0.0.1; from clients; client-address "   \
	"gateway;"                                                                                 \
	" recipients in example.org }\n"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path_of(name), 0644), 0);
}

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-load-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int end(void **state)
{
	static const char *const names[] = { "conf.d/a.conf", "conf.d/b.conf", "conf.d/list.txt",
		"conf.d", "rules.conf", "postern.conf", "list.txt", "huge.txt" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		remove(path_of(names[i]));
	return rmdir(dir);
}

static void expect_loaded(struct load *l)
{
	assert_int_equal(load_dir(l, dir), 0);
	if (l->ruleset == NULL)
		fail_msg("%s:%u: %s", l->diags.first->at.file, l->diags.first->at.line,
			l->diags.first->text);
}

/* The first error's text holds @want. */
static void expect_error(const char *file, const char *want)
{
	struct load l;

	assert_int_equal(load_dir(&l, dir), 0);
	assert_null(l.ruleset);
	assert_string_equal(l.diags.first->at.file, file);
	if (strstr(l.diags.first->text, want) == NULL)
		fail_msg("%s", l.diags.first->text);
	load_free(&l);
}

static void files_are_found_from_the_file_that_names_them(void **state)
{
	struct load l;

	(void)state;
	assert_int_equal(mkdir(path_of("conf.d"), 0755), 0);
	put("rules.conf", "version 1\ninclude \"conf.d/*.conf\"\n");
	put("conf.d/b.conf", RULE);
	put("conf.d/a.conf", "set clients { file \"list.txt\" }\n");
	put("conf.d/list.txt", "192.0.2.0/24\n198.51.100.7\n");
	put("postern.conf", "version 1\nworkers 2\n");
	expect_loaded(&l);
	assert_int_equal(l.ruleset->sets[0]->n_members, 2);
	assert_string_equal(l.ruleset->sets[0]->at.file, "conf.d/a.conf");
	assert_int_equal(l.ruleset->host.workers, 2);
	load_free(&l);
	assert_null(l.memory);
}

static void an_optional_file_may_be_missing_and_no_other(void **state)
{
	struct load l;

	(void)state;
	put("rules.conf", "version 1\nset clients { file \"list.txt\" optional }\n" RULE);
	expect_loaded(&l);
	load_free(&l);
	put("rules.conf", "version 1\nset clients { file \"list.txt\" }\n" RULE);
	expect_error("rules.conf", "list.txt");
}

static void a_file_others_may_write_is_no_rule(void **state)
{
	(void)state;
	put("rules.conf", "version 1\nset clients { file \"list.txt\" optional }\n" RULE);
	put("list.txt", "192.0.2.1\n");
	assert_int_equal(chmod(path_of("list.txt"), 0646), 0);
	expect_error("rules.conf", "everybody may write to it");
	if (geteuid() == 0) {
		struct load l;

		assert_int_equal(chmod(path_of("list.txt"), 0664), 0);
		expect_loaded(&l); /* root's group */
		load_free(&l);
		assert_int_equal(chown(path_of("list.txt"), 0, 12345), 0);
		assert_int_equal(chmod(path_of("list.txt"), 0664), 0);
		expect_error("rules.conf", "its group may write to it");
	}
}

static void what_is_no_regular_file_is_not_opened_for_long(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path_of("rules.conf"), 0644), 0);
	expect_error("rules.conf", "no regular file");
	remove(path_of("rules.conf"));
	assert_int_equal(mkdir(path_of("rules.conf"), 0755), 0);
	expect_error("rules.conf", "a folder");
	remove(path_of("rules.conf"));
	assert_int_equal(symlink("rules.conf", path_of("rules.conf")), 0);
	expect_error("rules.conf", "symbolic link");
}

static void a_file_has_a_largest_size(void **state)
{
	(void)state;
	put("rules.conf", "version 1\nset clients { file \"huge.txt\" }\n" RULE);
	put("huge.txt", "");
	assert_int_equal(truncate(path_of("huge.txt"), (off_t)SOURCE_SET_MAX + 1), 0);
	expect_error("rules.conf", "too large");
}

static void a_set_larger_than_the_first_block_is_read(void **state)
{
	enum { LINES = 300000 };
	FILE *f;
	struct load l;

	(void)state;
	put("rules.conf", "version 1\nset clients { file \"huge.txt\" }\n" RULE);
	put("huge.txt", "");
	f = fopen(path_of("huge.txt"), "w");
	for (unsigned i = 0; i < LINES; i++)
		fprintf(f, "10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
	fclose(f);
	assert_int_equal(chmod(path_of("huge.txt"), 0644), 0);
	expect_loaded(&l);
	assert_int_equal(l.ruleset->sets[0]->n_members, LINES);
	assert_true(l.memory_size > (size_t)8 << 20);
	load_free(&l);
}

static void a_missing_folder_is_told(void **state)
{
	struct load l;

	(void)state;
	assert_int_equal(load_dir(&l, "/nonexistent/folder"), 0);
	assert_null(l.ruleset);
	assert_non_null(strstr(l.diags.first->text, "/nonexistent/folder"));
	assert_int_equal(l.sources[0].error, ENOENT);
	load_free(&l);
}

static void zones_come_from_the_system(void **state)
{
	struct load l;

	(void)state;
	put("list.txt", "192.0.2.1\n");
	assert_int_equal(load_text(&l, dir, "text",
				 SPAN("version 1\nset clients { file \"list.txt\" }\nschedule s { "
				      "timezone \"Europe/London\"; allow mon-fri }\n"
				      "schedule u { timezone \"UTC\"; allow sat }\n" RULE)),
		0);
	if (l.ruleset == NULL)
		fail_msg("%s", l.diags.first->text);
	load_free(&l);
	assert_int_equal(load_text(&l, dir, "text",
				 SPAN("version 1\nschedule s { timezone \"Europe/Nowhere\"; allow "
				      "mon-fri }\n")),
		0);
	assert_null(l.ruleset);
	assert_non_null(strstr(l.diags.first->text, "tzdata"));
	load_free(&l);
}

static void the_host_is_read_whatever_the_rules_say(void **state)
{
	struct load l;

	(void)state;
	put("rules.conf", "nonsense {\n");
	assert_int_equal(load_host(&l, dir), 0);
	assert_non_null(l.ruleset);
	assert_null(l.ruleset->host.control);
	load_free(&l);
	put("postern.conf", "version 1\ncontrol \"c.sock\"\n");
	assert_int_equal(load_host(&l, dir), 0);
	assert_string_equal(l.ruleset->host.control, "c.sock");
	assert_int_equal(l.ruleset->n_rules, 0);
	load_free(&l);
	put("postern.conf", "version 1\nnonsense\n");
	assert_int_equal(load_host(&l, dir), 0);
	assert_null(l.ruleset);
	load_free(&l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(files_are_found_from_the_file_that_names_them),
		TEST(an_optional_file_may_be_missing_and_no_other),
		TEST(a_file_others_may_write_is_no_rule),
		TEST(what_is_no_regular_file_is_not_opened_for_long),
		TEST(a_file_has_a_largest_size),
		TEST(a_set_larger_than_the_first_block_is_read),
		TEST(a_missing_folder_is_told),
		TEST(zones_come_from_the_system),
		TEST(the_host_is_read_whatever_the_rules_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
