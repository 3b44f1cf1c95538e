/* SPDX-License-Identifier: ISC */
#include "base/civil.h"

/*
 * Years are counted from 1 March, so that the leap day is the last one, in eras of 400 years:
 * 146,097 days each.
 */
#define ERA_DAYS     146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

#define DAY_S 86400
#define S_NS  1000000000

static int32_t floor_div(int32_t a, int32_t b)
{
	return a / b - (a % b < 0);
}

int32_t civil_days(struct civil date)
{
	const int32_t year = date.year - (date.month <= 2);
	const int32_t era = floor_div(year, 400);
	const int32_t of_era = year - era * 400;
	const int32_t month = (date.month + 9) % 12; /* March is 0 */
	const int32_t of_year = (153 * month + 2) / 5 + date.day - 1;

	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

struct civil civil_date(int32_t days)
{
	const int32_t shifted = days + DAYS_TO_1970;
	const int32_t era = floor_div(shifted, ERA_DAYS);
	const int32_t day = shifted - era * ERA_DAYS;
	const int32_t of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	const int32_t of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
	const int32_t month = (5 * of_year + 2) / 153;

	return (struct civil){
		.year = of_era + era * 400 + (month >= 10),
		.month = (uint8_t)(month < 10 ? month + 3 : month - 9),
		.day = (uint8_t)(of_year - (153 * month + 2) / 5 + 1),
	};
}

uint8_t civil_weekday(int32_t days)
{
	return (uint8_t)(((days % 7) + 7 + CIVIL_THU) % 7); /* 1970-01-01 was a Thursday */
}

bool civil_leap(int32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned civil_month_days(int32_t year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && civil_leap(year) ? 29 : days[(month - 1) % 12];
}

bool civil_parse(struct span text, int32_t *daysp)
{
	uint64_t year, month, day;

	if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-')
		return false;
	if (!span_u64(span_sub(text, 0, 4), 9999, &year) ||
		!span_u64(span_sub(text, 5, 2), 12, &month) ||
		!span_u64(span_sub(text, 8, 2), 31, &day))
		return false;
	if (month == 0 || day == 0 || day > civil_month_days((int32_t)year, (unsigned)month))
		return false;
	*daysp = civil_days((struct civil){ (int32_t)year, (uint8_t)month, (uint8_t)day });
	return true;
}

void civil_print(struct out *o, int32_t days)
{
	const struct civil date = civil_date(days);

	out_u64w(o, (uint64_t)(date.year < 0 ? 0 : date.year), 4);
	out_octet(o, '-');
	out_u64w(o, date.month, 2);
	out_octet(o, '-');
	out_u64w(o, date.day, 2);
}

bool civil_time_parse(struct span text, uint32_t *secondp)
{
	uint64_t hour, minute, second = 0;

	if ((text.n != 5 && text.n != 8) || text.p[2] != ':' || (text.n == 8 && text.p[5] != ':'))
		return false;
	if (!span_u64(span_sub(text, 0, 2), 23, &hour) ||
		!span_u64(span_sub(text, 3, 2), 59, &minute))
		return false;
	if (text.n == 8 && !span_u64(span_from(text, 6), 59, &second))
		return false;
	*secondp = (uint32_t)(hour * 3600 + minute * 60 + second);
	return true;
}

void civil_print_utc(struct out *o, int64_t wall_ns)
{
	const int64_t wall_s = wall_ns / S_NS - (wall_ns % S_NS < 0);
	const int32_t day = (int32_t)(wall_s / DAY_S - (wall_s % DAY_S < 0));
	const uint32_t second = (uint32_t)(wall_s - (int64_t)day * DAY_S);

	civil_print(o, day);
	out_octet(o, 'T');
	out_u64w(o, second / 3600, 2);
	out_octet(o, ':');
	out_u64w(o, second / 60 % 60, 2);
	out_octet(o, ':');
	out_u64w(o, second % 60, 2);
	out_octet(o, '.');
	out_u64w(o, (uint64_t)(wall_ns - wall_s * S_NS) / 1000, 6);
	out_octet(o, 'Z');
}

static const char names[7][4] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

unsigned civil_weekday_find(struct span word)
{
	unsigned day = 0;

	while (day < 7 && !span_ieq(word, span_str(names[day])))
		day++;
	return day;
}

const char *civil_weekday_name(unsigned weekday)
{
	return names[weekday % 7];
}

const char *civil_weekday_title(unsigned weekday)
{
	static const char titles[7][10] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
		"Saturday", "Sunday" };

	return titles[weekday % 7];
}
