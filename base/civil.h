/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Civil time: days and seconds since 1970-01-01 UTC to and from year, month, day
 *
 * Proleptic Gregorian calendar, no leap seconds, as POSIX counts. No time zones: those are rules/tz.c.
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"

struct civil {
	int32_t year;
	uint8_t month, day;     /* from 1 */
	uint8_t weekday;        /* 0 Monday ... 6 Sunday */
	uint8_t hour, minute, second;
};

struct civil civil_from_unix(int64_t s);
int64_t civil_days(int32_t year, unsigned month, unsigned day); /* days since 1970-01-01 */
bool civil_date_ok(int32_t year, unsigned month, unsigned day);

/* RFC 3339 in UTC with microseconds: 2026-11-22T09:14:05.000001Z. @wall_ns: nanoseconds since 1970, not negative. */
void civil_print_utc(struct out *o, int64_t wall_ns);
