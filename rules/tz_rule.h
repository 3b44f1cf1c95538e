/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The POSIX TZ rule: "GMT0BST,M3.5.0/1,M10.5.0", as the footer of TZif data holds it
 *
 * The grammar of POSIX.1 8.3 with the hours of RFC 8536 3.3.1 (-167 to 167). A zone with summer
 * time but without dates for it is refused: what they would be is nowhere defined.
 *
 * Callers: rules/tz.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/civil.h"

enum tz_day_kind {
	TZ_DAY_MONTH,   /* Mm.w.d: weekday d (0 Sunday) of week w (5: the last) of month m */
	TZ_DAY_JULIAN,  /* Jn: 1 to 365, 29 February is never counted */
	TZ_DAY_OF_YEAR, /* n: 0 to 365 */
};

struct tz_change {
	enum tz_day_kind kind;
	uint16_t day; /* n, or d */
	uint8_t month, week;
	int32_t time_s; /* after local midnight, by the clock before the change */
};

struct tz_rule {
	int32_t std_s, dst_s; /* local time minus UTC */
	bool has_dst;
	struct tz_change start, end; /* of summer time */
};

bool tz_rule_parse(struct span text, struct tz_rule *rulep);

/* Local time minus UTC at @now_s, which lies in the years -9999 to 9999. */
int32_t tz_rule_offset(const struct tz_rule *rule, int64_t now_s);
