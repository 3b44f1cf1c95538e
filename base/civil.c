/* SPDX-License-Identifier: ISC */
#include "base/civil.h"

#define DAY_S 86400

/* Days are counted in 400-year eras that begin on 1 March, so that the leap day is a year's last. */
int64_t civil_days(int32_t year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, struct civil *c)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;

	c->day = (uint8_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	c->month = (uint8_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	c->year = (int32_t)(year_of_era + era * 400 + (c->month <= 2));
}

struct civil civil_from_unix(int64_t s)
{
	int64_t days = s / DAY_S - (s % DAY_S < 0);
	int64_t rest = s - days * DAY_S;
	struct civil c = { 0 };

	date_from_days(days, &c);
	/* 1970-01-01 was a Thursday, weekday 3 */
	c.weekday = (uint8_t)(((days + 3) % 7 + 7) % 7);
	c.hour = (uint8_t)(rest / 3600);
	c.minute = (uint8_t)(rest / 60 % 60);
	c.second = (uint8_t)(rest % 60);
	return c;
}

bool civil_date_ok(int32_t year, unsigned month, unsigned day)
{
	struct civil c;

	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	c = civil_from_unix(civil_days(year, month, day) * DAY_S);
	return c.month == month && c.day == day;
}

void civil_print_utc(struct out *o, int64_t wall_ns)
{
	struct civil c = civil_from_unix(wall_ns / 1000000000);

	out_u64w(o, (uint64_t)c.year, 4);
	out_octet(o, '-');
	out_u64w(o, c.month, 2);
	out_octet(o, '-');
	out_u64w(o, c.day, 2);
	out_octet(o, 'T');
	out_u64w(o, c.hour, 2);
	out_octet(o, ':');
	out_u64w(o, c.minute, 2);
	out_octet(o, ':');
	out_u64w(o, c.second, 2);
	out_octet(o, '.');
	out_u64w(o, (uint64_t)(wall_ns % 1000000000 / 1000), 6);
	out_octet(o, 'Z');
}
