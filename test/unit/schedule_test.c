/* SPDX-License-Identifier: ISC */
#include "rules/schedule.h"

#include "test/unit/zones.h"

#define MON_FRI  0x1f
#define ALL      0x7f
#define HM(h, m) ((h)*60 + (m))

static int32_t day_of(const char *date)
{
	int32_t day = 0;

	assert_true(civil_parse(span_str(date), &day));
	return day;
}

/* "2026-03-29 00:59" in UTC */
static int64_t at_utc(const char *text)
{
	const struct span whole = span_str(text);
	uint32_t second = 0;
	int32_t day = 0;

	assert_true(civil_parse(span_sub(whole, 0, 10), &day));
	assert_true(civil_time_parse(span_from(whole, 11), &second));
	return (int64_t)day * 86400 + second;
}

struct moment {
	const char *utc;
	bool open;
};

static void expect_moments(const char *zone, const struct schedule_span *spans, size_t n_spans,
	const struct moment *moments, size_t n)
{
	uint8_t room[1024];
	struct arena a;
	struct schedule s = {
		.name = "office-hours", .zone = "Test/Zone", .spans = spans, .n_spans = n_spans
	};

	arena_init(&a, room, sizeof(room));
	s.tz = zone_make(&a, zone);
	for (size_t i = 0; i < n; i++) {
		char text[300];
		struct out why;

		out_init(&why, text, sizeof(text));
		if (schedule_open(&s, at_utc(moments[i].utc), &why) != moments[i].open)
			fail_msg("%s %s: %s", zone, moments[i].utc, out_cstr(&why));
		assert_int_equal(schedule_open(&s, at_utc(moments[i].utc), NULL), moments[i].open);
	}
}
#define EXPECT(zone, spans, moments)                                                               \
	expect_moments(zone, spans, COUNT_OF(spans), moments, COUNT_OF(moments))

static void office_hours_follow_the_clock_on_the_wall(void **state)
{
	static const struct schedule_span spans[] = {
		{ .weekdays = MON_FRI, .from_min = HM(7, 0), .to_min = HM(19, 0) }
	};
	static const struct moment moments[] = {
		{ "2026-01-05 06:59", false }, /* winter: London is at UTC */
		{ "2026-01-05 07:00", true }, { "2026-01-05 18:59", true },
		{ "2026-01-05 19:00", false },
		{ "2026-07-06 05:59", false }, /* summer: an hour ahead */
		{ "2026-07-06 06:00", true }, { "2026-07-06 17:59", true },
		{ "2026-07-06 18:00", false }, { "2026-07-04 12:00", false }, /* Saturday */
	};

	(void)state;
	EXPECT(ZONE_LONDON, spans, moments);
}

/* 2026-03-29, 01:00 becomes 02:00: what lies inside the hour left out does not occur. */
static void the_night_that_leaves_an_hour_out_in_the_north(void **state)
{
	static const struct schedule_span inside[] = {
		{ .weekdays = ALL, .from_min = HM(1, 0), .to_min = HM(2, 0) }
	};
	static const struct schedule_span over[] = {
		{ .weekdays = ALL, .from_min = HM(0, 30), .to_min = HM(2, 30) }
	};
	static const struct moment never[] = {
		{ "2026-03-29 00:59", false }, { "2026-03-29 01:00", false },
		{ "2026-03-29 01:30", false },
		{ "2026-03-30 00:00", true }, /* the next night it does again */
	};
	static const struct moment one_hour[] = {
		{ "2026-03-29 00:29", false },
		{ "2026-03-29 00:30", true },
		{ "2026-03-29 00:59", true },
		{ "2026-03-29 01:00", true },
		{ "2026-03-29 01:29", true },
		{ "2026-03-29 01:30", false },
	};

	(void)state;
	EXPECT(ZONE_LONDON, inside, never);
	EXPECT(ZONE_LONDON, over, one_hour);
}

