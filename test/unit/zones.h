/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Time zone data for tests: TZif (RFC 8536) made from a POSIX rule
 *
 * Callers: test/unit, in any program of its own: everything here is static.
 */
#include "rules/tz.h"
#include "test/unit/support.h"

#define ZONE_LONDON   "GMT0BST,M3.5.0/1,M10.5.0"
#define ZONE_SYDNEY   "AEST-10AEDT,M10.1.0,M4.1.0/3"
#define ZONE_TZIF_MAX 256

/* Version 2: an empty first block, one type at UTC, no changes, and @rule for all time. */
static inline struct span zone_tzif(uint8_t block[static ZONE_TZIF_MAX], const char *rule)
{
	static const uint8_t header[44] = { 'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4 };
	static const uint8_t type[10] = { [6] = 'U', [7] = 'T', [8] = 'C' };
	struct out o;

	out_init(&o, block, ZONE_TZIF_MAX);
	for (unsigned i = 0; i < 2; i++) {
		out_put(&o, header, sizeof(header));
		out_put(&o, type, sizeof(type));
	}
	out_octet(&o, '\n');
	out_str(&o, rule);
	out_octet(&o, '\n');
	assert_false(o.full);
	return out_span(&o);
}

/* @a: room for what the zone needs, 1 KiB is plenty. */
static inline const struct timezone_data *zone_make(struct arena *a, const char *rule)
{
	uint8_t block[ZONE_TZIF_MAX];
	const struct timezone_data *tz = NULL;

	assert_int_equal(tz_read(a, zone_tzif(block, rule), &tz), TZ_OK);
	return tz;
}
