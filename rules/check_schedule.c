/* SPDX-License-Identifier: ISC */
#include "base/civil.h"
#include "rules/check.h"
#include "rules/tz.h"

#define DAY_MINUTES 1440

/* ---- days: mon, mon-fri, 2026-12-25, 2026-12-25..2027-01-01 ---- */

static bool parse_weekdays(struct span text, uint8_t *bitsp)
{
	size_t dash = span_chr(text, '-');
	unsigned first = civil_weekday_find(span_sub(text, 0, dash)), last = first;

	if (dash < text.n)
		last = civil_weekday_find(span_from(text, dash + 1));
	if (first > CIVIL_SUN || last > CIVIL_SUN)
		return false;
	*bitsp = 0;
	for (unsigned day = first;; day = (day + 1) % 7) { /* sat-mon goes over the week's end */
		*bitsp |= (uint8_t)(1u << day);
		if (day == last)
			return true;
	}
}

#define DATE_OCTETS 10 /* YYYY-MM-DD */

static bool parse_dates(struct span text, struct schedule_span *s)
{
	if (!civil_parse(span_sub(text, 0, DATE_OCTETS), &s->first_day))
		return false;
	s->dated = true;
	s->last_day = s->first_day;
	if (text.n == DATE_OCTETS)
		return true;
	return span_eq(span_sub(text, DATE_OCTETS, 2), SPAN("..")) &&
	       civil_parse(span_from(text, DATE_OCTETS + 2), &s->last_day) &&
	       s->last_day >= s->first_day;
}

/* ---- times: 07:00-19:00 ---- */

static bool parse_minute(struct span text, uint16_t *minp)
{
	uint64_t hour, minute;

	if (text.n != 5 || text.p[2] != ':' || !span_u64(span_sub(text, 0, 2), 24, &hour) ||
		!span_u64(span_from(text, 3), 59, &minute) || hour * 60 + minute > DAY_MINUTES)
		return false;
	*minp = (uint16_t)(hour * 60 + minute);
	return true;
}

static bool parse_times(struct span text, struct schedule_span *s)
{
	return text.n == 11 && text.p[5] == '-' &&
	       parse_minute(span_sub(text, 0, 5), &s->from_min) &&
	       parse_minute(span_from(text, 6), &s->to_min) && s->from_min < DAY_MINUTES &&
	       s->from_min != s->to_min;
}

static bool looks_like_time(struct span text)
{
	return span_chr(text, ':') < text.n;
}

/* ---- allow|deny DAYS{, DAYS} [TIMES{, TIMES}] ---- */

#define SPANS_MAX      1024 /* ranges of one statement: days times times */
#define SPANS_MAX_TEXT "1024"

struct schedule_reading {
	struct schedule *schedule;
	struct schedule_span *spans; /* room counted before */
};

static void read_day(struct words *w, struct schedule_span *s)
{
	const struct word *word = words_next(w, "a day");

	if (word == NULL)
		return;
	if (word->kind == WORD_BARE &&
		(parse_weekdays(word->text, &s->weekdays) || parse_dates(word->text, s)))
		return;
	WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
		SPAN("\" is no day: give mon-fri, sat, 2026-12-25 or 2026-12-24..2027-01-01"));
}

static void read_time(struct words *w, struct schedule_span *s)
{
	const struct word *word = words_next(w, "a time");

	if (word == NULL)
		return;
	if (word->kind != WORD_BARE || !parse_times(word->text, s))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no range of time: give two different times from 00:00 to "
			     "24:00, as in 07:00-19:00"));
}

/* One statement may ask for the square of what stands in it: is there room for @n ranges? @word:
 * the day or time that asks for the last of them. */
static bool room_for(struct words *w, const struct word *word, size_t n)
{
	if (n > SPANS_MAX)
		WORDS_TELL(w, word, "write several statements",
			SPAN("days times times make more than " SPANS_MAX_TEXT
			     " ranges in one statement"));
	return !w->bad;
}

/* The days are read into spans of their own; each further range of time repeats them. */
static size_t read_days(struct words *w, struct schedule_span *out)
{
	size_t n = 0;

	do {
		if (!room_for(w, w->at, n + 1))
			return n;
		out[n] = (struct schedule_span){ .to_min = DAY_MINUTES, .at = w->st->first->at };
		read_day(w, &out[n++]);
	} while (words_comma(w));
	return n;
}