/* 2026-10-25, 02:00 becomes 01:00: what lies inside the hour that comes twice lasts two. */
static void the_night_that_has_an_hour_twice_in_the_north(void **state)
{
	static const struct schedule_span inside[] = {
		{ .weekdays = ALL, .from_min = HM(1, 0), .to_min = HM(2, 0) }
	};
	static const struct moment moments[] = {
		{ "2026-10-24 23:59", false },
		{ "2026-10-25 00:00", true },
		{ "2026-10-25 00:59", true },
		{ "2026-10-25 01:00", true },
		{ "2026-10-25 01:59", true },
		{ "2026-10-25 02:00", false },
	};

	(void)state;
	EXPECT(ZONE_LONDON, inside, moments);
}

/* Sydney: 2026-10-04, 02:00 becomes 03:00; 2026-04-05, 03:00 becomes 02:00. */
static void both_nights_in_the_south(void **state)
{
	static const struct schedule_span inside[] = {
		{ .weekdays = ALL, .from_min = HM(2, 0), .to_min = HM(3, 0) }
	};
	static const struct moment moments[] = {
		{ "2026-10-03 15:59", false },
		{ "2026-10-03 16:00", false },
		{ "2026-10-03 16:30", false },
		{ "2026-10-04 15:00", true },
		{ "2026-04-04 14:59", false },
		{ "2026-04-04 15:00", true },
		{ "2026-04-04 15:59", true },
		{ "2026-04-04 16:00", true },
		{ "2026-04-04 16:59", true },
		{ "2026-04-04 17:00", false },
	};

	(void)state;
	EXPECT(ZONE_SYDNEY, inside, moments);
}

static void a_day_ends_at_its_own_midnight(void **state)
{
	static const struct schedule_span saturday[] = { { .weekdays = 1 << CIVIL_SAT,
		.to_min = SCHEDULE_DAY_MIN } };
	static const struct moment moments[] = {
		{ "2026-07-03 22:59", false }, /* London, summer: midnight is 23:00 UTC */
		{ "2026-07-03 23:00", true },
		{ "2026-07-04 22:59", true },
		{ "2026-07-04 23:00", false },
	};

	(void)state;
	EXPECT(ZONE_LONDON, saturday, moments);
}

static void a_range_over_midnight_belongs_to_the_day_it_began_on(void **state)
{
	static const struct schedule_span friday[] = {
		{ .weekdays = 1 << CIVIL_FRI, .from_min = HM(22, 0), .to_min = HM(6, 0) }
	};
	static const struct moment moments[] = {
		{ "2026-01-09 05:59", false }, /* Friday morning belongs to Thursday */
		{ "2026-01-09 21:59", false },
		{ "2026-01-09 22:00", true },
		{ "2026-01-09 23:59", true },
		{ "2026-01-10 00:00", true },
		{ "2026-01-10 05:59", true },
		{ "2026-01-10 06:00", false },
		{ "2026-01-10 22:00", false },
	};
	static const struct schedule_span sunday[] = {
		{ .weekdays = 1 << CIVIL_SUN, .from_min = HM(22, 0), .to_min = HM(22, 0) }
	};
	static const struct moment a_whole_day[] = {
		{ "2026-01-11 21:59", false },
		{ "2026-01-11 22:00", true },
		{ "2026-01-12 21:59", true },
		{ "2026-01-12 22:00", false },
	};

	(void)state;
	EXPECT(ZONE_LONDON, friday, moments);
	EXPECT(ZONE_LONDON, sunday, a_whole_day);
}

static void deny_beats_allow_in_any_order(void **state)
{
	const int32_t christmas = day_of("2026-12-25");
	const struct schedule_span spans[] = {
		{ .deny = true,
			.dated = true,
			.first_day = christmas,
			.last_day = christmas,
			.to_min = SCHEDULE_DAY_MIN },
		{ .weekdays = ALL, .to_min = SCHEDULE_DAY_MIN },
		{ .deny = true,
			.weekdays = 1 << CIVIL_MON,
			.from_min = HM(12, 0),
			.to_min = HM(13, 0) },
	};
	static const struct moment moments[] = {
		{ "2026-12-24 23:59", true },
		{ "2026-12-25 00:00", false },
		{ "2026-12-25 23:59", false },
		{ "2026-12-26 00:00", true },
		{ "2026-12-28 11:59", true },
		{ "2026-12-28 12:00", false },
		{ "2026-12-28 13:00", true },
	};

	(void)state;
	EXPECT(ZONE_LONDON, spans, moments);
}

