/* SPDX-License-Identifier: ISC */
#include "rules/schedule.h"

#include "base/civil.h"
#include "rules/tz.h"

#define RANGES_JUDGED_MAX 64 /* schedule_ever_open() takes a longer schedule for open */

/* ---- asking ---- */

static bool on_day(const struct schedule_span *span, int32_t day)
{
	if (span->dated)
		return day >= span->first_day && day <= span->last_day;
	return span->weekdays >> civil_weekday(day) & 1;
}

static bool covers(const struct schedule_span *span, int32_t day, unsigned minute)
{
	if (span->to_min > span->from_min)
		return minute >= span->from_min && minute < span->to_min && on_day(span, day);
	return (minute >= span->from_min && on_day(span, day)) ||
	       (minute < span->to_min && on_day(span, day - 1));
}

/* The first range of its kind that covers the moment, or NULL. */
static const struct schedule_span *find(
	const struct schedule *s, bool deny, int32_t day, unsigned minute)
{
	for (size_t i = 0; i < s->n_spans; i++)
		if (s->spans[i].deny == deny && covers(&s->spans[i], day, minute))
			return &s->spans[i];
	return NULL;
}

/* ---- saying ---- */

static void print_minute(struct out *o, unsigned minute)
{
	out_u64w(o, minute / 60, 2);
	out_octet(o, ':');
	out_u64w(o, minute % 60, 2);
}

/* Runs of days, the one over the week's end in one piece too: "mon-fri", "sat-sun", "fri-mon". */
static void print_weekdays(struct out *o, unsigned days)
{
	const char *before = "";

	if (days == 0x7f) {
		out_str(o, "mon-sun");
		return;
	}
	for (unsigned first = 0; first < 7; first++) {
		unsigned last = first;

		if (!(days >> first & 1) || days >> (first + 6) % 7 & 1)
			continue;
		while (days >> (last + 1) % 7 & 1)
			last++;
		out_str(o, before);
		out_str(o, civil_weekday_name(first));
		if (last > first) {
			out_octet(o, '-');
			out_str(o, civil_weekday_name(last % 7));
		}
		before = ", ";
	}
}

void schedule_span_print(struct out *o, const struct schedule_span *span)
{
	if (span->dated) {
		civil_print(o, span->first_day);
		if (span->last_day != span->first_day) {
			out_str(o, "..");
			civil_print(o, span->last_day);
		}
	} else {
		print_weekdays(o, span->weekdays);
	}
	if (span->from_min == 0 && span->to_min == SCHEDULE_DAY_MIN)
		return;
	out_octet(o, ' ');
	print_minute(o, span->from_min);
	out_octet(o, '-');
	print_minute(o, span->to_min);
}

static void print_allowed(struct out *o, const struct schedule *s)
{
	const char *before = " is outside ";

	for (size_t i = 0; i < s->n_spans; i++) {
		if (s->spans[i].deny)
			continue;
		out_str(o, before);
		schedule_span_print(o, &s->spans[i]);
		before = ", ";
	}
	if (before[1] == 'i')
		out_str(o, " is not allowed: nothing is");
}

/* "office-hours: Saturday 12:00 Europe/London is outside mon-fri 07:00-19:00" */
static void print_why(struct out *o, const struct schedule *s, const struct tz_local *local,
	const struct schedule_span *allow, const struct schedule_span *deny)
{
	out_str(o, s->name);
	out_str(o, ": ");
	out_str(o, civil_weekday_title(local->weekday));
	out_octet(o, ' ');
	if (deny != NULL ? deny->dated : allow != NULL && allow->dated) {
		civil_print(o, local->day);
		out_octet(o, ' ');
	}
	print_minute(o, local->minute);
	out_octet(o, ' ');
	out_str(o, s->zone);
	if (deny == NULL && allow == NULL) {
		print_allowed(o, s);
		return;
	}
	out_str(o, deny != NULL ? " is denied by " : " is in ");
	schedule_span_print(o, deny != NULL ? deny : allow);
}

bool schedule_open(const struct schedule *s, int64_t now_s, struct out *why)
{
	const struct tz_local local = tz_local(s->tz, now_s);
	const struct schedule_span *allow = find(s, false, local.day, local.minute);
	const struct schedule_span *deny = find(s, true, local.day, local.minute);

	if (why != NULL)
		print_why(why, s, &local, allow, deny);
	return allow != NULL && deny == NULL;
}

/* ---- is there any open moment? ---- */

/* On @day: what is open begins at midnight or where some range begins or ends. */
static bool open_on(const struct schedule *s, int32_t day)
{
	for (size_t i = 0; i < s->n_spans; i++) {
		const unsigned starts[] = { 0, s->spans[i].from_min % SCHEDULE_DAY_MIN,
			s->spans[i].to_min % SCHEDULE_DAY_MIN };

		for (size_t k = 0; k < 3; k++)
			if (find(s, false, day, starts[k]) != NULL &&
				find(s, true, day, starts[k]) == NULL)
				return true;
	}
	return false;
}

/* In the nine days from @day on: between two ends of dated ranges every week is like the other. */
static bool open_from(const struct schedule *s, int32_t day)
{
	for (int32_t ahead = 0; ahead < 9; ahead++)
		if (open_on(s, day + ahead))
			return true;
	return false;
}

bool schedule_ever_open(const struct schedule *s)
{
	if (s->n_spans > RANGES_JUDGED_MAX)
		return true;
	if (open_from(s, civil_days((struct civil){ 9999, 1, 1 })))
		return true;
	for (size_t i = 0; i < s->n_spans; i++) {
		const struct schedule_span *span = &s->spans[i];

		if (span->dated && (open_from(s, span->first_day) || open_from(s, span->last_day)))
			return true;
	}
	return false;
}
