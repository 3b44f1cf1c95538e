/* SPDX-License-Identifier: ISC */
#include "proxy/house/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memfd.h"
#include "test/unit/support.h"

static char dir[64];
static int state_folder;
static struct history h;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-history-XXXXXX");
	assert_non_null(mkdtemp(dir));
	state_folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(history_open(&h, state_folder), 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	history_close(&h);
	close(state_folder);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void again(void)
{
	history_close(&h);
	assert_int_equal(history_open(&h, state_folder), 0);
}

static unsigned keep(const char *text)
{
	unsigned number = 0;

	assert_int_equal(history_keep(&h, span_str(text), &number), 0);
	return number;
}

static void expect_kept(unsigned number, const char *text)
{
	struct span s;
	int fd = history_bundle(&h, number);

	if (fd < 0)
		fail_msg("generation %u: %s", number, strerror(-fd));
	assert_int_equal(memfd_map(fd, 1 << 20, &s), 0);
	expect_octets(s, span_str(text), "generation", "kept");
	memfd_unmap(s);
	close(fd);
}

static void each_gets_a_number_and_the_same_again_none(void **state)
{
	(void)state;
	assert_int_equal(h.newest, 0);
	assert_int_equal(keep("one"), 1);
	assert_int_equal(keep("one"), 1);
	assert_int_equal(keep("two"), 2);
	assert_int_equal(keep("one"), 3); /* it is not the newest */
	again();
	assert_int_equal(h.newest, 3);
	assert_int_equal(keep("one"), 3);
	assert_int_equal(keep("one "), 4);
	assert_int_equal(history_count(&h), 4);
	expect_kept(1, "one");
	expect_kept(2, "two");
	expect_kept(3, "one");
	assert_int_equal(history_bundle(&h, 5), -ENOENT);
	assert_int_equal(history_bundle(&h, 0), -ENOENT);
	assert_int_equal(history_before(&h, 4), 3);
	assert_int_equal(history_before(&h, 100), 4);
	assert_int_equal(history_before(&h, 1), 0);
	assert_int_equal(history_before(&h, 0), 0);
}

static void only_so_many_are_kept(void **state)
{
	char text[16];

	(void)state;
	for (unsigned i = 1; i <= HISTORY_MAX + 10; i++) {
		snprintf(text, sizeof(text), "rules %u", i);
		assert_int_equal(keep(text), i);
	}
	assert_int_equal(history_count(&h), HISTORY_MAX);
	assert_int_equal(history_bundle(&h, 10), -ENOENT);
	expect_kept(11, "rules 11");
	assert_int_equal(history_before(&h, 11), 0);
	again();
	assert_int_equal(h.newest, HISTORY_MAX + 10);
}

static void put_file(const char *name, const char *text)
{
	int fd = openat(h.folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void what_others_put_there_is_no_generation(void **state)
{
	static const char *const names[] = { "007", "0", "-1", "12x", "4294967297", "readme",
		"1.old" };
	char text[16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put_file(names[i], "foreign");
	assert_int_equal(mkdirat(h.folder, "3", 0700), 0);
	assert_int_equal(symlinkat("/etc/passwd", h.folder, "4"), 0);
	assert_int_equal(symlinkat("007", h.folder, "5"), 0);
	assert_int_equal(mkfifoat(h.folder, "6", 0600), 0);
	again();
	assert_int_equal(h.newest, 0);
	assert_int_equal(history_count(&h), 0);
	for (unsigned i = 3; i <= 6; i++)
		assert_int_equal(history_bundle(&h, i), -ENOENT);
	assert_int_equal(keep("one"), 1);
	assert_int_equal(keep("two"), 2);
	h.newest = 6;
	for (unsigned i = 7; i < 7 + HISTORY_MAX + 5; i++) { /* none of them stops the pruning */
		snprintf(text, sizeof(text), "rules %u", i);
		assert_int_equal(keep(text), i);
	}
	assert_int_equal(history_count(&h), HISTORY_MAX);
	assert_int_equal(faccessat(h.folder, "007", F_OK, 0), 0);
	assert_int_equal(faccessat(h.folder, "3", F_OK, 0), 0);
}

static void half_of_one_is_never_there(void **state)
{
	unsigned number;

	(void)state;
	put_file("new", "half of"); /* of one that was killed while it wrote */
	again();
	assert_int_equal(h.newest, 0);
	assert_int_equal(keep("whole"), 1);
	expect_kept(1, "whole");
	assert_int_equal(faccessat(h.folder, "new", F_OK, 0), -1);

	assert_int_equal(symlinkat("/tmp/postern-nowhere", h.folder, "new"), 0);
	assert_int_equal(history_keep(&h, SPAN("two"), &number), -ELOOP);
	assert_int_equal(number, 2); /* it has a number all the same */
	assert_int_equal(access("/tmp/postern-nowhere", F_OK), -1);
	assert_int_equal(unlinkat(h.folder, "new", 0), 0);
	assert_int_equal(keep("two"), 3); /* not known as kept */
	put_file("9", "");
	again();
	assert_int_equal(history_bundle(&h, 9), -ENOENT); /* empty */
	assert_int_equal(keep("two"), 10);
}

static void a_folder_that_is_a_link_is_refused(void **state)
{
	struct history other;

	(void)state;
	assert_int_equal(unlinkat(state_folder, "generations", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/tmp", state_folder, "generations"), 0);
	assert_in_range(-history_open(&other, state_folder), ENOTDIR, ELOOP);
	assert_int_equal(other.folder, -1);
	history_close(&other);
}

static void without_a_folder_numbers_go_on(void **state)
{
	unsigned number;

	(void)state;
	history_close(&h);
	assert_int_equal(history_keep(&h, SPAN("one"), &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(history_keep(&h, SPAN("one"), &number), 0);
	assert_int_equal(number, 2);
	assert_int_equal(history_count(&h), 0);
	assert_int_equal(history_before(&h, 2), 0);
	assert_int_equal(history_bundle(&h, 1), -ENOENT);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		EACH(each_gets_a_number_and_the_same_again_none),
		EACH(only_so_many_are_kept),
		EACH(what_others_put_there_is_no_generation),
		EACH(half_of_one_is_never_there),
		EACH(a_folder_that_is_a_link_is_refused),
		EACH(without_a_folder_numbers_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