static void a_dated_range_over_midnight_ends_on_the_day_after(void **state)
{
	const struct schedule_span spans[] = {
		{ .dated = true,
			.first_day = day_of("2026-12-30"),
			.last_day = day_of("2026-12-31"),
			.from_min = HM(20, 0),
			.to_min = HM(4, 0) },
	};
	static const struct moment moments[] = {
		{ "2026-12-30 03:59", false },
		{ "2026-12-30 20:00", true },
		{ "2026-12-31 03:59", true },
		{ "2026-12-31 12:00", false },
		{ "2027-01-01 03:59", true },
		{ "2027-01-01 04:00", false },
		{ "2027-01-01 20:00", false },
	};

	(void)state;
	EXPECT(ZONE_LONDON, spans, moments);
}

static void the_reason_names_moment_zone_and_range(void **state)
{
	const int32_t christmas = day_of("2026-12-25");
	const struct schedule_span spans[] = {
		{ .weekdays = MON_FRI, .from_min = HM(7, 0), .to_min = HM(19, 0) },
		{ .deny = true,
			.dated = true,
			.first_day = christmas,
			.last_day = christmas,
			.to_min = SCHEDULE_DAY_MIN },
	};
	static const struct {
		const char *utc, *why;
	} cases[] = {
		{ "2026-11-21 12:00", "office-hours: Saturday 12:00 Europe/London is outside "
				      "mon-fri 07:00-19:00" },
		{ "2026-11-20 12:00",
			"office-hours: Friday 12:00 Europe/London is in mon-fri 07:00-19:00" },
		{ "2026-12-25 12:00", "office-hours: Friday 2026-12-25 12:00 Europe/London is "
				      "denied by 2026-12-25" },
	};
	const struct schedule s = { .name = "office-hours",
		.zone = "Europe/London",
		.spans = spans,
		.n_spans = COUNT_OF(spans) };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[300];
		struct out why;

		out_init(&why, text, sizeof(text));
		schedule_open(&s, at_utc(cases[i].utc), &why);
		expect_str(out_cstr(&why), cases[i].why, cases[i].utc, "why");
	}
}

