/* SPDX-License-Identifier: ISC */
#include "rules/tz_rule.h"

#define DAY_S  86400
#define HOUR_S 3600

/* ---- reading: each takes what it knows from the start of *textp ---- */

static bool take(struct span *textp, uint8_t c)
{
	if (textp->n == 0 || textp->p[0] != c)
		return false;
	*textp = span_from(*textp, 1);
	return true;
}

static bool take_number(struct span *textp, uint64_t max, uint64_t *vp)
{
	size_t n = 0;

	while (n < textp->n && n < 4 && ascii_digit(textp->p[n]))
		n++;
	if (!span_u64(span_sub(*textp, 0, n), max, vp))
		return false;
	*textp = span_from(*textp, n);
	return true;
}

/* Three letters or more, or <letters, digits and signs>. */
static bool take_name(struct span *textp)
{
	const bool angled = take(textp, '<');
	size_t n = 0;

	for (; n < textp->n; n++) {
		uint8_t c = textp->p[n];
		if (!ascii_alpha(c) && !(angled && (ascii_digit(c) || c == '+' || c == '-')))
			break;
	}
	*textp = span_from(*textp, n);
	return n >= 3 && (!angled || take(textp, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct span *textp, uint64_t max_hours, int32_t *secondsp)
{
	const bool minus = take(textp, '-');
	uint64_t hours, minutes = 0, seconds = 0;

	if (!minus)
		take(textp, '+');
	if (!take_number(textp, max_hours, &hours))
		return false;
	if (take(textp, ':')) {
		if (!take_number(textp, 59, &minutes))
			return false;
		if (take(textp, ':') && !take_number(textp, 59, &seconds))
			return false;
	}
	*secondsp = (int32_t)(hours * HOUR_S + minutes * 60 + seconds);
	if (minus)
		*secondsp = -*secondsp;
	return true;
}

/* POSIX counts offsets westward. */
static bool take_offset(struct span *textp, int32_t *offsetp)
{
	int32_t west;

	if (!take_time(textp, 24, &west))
		return false;
	*offsetp = -west;
	return true;
}

static bool take_month_day(struct span *textp, struct tz_change *c)
{
	uint64_t month, week, day;

	if (!take_number(textp, 12, &month) || !take(textp, '.') || !take_number(textp, 5, &week) ||
		!take(textp, '.') || !take_number(textp, 6, &day))
		return false;
	if (month == 0 || week == 0)
		return false;
	c->kind = TZ_DAY_MONTH;
	c->month = (uint8_t)month;
	c->week = (uint8_t)week;
	c->day = (uint16_t)day;
	return true;
}

static bool take_change(struct span *textp, struct tz_change *c)
{
	uint64_t day = 0;

	*c = (struct tz_change){ .time_s = 2 * HOUR_S };
	if (!take(textp, ','))
		return false;
	if (take(textp, 'M')) {
		if (!take_month_day(textp, c))
			return false;
	} else {
		c->kind = take(textp, 'J') ? TZ_DAY_JULIAN : TZ_DAY_OF_YEAR;
		if (!take_number(textp, 365, &day) || (c->kind == TZ_DAY_JULIAN && day == 0))
			return false;
		c->day = (uint16_t)day;
	}
	return !take(textp, '/') || take_time(textp, 167, &c->time_s);
}

bool tz_rule_parse(struct span text, struct tz_rule *rulep)
{
	struct tz_rule rule = { 0 };

	if (!take_name(&text) || !take_offset(&text, &rule.std_s))
		return false;
	if (text.n > 0) {
		rule.has_dst = true;
		rule.dst_s = rule.std_s + HOUR_S;
		if (!take_name(&text))
			return false;
		if (text.n > 0 && text.p[0] != ',' && !take_offset(&text, &rule.dst_s))
			return false;
		if (!take_change(&text, &rule.start) || !take_change(&text, &rule.end))
			return false;
	}
	if (text.n > 0)
		return false;
	*rulep = rule;
	return true;
}

/* ---- asking ---- */

/* The day of a change in @year, in days since 1970. */
static int32_t change_day(const struct tz_change *c, int32_t year)
{
	const int32_t new_year = civil_days((struct civil){ year, 1, 1 });
	int32_t first, ahead, day;

	switch (c->kind) {
	case TZ_DAY_OF_YEAR: return new_year + c->day;
	case TZ_DAY_JULIAN: return new_year + c->day - 1 + (civil_leap(year) && c->day >= 60);
	case TZ_DAY_MONTH: break;
	}
	first = civil_days((struct civil){ year, c->month, 1 });
	ahead = (c->day + 6 - civil_weekday(first) + 7) % 7; /* Sunday is 0 here and 6 there */
	day = ahead + (c->week - 1) * 7;
	while (day >= (int32_t)civil_month_days(year, c->month))
		day -= 7;
	return first + day;
}

static int64_t change_instant(const struct tz_change *c, int32_t year, int32_t offset_before)
{
	return (int64_t)change_day(c, year) * DAY_S + c->time_s - offset_before;
}

/*
 * The last change at or before the instant decides. A change may fall a week out of its year, hence
 * the years around. Summer time that begins when it ends lasts the whole year (RFC 8536 3.3.1), so
 * at the same instant the beginning wins.
 */
int32_t tz_rule_offset(const struct tz_rule *rule, int64_t now_s)
{
	const int32_t year = civil_date((int32_t)(now_s / DAY_S)).year;
	int64_t latest = INT64_MIN;
	bool dst = false;

	if (!rule->has_dst)
		return rule->std_s;
	for (int32_t y = year - 2; y <= year + 1; y++) {
		int64_t start = change_instant(&rule->start, y, rule->std_s);
		int64_t end = change_instant(&rule->end, y, rule->dst_s);

		if (end <= now_s && end > latest) {
			latest = end;
			dst = false;
		}
		if (start <= now_s && start >= latest) {
			latest = start;
			dst = true;
		}
	}
	return dst ? rule->dst_s : rule->std_s;
}
