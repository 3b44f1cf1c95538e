/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Civil dates: days since 1970-01-01 to year, month and day, and back
 *
 * Proleptic Gregorian calendar, no leap seconds, as POSIX counts. No time zones: those are
 * rules/tz.c.
 *
 * Callers: rules/tz.c, rules/schedule.c, rules/check*.c, base/record.c, log, cli.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "base/span.h"

enum { CIVIL_MON, CIVIL_TUE, CIVIL_WED, CIVIL_THU, CIVIL_FRI, CIVIL_SAT, CIVIL_SUN };

struct civil {
	int32_t year;       /* any */
	uint8_t month, day; /* from 1 */
};

int32_t civil_days(struct civil date);
struct civil civil_date(int32_t days);
uint8_t civil_weekday(int32_t days);
bool civil_leap(int32_t year);
unsigned civil_month_days(int32_t year, unsigned month);

/* YYYY-MM-DD, a day that exists (no 2026-02-29). */
bool civil_parse(struct span text, int32_t *daysp);
void civil_print(struct out *o, int32_t days);

/* HH:MM or HH:MM:SS, 00:00 to 23:59:59, as seconds of the day. */
bool civil_time_parse(struct span text, uint32_t *secondp);

/* RFC 3339 in UTC with microseconds: 2026-11-22T09:14:05.000001Z. @wall_ns: nanoseconds since 1970.
 */
void civil_print_utc(struct out *o, int64_t wall_ns);

/* "mon", "tue" ... in any case: 0 to 6; 7: no weekday. */
unsigned civil_weekday_find(struct span word);
const char *civil_weekday_name(unsigned weekday);  /* "mon" */
const char *civil_weekday_title(unsigned weekday); /* "Monday" */
