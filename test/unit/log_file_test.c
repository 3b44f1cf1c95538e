/* SPDX-License-Identifier: ISC */
#include "log/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/record.h"
#include "log/batch.h"
#include "test/unit/support.h"

#define WALL_NS 1795338845000001000
#define LINE    "{\"code\":\"PN1001\",\"n\":1234567890}\n" /* 34 octets */

static char folder[] = "/tmp/postern-log-file-XXXXXX", path[64], other[64];
static struct log_file file;
static uint8_t text[1 << 16];

static int make_folder(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/log.json", folder);
	snprintf(other, sizeof other, "%s/log.json.1", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int end_file(void **state)
{
	(void)state;
	if (file.fd >= 0)
		close(file.fd);
	file.fd = -1;
	unlink(path);
	unlink(other);
	return 0;
}

static void write_lines(unsigned n)
{
	static uint8_t lines[200 * (sizeof LINE - 1)];

	assert_true(n <= 200);
	for (unsigned i = 0; i < n; i++)
		memcpy(lines + i * (sizeof LINE - 1), LINE, sizeof LINE - 1);
	log_file_write(&file, span_of(lines, n * (sizeof LINE - 1)), WALL_NS);
}

/* What stands in the file now; it must be whole records. */
static struct span read_file(const char *name)
{
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text);

	close(fd);
	assert_true(n >= 0);
	assert_true(log_batch_ok(span_of(text, (size_t)n)));
	return span_of(text, (size_t)n);
}

static unsigned count(struct span s, const char *word)
{
	unsigned n = 0;

	for (const uint8_t *at; (at = memmem(s.p, s.n, word, strlen(word))) != NULL; n++)
		s = span_from(s, (size_t)(at - s.p) + 1);
	return n;
}

static void lines_are_appended_to_a_private_file(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_OK);
	write_lines(2);
	close(file.fd);
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_OK);
	write_lines(1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count(read_file(path), LINE), 3);
}

static void links_and_devices_are_refused(void **state)
{
	(void)state;
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_E_TYPE);
	assert_int_equal(access(other, F_OK), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_E_TYPE);
	assert_int_equal(log_file_open(&file, AT_FDCWD, "/dev/null", 1 << 20), LOG_FILE_E_TYPE);
	assert_int_equal(log_file_open(&file, AT_FDCWD, "/nowhere/log.json", 1 << 20), -ENOENT);
}

static void a_full_log_says_so_once_and_counts(void **state)
{
	struct span s;

	(void)state;
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, LOG_FILE_MIN), LOG_FILE_OK);
	for (int i = 0; i < 300; i++)
		write_lines(1);
	s = read_file(path);
	assert_true(s.n <= LOG_FILE_MIN);
	assert_int_equal(count(s, "PN8002"), 1);
	assert_int_equal(count(s, LINE) + file.lost, 300);
}

static void of_a_batch_that_does_not_fit_the_first_lines_are_written(void **state)
{
	struct span s;

	(void)state;
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, LOG_FILE_MIN), LOG_FILE_OK);
	write_lines(200);
	s = read_file(path);
	assert_true(s.n <= LOG_FILE_MIN && s.n > LOG_FILE_MIN - 1100);
	assert_int_equal(count(s, "PN8002"), 1);
	assert_int_equal(count(s, LINE) + file.lost, 200);
}

static void after_rotation_the_count_is_told(void **state)
{
	char want[64];
	struct span s;

	(void)state;
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, LOG_FILE_MIN), LOG_FILE_OK);
	for (int i = 0; i < 300; i++)
		write_lines(1);
	snprintf(want, sizeof want, "\"records\":%u,\"by\":\"log\"", (unsigned)file.lost);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(log_file_reopen(&file), LOG_FILE_OK);
	write_lines(1);
	write_lines(1);
	s = read_file(path);
	assert_int_equal(count(s, "PN8001"), 1);
	assert_int_equal(count(s, want), 1);
	assert_int_equal(count(s, LINE), 2);
	assert_int_equal(file.lost, 0);
}

