/* SPDX-License-Identifier: ISC */
#include "rules/tz.h"

#include <assert.h>

#include "rules/tz_rule.h"

#define DAY_S       86400
#define HEADER_SIZE 44
#define TYPE_SIZE   6
#define TYPES_MAX   256
#define OFFSET_MIN  (-89999) /* RFC 8536 3.2: more than -25 hours, less than 26 */
#define OFFSET_MAX  93599
#define NOW_MIN     (-377705116800) /* -9999-01-01 */
#define NOW_MAX     253402300799    /* 9999-12-31: keeps days in 32 bits */

struct timezone_data {
	const int64_t *times; /* instants of change, ascending */
	const uint8_t *types; /* the type from then on */
	size_t n_times;
	const int32_t *offsets; /* by type; type 0 rules before the first change */
	bool has_rule;          /* for instants behind the last change */
	struct tz_rule rule;
};

/* Counts of one block, in the order of the header. */
struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)big_endian(p, 4);
}

/* ---- reading ---- */

static enum tz_error read_header(struct span tzif, uint8_t *versionp, struct counts *c)
{
	if (tzif.n < 4 || memcmp(tzif.p, "TZif", 4) != 0)
		return TZ_E_MAGIC;
	if (tzif.n < HEADER_SIZE)
		return TZ_E_TRUNCATED;
	*versionp = tzif.p[4];
	*c = (struct counts){
		.isut = u32(tzif.p + 20),
		.isstd = u32(tzif.p + 24),
		.leap = u32(tzif.p + 28),
		.time = u32(tzif.p + 32),
		.type = u32(tzif.p + 36),
		.chars = u32(tzif.p + 40),
	};
	/* Later versions keep the layout of 2 (RFC 8536 3.1). */
	return *versionp == 0 || (*versionp >= '2' && *versionp <= '9') ? TZ_OK : TZ_E_VERSION;
}

/* Octets of a block whose times have @width octets. Six counts of 32 bits cannot overflow 64. */
static uint64_t block_size(const struct counts *c, unsigned width)
{
	return (uint64_t)c->time * (width + 1) + (uint64_t)c->type * TYPE_SIZE + c->chars +
	       (uint64_t)c->leap * (width + 4) + c->isstd + c->isut;
}

static enum tz_error check_counts(const struct counts *c)
{
	if (c->leap != 0)
		return TZ_E_LEAP;
	if (c->type == 0 || c->type > TYPES_MAX || c->chars == 0)
		return TZ_E_COUNTS;
	if ((c->isut != 0 && c->isut != c->type) || (c->isstd != 0 && c->isstd != c->type))
		return TZ_E_COUNTS;
	return TZ_OK;
}

static enum tz_error read_types(
	struct arena *a, const uint8_t *p, const struct counts *c, struct timezone_data *tz)
{
	int32_t *offsets = ARENA_ARRAY(a, int32_t, c->type);

	if (offsets == NULL)
		return TZ_E_ARENA;
	for (uint32_t i = 0; i < c->type; i++, p += TYPE_SIZE) {
		offsets[i] = (int32_t)u32(p);
		if (offsets[i] < OFFSET_MIN || offsets[i] > OFFSET_MAX || p[4] > 1 ||
			p[5] >= c->chars)
			return TZ_E_DATA;
	}
	tz->offsets = offsets;
	return TZ_OK;
}

static enum tz_error read_times(struct arena *a, const uint8_t *p, const struct counts *c,
	unsigned width, struct timezone_data *tz)
{
	const uint8_t *types = p + (size_t)c->time * width;
	int64_t *times = ARENA_ARRAY(a, int64_t, c->time);
	uint8_t *copy = ARENA_ARRAY(a, uint8_t, c->time);

	if (times == NULL || copy == NULL)
		return TZ_E_ARENA;
	for (uint32_t i = 0; i < c->time; i++, p += width) {
		times[i] = width == 4 ? (int32_t)u32(p) : (int64_t)big_endian(p, 8);
		copy[i] = types[i];
		if (copy[i] >= c->type || (i > 0 && times[i] <= times[i - 1]))
			return TZ_E_DATA;
	}
	tz->times = times;
	tz->types = copy;
	tz->n_times = c->time;
	return TZ_OK;
}

/* Newline, rule or nothing, newline. */
static enum tz_error read_footer(struct span text, struct timezone_data *tz)
{
	size_t end;

	if (text.n < 2)
		return TZ_E_TRUNCATED;
	if (text.p[0] != '\n')
		return TZ_E_FOOTER;
	text = span_from(text, 1);
	end = span_chr(text, '\n');
	if (end == text.n)
		return TZ_E_TRUNCATED;
	tz->has_rule = end > 0;
	if (tz->has_rule && !tz_rule_parse(span_sub(text, 0, end), &tz->rule))
		return TZ_E_FOOTER;
	return TZ_OK;
}