static size_t read_times(struct words *w, struct schedule_span *out, size_t days)
{
	size_t n = days;
	struct schedule_span time = { 0 };

	read_time(w, &time);
	for (size_t i = 0; i < days; i++) {
		out[i].from_min = time.from_min;
		out[i].to_min = time.to_min;
	}
	while (words_comma(w)) {
		if (!room_for(w, w->at, n + days))
			return n;
		read_time(w, &time);
		for (size_t i = 0; i < days && !w->bad; i++) {
			out[n] = out[i];
			out[n].from_min = time.from_min;
			out[n++].to_min = time.to_min;
		}
	}
	return n;
}

static void read_spans(struct words *w, struct schedule_reading *r, bool deny)
{
	struct schedule_span *out = r->spans + r->schedule->n_spans;
	size_t n = 1;

	if (w->at != NULL && looks_like_time(w->at->text))
		out[0] = (struct schedule_span){ .weekdays = 0x7f,
			.at = w->st->first->at }; /* every day */
	else
		n = read_days(w, out);
	if (w->at != NULL && !w->bad)
		n = read_times(w, out, n);
	for (size_t i = 0; i < n; i++)
		out[i].deny = deny;
	r->schedule->n_spans += n;
}

static void read_allow(struct words *w, void *object)
{
	read_spans(w, object, false);
}

static void read_deny(struct words *w, void *object)
{
	read_spans(w, object, true);
}

/* ---- timezone "Area/City" ---- */

static const struct source *find_zone(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind == SOURCE_TIMEZONE && strcmp(c->sources[i].name, name) == 0)
			return &c->sources[i];
	return NULL;
}

static bool is_utc(const char *zone)
{
	return strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0;
}

static void load_zone(struct words *w, const struct word *word, struct schedule *s)
{
	const struct source *source = find_zone(w->c, s->zone);
	enum tz_error error;

	if (is_utc(s->zone)) {
		s->tz = tz_utc();
		return;
	}
	if (source == NULL || source->error != 0) {
		WORDS_TELL(w, word, "names stand in /usr/share/zoneinfo, as in \"Europe/London\"",
			SPAN("timezone \""), word->text, SPAN("\": "),
			span_str(
				source != NULL ? source_problem(source) : "there is no such zone"));
		return;
	}
	error = tz_read(w->c->arena, source->text, &s->tz);
	if (error != TZ_OK && error != TZ_E_ARENA)
		WORDS_TELL(w, word, NULL, SPAN("timezone \""), word->text, SPAN("\": "),
			span_str(tz_error_text(error)));
}

static void read_timezone(struct words *w, void *object)
{
	struct schedule *s = ((struct schedule_reading *)object)->schedule;
	const struct word *word = w->at;
	const char *zone = words_text(w, "a time zone");

	if (zone == NULL)
		return;
	if (!tz_name_ok(word->text)) {
		WORDS_TELL(w, word, NULL, SPAN("timezone \""), word->text,
			SPAN("\" is no name of a zone, as in \"Europe/London\" or \"UTC\""));
		return;
	}
	s->zone = zone;
	load_zone(w, word, s);
}

static const struct block_row rows[] = {
	{ "timezone", read_timezone, "timezone \"Europe/London\"", ROW_NEEDED },
	{ "allow", read_allow, "allow mon-fri 07:00-19:00", ROW_MANY },
	{ "deny", read_deny, "deny 2026-12-25", ROW_MANY },
};

/* Days times times is less than the square of half the words, and never less than one. */
static size_t spans_room(const struct statement *list)
{
	size_t room = 0;

	for (const struct statement *st = list; st != NULL; st = st->next) {
		size_t words = 0;
		for (const struct word *word = st->first; word != NULL; word = word->next)
			words += word->kind != WORD_COMMA;
		words = words * words / 4 + 1;
		room += words < SPANS_MAX ? words : SPANS_MAX;
	}
	return room;
}

void schedule_read(struct check *c, struct named *named)
{
	struct schedule_reading r = { .schedule = named->object };
	struct words w = words_of(c, named->st, "schedule NAME { ... }");
	struct block_seen seen;

	r.spans = ARENA_ARRAY(c->arena, struct schedule_span, spans_room(named->st->block));
	if (r.spans == NULL)
		return;
	r.schedule->spans = r.spans;
	block_head(&w);
	block_read(c, named->st->block, named->st, rows, sizeof(rows) / sizeof(rows[0]), &r, &seen);
}