static void an_emptied_log_is_written_again(void **state)
{
	struct span s;

	(void)state;
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, LOG_FILE_MIN), LOG_FILE_OK);
	for (int i = 0; i < 300; i++)
		write_lines(1);
	assert_int_equal(truncate(path, 0), 0);
	write_lines(1);
	s = read_file(path);
	assert_int_equal(count(s, "PN8001"), 1);
	assert_int_equal(count(s, LINE), 1);
}

static void a_reopen_that_fails_keeps_the_old_file(void **state)
{
	(void)state;
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_OK);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(log_file_reopen(&file), LOG_FILE_E_TYPE);
	write_lines(1);
	assert_int_equal(count(read_file(other), LINE), 1);
}

/* A file size limit of the process behaves as a full disk does: the last write is a partial one. */
static void a_full_disk_never_leaves_half_a_line(void **state)
{
	struct rlimit old, limit;
	struct span s;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	for (rlim_t size = 1000; size < 1080; size++) {
		limit = (struct rlimit){ size, old.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_OK);
		write_lines(20);
		write_lines(20);
		write_lines(20);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		s = read_file(path);
		assert_true(s.n > 0);
		assert_int_equal(count(s, LINE) + file.lost, 60);
		write_lines(1);
		s = read_file(path);
		assert_int_equal(count(s, "PN8001"), 1);
		assert_int_equal(file.lost, 0);
		end_file(NULL);
	}
}

static void a_line_a_crash_left_unended_is_ended(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	char got[64];
	ssize_t n;

	(void)state;
	assert_int_equal(write(fd, "{\"co", 4), 4);
	close(fd);
	assert_int_equal(log_file_open(&file, AT_FDCWD, path, 1 << 20), LOG_FILE_OK);
	write_lines(1);
	fd = open(path, O_RDONLY);
	n = read(fd, got, sizeof got);
	close(fd);
	expect_octets(span_of(got, (size_t)n), SPAN("{\"co\n" LINE), "log", "after a crash");
}

static void only_whole_lines_of_records_are_taken(void **state)
{
	static uint8_t block[RECORD_MAX + 2];
	const struct {
		struct span batch;
		bool ok;
	} cases[] = {
		{ SPAN("{}\n"), true },
		{ SPAN("{\"a\":1}\n{\"b\":\"\\\\x1b\"}\n"), true },
		{ SPAN("{}"), false },
		{ SPAN("{}\n{}"), false },
		{ SPAN("\n"), false },
		{ SPAN("{}\n\n"), false },
		{ SPAN("{\n}\n"), false },
		{ SPAN("[]\n"), false },
		{ SPAN("{\x1b}\n"), false },
		{ SPAN("{\0}\n"), false },
		{ SPAN("{\xc3\xa4}\n"), false },
		{ SPAN("{}\r\n"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (log_batch_ok(cases[i].batch) != cases[i].ok)
			fail_msg("case %zu", i);
	memset(block, ' ', sizeof block);
	block[0] = '{';
	block[RECORD_MAX - 2] = '}';
	block[RECORD_MAX - 1] = '\n';
	assert_true(log_batch_ok(span_of(block, RECORD_MAX)));
	block[RECORD_MAX - 2] = ' ';
	block[RECORD_MAX - 1] = '}';
	block[RECORD_MAX] = '\n';
	assert_false(log_batch_ok(span_of(block, RECORD_MAX + 1)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, end_file)
	const struct CMUnitTest tests[] = {
		TEST(lines_are_appended_to_a_private_file),
		TEST(links_and_devices_are_refused),
		TEST(a_full_log_says_so_once_and_counts),
		TEST(of_a_batch_that_does_not_fit_the_first_lines_are_written),
		TEST(after_rotation_the_count_is_told),
		TEST(an_emptied_log_is_written_again),
		TEST(a_reopen_that_fails_keeps_the_old_file),
		TEST(a_full_disk_never_leaves_half_a_line),
		TEST(a_line_a_crash_left_unended_is_ended),
		cmocka_unit_test(only_whole_lines_of_records_are_taken),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
