/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Time zones: what clocks on the wall show
 *
 * Reads TZif data (RFC 8536, versions 1 to 4), the POSIX rule in its footer included, and tells
 * local civil time for an instant. The data is taken for hostile. Zones that count leap seconds
 * ("right/...") are refused: the clock of the host does not count them.
 *
 * Owns:    nothing; zone data lives in the arena.
 * Callers: rules/check*.c, rules/schedule.c, rules/load, cli.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "base/civil.h"

enum tz_error { /* 0 is success */
	TZ_OK = 0,
	TZ_E_ARENA, /* the arena is too small */
	TZ_E_MAGIC, /* no TZif data */
	TZ_E_VERSION,
	TZ_E_TRUNCATED, /* ends too early */
	TZ_E_COUNTS,    /* counts in the header that contradict each other */
	TZ_E_DATA,      /* transitions out of order, an index or offset out of range */
	TZ_E_LEAP,      /* counts leap seconds */
	TZ_E_FOOTER,    /* a POSIX rule that does not parse */
};

struct timezone_data;

struct tz_local {
	int32_t offset_s; /* local time minus UTC */
	int32_t day;      /* days since 1970-01-01, local */
	uint32_t second;  /* of the day, 0 to 86399 */
	uint16_t minute;  /* of the day, 0 to 1439 */
	uint8_t weekday;  /* CIVIL_MON ... CIVIL_SUN */
};

enum tz_error tz_read(struct arena *a, struct span tzif, const struct timezone_data **tzp);
const char *tz_error_text(enum tz_error error);

/* A name fit for the zone database: "Area/City" of letters, digits, "_", "-", "+", never ".." or a
 * leading "/". */
bool tz_name_ok(struct span name);

/* UTC without any file: the zones "UTC" and "Etc/UTC" need none. */
const struct timezone_data *tz_utc(void);

/* @tz NULL: UTC. */
struct tz_local tz_local(const struct timezone_data *tz, int64_t now_s);

/* The instant at which clocks show @day and @second; the first of two, and one hour on for a time
 * that a clock change leaves out. */
int64_t tz_instant(const struct timezone_data *tz, int32_t day, uint32_t second);