static void ranges_are_printed_as_they_are_written(void **state)
{
	const int32_t day = day_of("2026-12-24");
	const struct {
		struct schedule_span span;
		const char *text;
	} cases[] = {
		{ { .weekdays = MON_FRI, .from_min = HM(7, 0), .to_min = HM(19, 0) },
			"mon-fri 07:00-19:00" },
		{ { .weekdays = ALL, .to_min = SCHEDULE_DAY_MIN }, "mon-sun" },
		{ { .weekdays = 1 << CIVIL_SUN, .from_min = HM(22, 0), .to_min = HM(6, 0) },
			"sun 22:00-06:00" },
		{ { .weekdays = 1 << CIVIL_SUN | 1 << CIVIL_MON, .to_min = HM(24, 0) }, "sun-mon" },
		{ { .weekdays = 1 << CIVIL_SAT, .from_min = HM(12, 0), .to_min = HM(24, 0) },
			"sat 12:00-24:00" },
		{ { .weekdays = 1 << CIVIL_MON | 1 << CIVIL_WED, .to_min = HM(24, 0) },
			"mon, wed" },
		{ { .dated = true, .first_day = day, .last_day = day, .to_min = HM(24, 0) },
			"2026-12-24" },
		{ { .dated = true, .first_day = day, .last_day = day + 2, .to_min = HM(12, 0) },
			"2026-12-24..2026-12-26 00:00-12:00" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char text[100];
		struct out o;

		out_init(&o, text, sizeof(text));
		schedule_span_print(&o, &cases[i].span);
		expect_str(out_cstr(&o), cases[i].text, cases[i].text, "printed");
	}
}

static void a_schedule_that_is_never_open_is_known(void **state)
{
	const int32_t day = day_of("2026-12-25"); /* a Friday */
	const struct {
		const char *name;
		struct schedule_span spans[3];
		size_t n;
		bool ever;
	} cases[] = {
		{ "nothing", { { 0 } }, 0, false },
		{ "only a deny", { { .deny = true, .weekdays = ALL, .to_min = HM(24, 0) } }, 1,
			false },
		{ "one minute", { { .weekdays = 1, .from_min = 1439, .to_min = HM(24, 0) } }, 1,
			true },
		{ "all denied",
			{ { .weekdays = MON_FRI, .from_min = HM(9, 0), .to_min = HM(17, 0) },
				{ .deny = true,
					.weekdays = ALL,
					.from_min = HM(8, 0),
					.to_min = HM(18, 0) } },
			2, false },
		{ "denied in two parts",
			{ { .weekdays = 1, .from_min = HM(9, 0), .to_min = HM(17, 0) },
				{ .deny = true,
					.weekdays = 1,
					.from_min = HM(8, 0),
					.to_min = HM(12, 0) },
				{ .deny = true,
					.weekdays = 1,
					.from_min = HM(12, 0),
					.to_min = HM(17, 0) } },
			3, false },
		{ "a minute between two denials",
			{ { .weekdays = 1, .from_min = HM(9, 0), .to_min = HM(17, 0) },
				{ .deny = true,
					.weekdays = 1,
					.from_min = HM(8, 0),
					.to_min = HM(12, 0) },
				{ .deny = true,
					.weekdays = 1,
					.from_min = HM(12, 1),
					.to_min = HM(17, 0) } },
			3, true },
		{ "a date on a day that is denied",
			{ { .dated = true, .first_day = day, .last_day = day, .to_min = HM(24, 0) },
				{ .deny = true, .weekdays = 1 << CIVIL_FRI, .to_min = HM(24, 0) } },
			2, false },
		{ "dates of which one is not",
			{ { .dated = true,
				  .first_day = day,
				  .last_day = day + 1,
				  .to_min = HM(24, 0) },
				{ .deny = true, .weekdays = 1 << CIVIL_FRI, .to_min = HM(24, 0) } },
			2, true },
		{ "the hours after midnight are left",
			{ { .weekdays = 1 << CIVIL_FRI, .from_min = HM(22, 0), .to_min = HM(6, 0) },
				{ .deny = true, .weekdays = 1 << CIVIL_FRI, .to_min = HM(24, 0) } },
			2, true },
		{ "behind a long denial",
			{ { .weekdays = ALL, .to_min = HM(24, 0) },
				{ .deny = true,
					.dated = true,
					.first_day = day,
					.last_day = day + 100000,
					.to_min = HM(24, 0) } },
			2, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct schedule s = {
			.name = "s", .zone = "UTC", .spans = cases[i].spans, .n_spans = cases[i].n
		};

		if (schedule_ever_open(&s) != cases[i].ever)
			fail_msg("%s", cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(office_hours_follow_the_clock_on_the_wall),
		cmocka_unit_test(the_night_that_leaves_an_hour_out_in_the_north),
		cmocka_unit_test(the_night_that_has_an_hour_twice_in_the_north),
		cmocka_unit_test(both_nights_in_the_south),
		cmocka_unit_test(a_day_ends_at_its_own_midnight),
		cmocka_unit_test(a_range_over_midnight_belongs_to_the_day_it_began_on),
		cmocka_unit_test(deny_beats_allow_in_any_order),
		cmocka_unit_test(a_dated_range_over_midnight_ends_on_the_day_after),
		cmocka_unit_test(the_reason_names_moment_zone_and_range),
		cmocka_unit_test(ranges_are_printed_as_they_are_written),
		cmocka_unit_test(a_schedule_that_is_never_open_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