static enum tz_error read_block(struct arena *a, struct span tzif, const struct counts *c,
	unsigned width, struct timezone_data *tz)
{
	const uint64_t size = block_size(c, width);
	enum tz_error error = check_counts(c);

	if (error != TZ_OK)
		return error;
	if (tzif.n < HEADER_SIZE || size > tzif.n - HEADER_SIZE)
		return TZ_E_TRUNCATED;
	error = read_times(a, tzif.p + HEADER_SIZE, c, width, tz);
	if (error == TZ_OK)
		error = read_types(a, tzif.p + HEADER_SIZE + (size_t)c->time * (width + 1), c, tz);
	if (error == TZ_OK && width == 8)
		error = read_footer(span_from(tzif, HEADER_SIZE + (size_t)size), tz);
	return error;
}

enum tz_error tz_read(struct arena *a, struct span tzif, const struct timezone_data **tzp)
{
	struct timezone_data *tz = ARENA_NEW(a, struct timezone_data);
	struct counts c;
	uint8_t version;
	unsigned width = 4;
	enum tz_error error;

	if (tz == NULL)
		return TZ_E_ARENA;
	error = read_header(tzif, &version, &c);
	if (error == TZ_OK && version != 0) { /* the first block is for readers of version 1 */
		if (block_size(&c, 4) > tzif.n - HEADER_SIZE)
			return TZ_E_TRUNCATED;
		tzif = span_from(tzif, HEADER_SIZE + (size_t)block_size(&c, 4));
		width = 8;
		error = tzif.n == 0 ? TZ_E_TRUNCATED : read_header(tzif, &version, &c);
	}
	if (error == TZ_OK)
		error = read_block(a, tzif, &c, width, tz);
	if (error == TZ_OK)
		*tzp = tz;
	return error;
}

const char *tz_error_text(enum tz_error error)
{
	switch (error) {
	case TZ_OK: return "is right";
	case TZ_E_ARENA: return "does not fit the memory given";
	case TZ_E_MAGIC: return "is no time zone data (TZif, RFC 8536)";
	case TZ_E_VERSION: return "is time zone data of an unknown version";
	case TZ_E_TRUNCATED: return "is time zone data that ends too early";
	case TZ_E_COUNTS: return "is time zone data whose counts contradict each other";
	case TZ_E_DATA: return "is time zone data with a value out of range";
	case TZ_E_LEAP: return "counts leap seconds, which clocks of this system do not";
	case TZ_E_FOOTER: return "is time zone data with a malformed rule for the future";
	}
	return "is wrong";
}

bool tz_name_ok(struct span name)
{
	uint8_t before = '/';

	if (name.n == 0 || name.n > 64)
		return false;
	for (size_t i = 0; i < name.n; before = name.p[i++]) {
		uint8_t c = name.p[i];
		if (c == '/' && before == '/')
			return false;
		if (!ascii_alpha(c) && !ascii_digit(c) && c != '_' && c != '-' && c != '+' &&
			c != '/')
			return false; /* no dot at all: no ".." either */
	}
	return before != '/';
}

/* ---- asking ---- */

const struct timezone_data *tz_utc(void)
{
	static const int32_t zero[1];
	static const struct timezone_data utc = { .offsets = zero };

	return &utc;
}

/* The last change at or before @now_s, counted from 1; 0: none. */
static size_t find_change(const struct timezone_data *tz, int64_t now_s)
{
	size_t lo = 0, hi = tz->n_times;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (tz->times[mid] <= now_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int32_t offset_at(const struct timezone_data *tz, int64_t now_s)
{
	size_t change = find_change(tz, now_s);

	if (change == tz->n_times && tz->has_rule)
		return tz_rule_offset(&tz->rule, now_s);
	assert(change == 0 || tz->types != NULL);
	return tz->offsets[change > 0 ? tz->types[change - 1] : 0];
}

static int64_t clamp(int64_t now_s)
{
	return now_s < NOW_MIN ? NOW_MIN : now_s > NOW_MAX ? NOW_MAX : now_s;
}

struct tz_local tz_local(const struct timezone_data *tz, int64_t now_s)
{
	struct tz_local local;
	int64_t wall;

	now_s = clamp(now_s);
	local.offset_s = offset_at(tz != NULL ? tz : tz_utc(), now_s);
	wall = now_s + local.offset_s;
	local.day = (int32_t)(wall / DAY_S - (wall % DAY_S < 0));
	local.second = (uint32_t)(wall - (int64_t)local.day * DAY_S);
	local.minute = (uint16_t)(local.second / 60);
	local.weekday = civil_weekday(local.day);
	return local;
}

int64_t tz_instant(const struct timezone_data *tz, int32_t day, uint32_t second)
{
	const int64_t wall = clamp((int64_t)day * DAY_S + second);
	int32_t before, after;

	if (tz == NULL)
		tz = tz_utc();
	/* No two changes fall within a day of each other on both sides: one of these offsets it is.
	 */
	before = offset_at(tz, clamp(wall - DAY_S));
	after = offset_at(tz, clamp(wall + DAY_S));
	if (offset_at(tz, clamp(wall - before)) != before &&
		offset_at(tz, clamp(wall - after)) == after)
		return wall - after;
	return wall - before;
}
