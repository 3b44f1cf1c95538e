/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Schedules: is a rule in force at this moment?
 *
 * A range means what clocks on the wall show in the schedule's zone: in the night in which an hour
 * is left out a range inside that hour does not occur, and in the night in which an hour comes
 * twice it lasts both. A range whose end is not after its beginning crosses midnight and belongs to
 * the day it began on. Deny beats allow; a moment that nothing allows is closed.
 *
 * Callers: rules/match.c, rules/lint.c, rules/print.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "rules/ruleset.h"

#define SCHEDULE_DAY_MIN 1440 /* minutes of a day; as to_min: its end */

/* Is the schedule open at this moment? @why (may be NULL) gets one line that begins with its name.
 */
bool schedule_open(const struct schedule *s, int64_t now_s, struct out *why);

/* Is there any moment at which it is open? Clock changes are left out of account. */
bool schedule_ever_open(const struct schedule *s);

/* As written: "mon-fri 07:00-19:00", "sat", "2026-12-24..2026-12-26 00:00-12:00". */
void schedule_span_print(struct out *o, const struct schedule_span *span);
