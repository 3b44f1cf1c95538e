/* SPDX-License-Identifier: ISC */
#include "rules/tz.h"

#include "rules/tz_rule.h"
#include "test/unit/zones.h"

static int64_t utc(const char *date, const char *time)
{
	int32_t day = 0;
	uint32_t second = 0;

	assert_true(civil_parse(span_str(date), &day));
	assert_true(civil_time_parse(span_str(time), &second));
	return (int64_t)day * 86400 + second;
}

static void clocks_change_at_the_right_instant(void **state)
{
	static const struct {
		const char *zone, *date, *time;
		int32_t offset_s;
	} cases[] = {
		{ ZONE_LONDON, "2026-03-29", "00:59:59", 0 },
		{ ZONE_LONDON, "2026-03-29", "01:00:00", 3600 },
		{ ZONE_LONDON, "2026-10-25", "00:59:59", 3600 },
		{ ZONE_LONDON, "2026-10-25", "01:00:00", 0 },
		{ ZONE_LONDON, "2026-12-31", "23:59:59", 0 },
		{ ZONE_LONDON, "2027-07-01", "12:00:00", 3600 },
		/* the south: summer time spans New Year */
		{ ZONE_SYDNEY, "2026-04-04", "15:59:59", 39600 },
		{ ZONE_SYDNEY, "2026-04-04", "16:00:00", 36000 },
		{ ZONE_SYDNEY, "2026-10-03", "15:59:59", 36000 },
		{ ZONE_SYDNEY, "2026-10-03", "16:00:00", 39600 },
		{ ZONE_SYDNEY, "2026-01-01", "00:00:00", 39600 },
		/* no summer time; half hours; names in brackets; a day counted without leap day */
		{ "<+0530>-5:30", "2026-06-01", "00:00:00", 19800 },
		{ "<-03>3", "2026-06-01", "00:00:00", -10800 },
		{ "EST5EDT,J60,J300", "2024-03-01", "06:59:59", -18000 },
		{ "EST5EDT,J60,J300", "2024-03-01", "07:00:00", -14400 },
		{ "EST5EDT,59,300", "2024-02-29", "07:00:00", -14400 },
		/* summer time all the year (RFC 8536 3.3.1) */
		{ "XXX3EDT4,0/0,J365/23", "2026-12-31", "12:00:00", -14400 },
		{ "XXX3EDT4,0/0,J365/23", "2026-01-01", "00:00:00", -14400 },
		/* hours past a day, and before midnight */
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29", "00:59:59", -7200 },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29", "01:00:00", -3600 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint8_t block[1024];
		struct arena a;
		struct tz_local local;

		arena_init(&a, block, sizeof(block));
		local = tz_local(zone_make(&a, cases[i].zone), utc(cases[i].date, cases[i].time));
		if (local.offset_s != cases[i].offset_s)
			fail_msg("%s at %s %s: %d", cases[i].zone, cases[i].date, cases[i].time,
				local.offset_s);
	}
}

static void local_time_has_day_weekday_and_minute(void **state)
{
	uint8_t block[1024];
	struct arena a;
	struct tz_local local;

	(void)state;
	arena_init(&a, block, sizeof(block));
	/* Sunday 23:30 in London is Monday 09:30 in Sydney */
	local = tz_local(zone_make(&a, ZONE_SYDNEY), utc("2026-07-05", "23:30:17"));
	assert_int_equal(local.weekday, CIVIL_MON);
	assert_int_equal(local.minute, 9 * 60 + 30);
	assert_int_equal(local.second, 9 * 3600 + 30 * 60 + 17);
	assert_int_equal(local.day, civil_days((struct civil){ 2026, 7, 6 }));
	local = tz_local(NULL, -1);
	assert_int_equal(local.minute, 1439);
	assert_int_equal(local.weekday, CIVIL_WED);
}

static void wall_time_leads_back_to_its_instant(void **state)
{
	static const struct {
		const char *date, *time, *utc_time; /* of the same day */
	} cases[] = {
		{ "2026-07-01", "12:00", "11:00" },
		{ "2026-12-01", "12:00", "12:00" },
		{ "2026-03-29", "00:30", "00:30" },
		{ "2026-03-29", "01:30", "01:30" }, /* left out: one hour on, 02:30 */
		{ "2026-03-29", "02:30", "01:30" },
		{ "2026-10-25", "01:30", "00:30" }, /* comes twice: the first */
		{ "2026-10-25", "02:30", "02:30" },
	};
	uint8_t block[1024];
	struct arena a;
	const struct timezone_data *tz;

	(void)state;
	arena_init(&a, block, sizeof(block));
	tz = zone_make(&a, ZONE_LONDON);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int32_t day;
		uint32_t second;

		assert_true(civil_parse(span_str(cases[i].date), &day));
		assert_true(civil_time_parse(span_str(cases[i].time), &second));
		if (tz_instant(tz, day, second) != utc(cases[i].date, cases[i].utc_time))
			fail_msg("%s %s", cases[i].date, cases[i].time);
	}
}

