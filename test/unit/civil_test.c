/* SPDX-License-Identifier: ISC */
#include "base/civil.h"

#include "test/unit/support.h"

static void days_and_dates_agree(void **state)
{
	static const struct {
		int32_t days;
		struct civil date;
		uint8_t weekday;
	} cases[] = {
		{ 0, { 1970, 1, 1 }, CIVIL_THU },
		{ -1, { 1969, 12, 31 }, CIVIL_WED },
		{ 11016, { 2000, 2, 29 }, CIVIL_TUE },
		{ 11017, { 2000, 3, 1 }, CIVIL_WED },
		{ 20781, { 2026, 11, 24 }, CIVIL_TUE },
		{ -719468, { 0, 3, 1 }, CIVIL_WED },
		{ 2932896, { 9999, 12, 31 }, CIVIL_FRI },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct civil got = civil_date(cases[i].days);

		assert_int_equal(civil_days(cases[i].date), cases[i].days);
		assert_int_equal(got.year, cases[i].date.year);
		assert_int_equal(got.month, cases[i].date.month);
		assert_int_equal(got.day, cases[i].date.day);
		assert_int_equal(civil_weekday(cases[i].days), cases[i].weekday);
	}
}

static void every_day_of_four_centuries_comes_back(void **state)
{
	const int32_t first = civil_days((struct civil){ 1800, 1, 1 });

	(void)state;
	for (int32_t day = first; day < first + 146097; day++)
		assert_int_equal(civil_days(civil_date(day)), day);
}

static void only_dates_that_exist_are_read(void **state)
{
	static const char *const good[] = { "2026-02-28", "2024-02-29", "2000-02-29", "1970-01-01",
		"9999-12-31" };
	static const char *const bad[] = { "", "2026-02-29", "1900-02-29", "2026-00-01",
		"2026-13-01", "2026-01-00", "2026-04-31", "2026-1-01", "26-01-01", "2026/01/01",
		"2026-01-1x", "2026-01-011", "-026-01-01" };
	int32_t days;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		char text[16];
		struct out o;

		out_init(&o, text, sizeof(text));
		assert_true(civil_parse(span_str(good[i]), &days));
		civil_print(&o, days);
		expect_str(out_cstr(&o), good[i], good[i], "printed again");
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (civil_parse(span_str(bad[i]), &days))
			fail_msg("\"%s\" was read", bad[i]);
}

static void times_of_day_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t second; /* -1: refused */
	} cases[] = {
		{ "00:00", 0 },
		{ "23:59", 86340 },
		{ "23:59:59", 86399 },
		{ "07:30:01", 27001 },
		{ "24:00", -1 },
		{ "12:60", -1 },
		{ "12:00:60", -1 },
		{ "1200", -1 },
		{ "12.00", -1 },
		{ "12:00:0", -1 },
		{ "12:00-00", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint32_t second = 0;
		bool read = civil_time_parse(span_str(cases[i].text), &second);

		if (read != (cases[i].second >= 0) || (read && second != cases[i].second))
			fail_msg(
				"\"%s\": %s, %u", cases[i].text, read ? "read" : "refused", second);
	}
}

static void an_instant_is_printed_in_utc(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1795338845000001999, "2026-11-22T09:14:05.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ -1000000000, "1969-12-31T23:59:59.000000Z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[40];
		struct out o;

		out_init(&o, text, sizeof(text));
		civil_print_utc(&o, cases[i].ns);
		expect_str(out_cstr(&o), cases[i].text, cases[i].text, "printed");
	}
}

static void weekdays_have_names(void **state)
{
	(void)state;
	assert_int_equal(civil_weekday_find(SPAN("mon")), CIVIL_MON);
	assert_int_equal(civil_weekday_find(SPAN("SuN")), CIVIL_SUN);
	assert_int_equal(civil_weekday_find(SPAN("monday")), 7);
	assert_int_equal(civil_weekday_find(SPAN("")), 7);
	assert_string_equal(civil_weekday_name(CIVIL_FRI), "fri");
	assert_string_equal(civil_weekday_title(CIVIL_SAT), "Saturday");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_dates_agree),
		cmocka_unit_test(every_day_of_four_centuries_comes_back),
		cmocka_unit_test(only_dates_that_exist_are_read),
		cmocka_unit_test(times_of_day_are_read),
		cmocka_unit_test(an_instant_is_printed_in_utc),
		cmocka_unit_test(weekdays_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
