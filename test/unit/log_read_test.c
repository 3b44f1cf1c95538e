/* SPDX-License-Identifier: ISC */
#include "log/read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/find.h"
#include "log/text.h"
#include "test/unit/support.h"

#define TIME "\"time\":\"2026-11-22T09:14:05.000001Z\","

static char folder[] = "/tmp/postern-log-read-XXXXXX", path[64], other[64];
static struct log_reader reader;

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/log.json", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int remove_files(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	return 0;
}

static void append(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(name, "a");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

/* Reads all there is into one transcript: each line in quotes, then how it ended. */
static void expect_lines(const char *want, const char *name)
{
	static struct seen seen;
	struct span line;
	int r;

	seen_init(&seen);
	while ((r = log_reader_next(&reader, &line)) == LOG_READ_OK) {
		seen_fact(&seen, "%zu", line.n);
		seen_text(&seen, span_sub(line, 0, 12));
	}
	seen_fact(&seen, "%s", r == LOG_READ_E_END ? "end" : "error");
	expect_str(seen_str(&seen), want, name, "");
}

static void lines_come_one_by_one_and_half_ones_later(void **state)
{
	(void)state;
	append(path, "{\"a\":1}\n{\"b\"", 12);
	assert_int_equal(log_reader_open(&reader, path), LOG_READ_OK);
	expect_lines("7 '{\\\"a\\\":1}' end", "a line and a half");
	append(path, ":2}\n", 4);
	expect_lines("7 '{\\\"b\\\":2}' end", "the other half");
	log_reader_close(&reader);
}

static void what_is_no_record_is_passed_over_and_counted(void **state)
{
	static char large[5 * RECORD_MAX];

	(void)state;
	memset(large, 'x', sizeof large);
	append(path, "\n{\x1b}\nno\n{\0}\n", 12);
	append(path, large, sizeof large);
	append(path, "}\n{\"a\":1}\n", 10);
	append(path, "{", 1);
	append(path, large, RECORD_MAX - 1);
	append(path, "}\n{\"b\":1}\n", 10);
	assert_int_equal(log_reader_open(&reader, path), LOG_READ_OK);
	expect_lines("7 '{\\\"a\\\":1}' 7 '{\\\"b\\\":1}' end", "records among others");
	assert_int_equal(reader.refused, 6);
	log_reader_close(&reader);
}

static void the_tail_is_as_many_lines_as_asked_for(void **state)
{
	char line[64];

	(void)state;
	for (int i = 0; i < 20000;
		i++) /* larger than the buffer, which sees it from its end in pieces */
		append(path, line, (size_t)snprintf(line, sizeof line, "{\"n\":%012d}\n", i));
	for (uint64_t want = 0; want <= 20001; want = want * 3 + 1) {
		struct span first, l;
		uint64_t n = 0;

		assert_int_equal(log_reader_open(&reader, path), LOG_READ_OK);
		assert_int_equal(log_reader_tail(&reader, want), 0);
		while (log_reader_next(&reader, &l) == LOG_READ_OK) {
			if (n++ == 0) {
				snprintf(line, sizeof line, "{\"n\":%012d}",
					(int)(want < 20000 ? 20000 - want : 0));
				first = span_str(line);
				expect_octets(l, first, "first line", "");
			}
		}
		assert_int_equal(n, want < 20000 ? want : 20000);
		log_reader_close(&reader);
	}
	assert_int_equal(log_reader_open(&reader, path), LOG_READ_OK);
	assert_int_equal(log_reader_tail(&reader, UINT64_MAX), 0);
	log_reader_close(&reader);
}

static void a_file_that_was_moved_is_noticed(void **state)
{
	(void)state;
	append(path, "{}\n", 3);
	assert_int_equal(log_reader_open(&reader, path), LOG_READ_OK);
	assert_false(log_reader_moved(&reader));
	assert_int_equal(rename(path, other), 0);
	assert_false(log_reader_moved(&reader)); /* not before there is another */
	append(path, "{}\n", 3);
	assert_true(log_reader_moved(&reader));
	log_reader_close(&reader);
}

static void only_regular_files_are_read(void **state)
{
	(void)state;
	assert_int_equal(log_reader_open(&reader, path), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(log_reader_open(&reader, path), LOG_READ_E_TYPE);
	assert_int_equal(log_reader_open(&reader, folder), LOG_READ_E_TYPE);
}

static json_t *record_of(const char *line)
{
	json_t *record = log_record_parse(span_str(line));

	if (record == NULL)
		fail_msg("no record: %s", line);
	return record;
}

static void a_record_has_a_time_and_a_code(void **state)
{
	static const char *const none[] = { "", "{", "{}", "[]", "1", "{" TIME "\"code\":1}",
		"{\"code\":\"PN1001\"}", "{" TIME "\"code\":\"PN1001\",\"code\":\"PN1002\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(none); i++)
		if (log_record_parse(span_str(none[i])) != NULL)
			fail_msg("taken: %s", none[i]);
	json_decref(record_of("{" TIME "\"code\":\"PN1001\"}"));
}

static const char denial[] =
	"{" TIME
	"\"code\":\"PN3101\",\"severity\":\"info\",\"event\":\"verb-denied\",\"session\":\"1k\","
	"\"client\":\"203.0.113.9\",\"client_port\":40000,\"rule\":\"mail\",\"rule_at\":\"rules."
	"conf:17\","
	"\"verb\":\"VRFY\",\"reply\":502,\"incident\":\"00000Z\",\"line\":\"VRFY "
	"\\\\x1b[2J\\\"<q@in.test>\"}";
static const char message[] =
	"{" TIME "\"code\":\"PN2001\",\"severity\":\"info\",\"event\":\"message-delivered\","
	"\"session\":\"1m\","
	"\"client\":\"2001:db8::9\",\"rule\":\"mail\",\"inspected\":true,\"reply_text\":\"\","
	"\"from\":\"a@out.test\","
	"\"recipients\":[{\"to\":\"b@in.test\",\"reply\":250},{\"to\":\"c@IN.test\",\"reply\":550,"
	"\"text\":\"5.1.1 who?\"}],\"none\":[]}";

static void the_human_form_is_one_clean_line(void **state)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
		{ denial, "2026-11-22T09:14:05.000Z PN3101 info 1k 203.0.113.9 mail(rules.conf:17) "
			  "verb is not allowed by the "
			  "rule's command table: verb=VRFY reply=502 incident=00000Z line=\"VRFY "
			  "\\x1b[2J\\\"<q@in.test>\"" },
		{ message, "2026-11-22T09:14:05.000Z PN2001 info 1m 2001:db8::9 mail message "
			   "accepted by the internal server: "
			   "inspected=yes reply_text=\"\" from=a@out.test recipients=[b@in.test "
			   "reply=250, c@IN.test reply=550 "
			   "text=\"5.1.1 who?\"] none=[]" },
		{ "{\"time\":\"\\u001b[2J\",\"code\":\"PN\\u009b\",\"event\":\"\\u00e9\\r\\n\","
		  "\"x\\u0007\":\"\\u001b\"}",
			"\\x1b[2J PN\\xc2\\x9b \\xc3\\xa9\\x0d\\x0a: x\\x07=\\x1b" },
		{ "{\"time\":\"2026-11-22T09:14:05.00\\u001b\\u001b11Z\",\"code\":\"x\",\"a\":[[1],"
		  "2,{\"b\":{\"c\":-1}}],"
		  "\"d\":null,\"e\":1.5}",
			"2026-11-22T09:14:05.00?Z x: a=[, , ] d= e=" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		static uint8_t block[LOG_TEXT_MAX];
		json_t *record = record_of(cases[i].line);
		struct out o;

		out_init(&o, block, sizeof block);
		log_text_print(&o, record);
		expect_octets(out_span(&o), span_str(cases[i].want), cases[i].line, "");
		json_decref(record);
	}
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = { 0 };

	assert_true(ip_prefix_parse(span_str(text), &p));
	return p;
}

static void records_are_found_by_each_field(void **state)
{
	const struct {
		const char *name;
		struct log_find find;
		bool denial, message;
	} cases[] = {
		{ "all", { .session = NULL }, true, true },
		{ "code", { .has_code = true, .code = CODE_VERB_DENIED }, true, false },
		{ "session", { .session = "1m" }, false, true },
		{ "no session", { .session = "1" }, false, false },
		{ "incident", { .incident = "00000Z" }, true, false },
		{ "rule", { .rule = "mail" }, true, true },
		{ "no rule", { .rule = "mai" }, false, false },
		{ "client", { .has_client = true, .client = prefix("203.0.113.9") }, true, false },
		{ "clients", { .has_client = true, .client = prefix("2001:db8::/64") }, false,
			true },
		{ "sender", { .mail = "A@out.test" }, false, true },
		{ "second recipient", { .mail = "c@in.test" }, false, true },
		{ "domain", { .mail = "@OUT.test" }, false, true },
		{ "no domain", { .mail = "@ut.test" }, false, false },
		{ "refused command", { .mail = "q@in.test" }, true, false },
		{ "words of the catalogue", { .text = "COMMAND TABLE" }, true, false },
		{ "reply", { .text = "5.1.1 who" }, false, true },
		{ "since that microsecond", { .since = "2026-11-22T09:14:05.000001Z" }, true,
			true },
		{ "since the next", { .since = "2026-11-22T09:14:05.000002Z" }, false, false },
		{ "two that hold", { .rule = "mail", .text = "vrfy" }, true, false },
		{ "one that does not", { .rule = "mail", .session = "1x" }, false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		json_t *d = record_of(denial), *m = record_of(message);
		const struct log_find *f = &cases[i].find;

		if ((log_find_line(f, span_str(denial)) && log_find_record(f, d)) !=
				cases[i].denial ||
			(log_find_line(f, span_str(message)) && log_find_record(f, m)) !=
				cases[i].message)
			fail_msg("%s", cases[i].name);
		json_decref(d);
		json_decref(m);
	}
}

static void times_are_read_in_utc(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "10m", "2026-11-22T09:04:05.000000Z" },
		{ "1d", "2026-11-21T09:14:05.000000Z" },
		{ "90s", "2026-11-22T09:12:35.000000Z" },
		{ "2026-11-22", "2026-11-22T00:00:00.000000Z" },
		{ "2026-11-22Z", "2026-11-22T00:00:00.000000Z" },
		{ "2026-11-22T09:14", "2026-11-22T09:14:00.000000Z" },
		{ "2026-11-22T09:14:05Z", "2026-11-22T09:14:05.000000Z" },
		{ "1000000d", "1970-01-01T00:00:00.000000Z" },
		{ "", NULL },
		{ "m", NULL },
		{ "-1m", NULL },
		{ "1w", NULL },
		{ "1000001d", NULL },
		{ "2026-02-29", NULL },
		{ "2026-11-22T", NULL },
		{ "2026-11-22T24:00", NULL },
		{ "2026-11-22T09:14+01:00", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct log_find f = { 0 };
		bool taken = log_find_since(&f, cases[i].text, 1795338845000000000);

		if (taken != (cases[i].want != NULL))
			fail_msg("%s", cases[i].text);
		if (taken)
			assert_string_equal(f.since, cases[i].want);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, remove_files)
	const struct CMUnitTest tests[] = {
		TEST(lines_come_one_by_one_and_half_ones_later),
		TEST(what_is_no_record_is_passed_over_and_counted),
		TEST(the_tail_is_as_many_lines_as_asked_for),
		TEST(a_file_that_was_moved_is_noticed),
		TEST(only_regular_files_are_read),
		cmocka_unit_test(a_record_has_a_time_and_a_code),
		cmocka_unit_test(the_human_form_is_one_clean_line),
		cmocka_unit_test(records_are_found_by_each_field),
		cmocka_unit_test(times_are_read_in_utc),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