static void rules_that_say_too_little_or_too_much_are_refused(void **state)
{
	static const char *const bad[] = { "", "GMT", "GM0", "GMT0BST", "GMT0BST,M3.5.0/1",
		"GMT0BST,M13.5.0,M10.5.0", "GMT0BST,M3.6.0,M10.5.0", "GMT0BST,M3.5.7,M10.5.0",
		"GMT0BST,M0.5.0,M10.5.0", "GMT0BST,M3.0.0,M10.5.0", "GMT25", "GMT0BST,J0,J300",
		"GMT0BST,J366,J300", "GMT0BST,366,300", "GMT0BST,M3.5.0,M10.5.0,",
		"GMT0BST,M3.5.0/168,M10.5.0", "<GMT0", "GMT0BST,M3.5.0/1:60,M10.5.0", "GMT0 ",
		"GMT99999999999999999999" };
	struct tz_rule rule;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (tz_rule_parse(span_str(bad[i]), &rule))
			fail_msg("\"%s\" was read", bad[i]);
}

/* Truncated everywhere, every octet changed in every bit: read or refused, never outside the data.
 */
static void broken_data_is_refused_or_read(void **state)
{
	uint8_t block[ZONE_TZIF_MAX], room[4096];
	const struct span good = zone_tzif(block, ZONE_LONDON);
	struct fence fence;

	(void)state;
	fence_init(&fence, sizeof(block));
	for (size_t n = 0; n < good.n; n++) {
		const struct timezone_data *tz;
		struct arena a;

		arena_init(&a, room, sizeof(room));
		assert_int_not_equal(
			tz_read(&a, span_of(fence_at_end(&fence, span_sub(good, 0, n)), n), &tz),
			TZ_OK);
	}
	for (size_t bit = 0; bit < good.n * 8; bit++) {
		const struct timezone_data *tz = NULL;
		struct arena a;

		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		arena_init(&a, room, sizeof(room));
		if (tz_read(&a, span_of(fence_at_end(&fence, good), good.n), &tz) == TZ_OK)
			for (int64_t now_s = INT64_MIN / 2; now_s < INT64_MAX / 4;
				now_s += INT64_MAX / 64)
				assert_true(tz_local(tz, now_s).minute < 1440);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	fence_deinit(&fence);
}

static void each_fault_has_its_own_code(void **state)
{
	uint8_t block[ZONE_TZIF_MAX], room[1024];
	const struct {
		size_t at;
		uint8_t octet;
		enum tz_error want;
	} cases[] = {
		{ 0, 'X', TZ_E_MAGIC },
		{ 4, '1', TZ_E_VERSION },
		{ 54 + 31, 1, TZ_E_LEAP },        /* leap seconds of the second block */
		{ 54 + 39, 0, TZ_E_COUNTS },      /* no type */
		{ 54 + 44 + 5, 9, TZ_E_DATA },    /* name outside the names */
		{ 54 + 44 + 0, 0x7f, TZ_E_DATA }, /* offset of 68 years */
		{ 108 + 3, '!', TZ_E_FOOTER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct span tzif = zone_tzif(block, ZONE_LONDON);
		const struct timezone_data *tz;
		struct arena a;
		enum tz_error got;

		block[cases[i].at] = cases[i].octet;
		arena_init(&a, room, sizeof(room));
		got = tz_read(&a, tzif, &tz);
		if (got != cases[i].want)
			fail_msg("octet %zu: %s", cases[i].at, tz_error_text(got));
	}
}

static void an_arena_too_small_is_told(void **state)
{
	uint8_t block[ZONE_TZIF_MAX], room[16];
	const struct timezone_data *tz;
	struct arena a;

	(void)state;
	arena_init(&a, room, sizeof(room));
	assert_int_equal(tz_read(&a, zone_tzif(block, ZONE_LONDON), &tz), TZ_E_ARENA);
	assert_true(a.full);
}

static void names_lead_nowhere_else(void **state)
{
	static const char *const good[] = { "UTC", "Europe/London",
		"America/Argentina/Buenos_Aires", "Etc/GMT+12" };
	static const char *const bad[] = { "", "/etc/passwd", "../etc/passwd", "Europe/../../x",
		"Europe/", "Europe//London", "a b", "Europe/London\n", "x.y" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(tz_name_ok(span_str(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(tz_name_ok(span_str(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_change_at_the_right_instant),
		cmocka_unit_test(local_time_has_day_weekday_and_minute),
		cmocka_unit_test(wall_time_leads_back_to_its_instant),
		cmocka_unit_test(rules_that_say_too_little_or_too_much_are_refused),
		cmocka_unit_test(broken_data_is_refused_or_read),
		cmocka_unit_test(each_fault_has_its_own_code),
		cmocka_unit_test(an_arena_too_small_is_told),
		cmocka_unit_test(names_lead_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
