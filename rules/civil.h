/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Civil dates: days since 1970-01-01 to year, month and day, and back (proleptic Gregorian
 * calendar)
 *
 * Callers: rules/tz.c, rules/schedule.c, rules/check*.c, cli (explain --at).
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

/* "mon", "tue" ... in any case: 0 to 6; 7: no weekday. */
unsigned civil_weekday_find(struct span word);
const char *civil_weekday_name(unsigned weekday);  /* "mon" */
const char *civil_weekday_title(unsigned weekday); /* "Monday" */
