/* SPDX-License-Identifier: ISC */
#include "rules/value.h"

struct unit {
	const char *text;
	uint64_t factor;
};

/* Smallest first: printing takes the last one that leaves no rest. */
static const struct unit octet_units[] = { { "B", 1 }, { "KiB", 1u << 10 }, { "MiB", 1u << 20 },
	{ "GiB", 1u << 30 } };
static const struct unit ms_units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 } };
static const struct unit second_units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 },
	{ "d", 86400 } };

static const struct unit *units_of(enum value_unit unit, size_t *np)
{
	switch (unit) {
	case UNIT_OCTETS: *np = sizeof(octet_units) / sizeof(octet_units[0]); return octet_units;
	case UNIT_MILLISECONDS: *np = sizeof(ms_units) / sizeof(ms_units[0]); return ms_units;
	case UNIT_SECONDS:
		*np = sizeof(second_units) / sizeof(second_units[0]);
		return second_units;
	case UNIT_COUNT: break;
	}
	*np = 0;
	return NULL;
}

void value_print(struct out *o, enum value_unit unit, uint64_t v)
{
	size_t n;
	const struct unit *units = units_of(unit, &n);

	while (n > 1 && (v == 0 || v % units[n - 1].factor != 0))
		n--;
	if (v == 0 && unit == UNIT_MILLISECONDS)
		n = 2; /* "0s" reads better than "0ms" */
	out_u64(o, n > 0 ? v / units[n - 1].factor : v);
	if (n > 0)
		out_str(o, units[n - 1].text);
}

/* The number of octets, milliseconds or seconds in a unit; 0: there is no such unit. */
static uint64_t factor_of(struct span text, enum value_unit unit)
{
	size_t n;
	const struct unit *units = units_of(unit, &n);

	if (unit == UNIT_COUNT)
		return text.n == 0;
	for (size_t i = 0; i < n; i++)
		if (span_eq(text, span_str(units[i].text)))
			return units[i].factor;
	return 0;
}

bool value_parse(struct span text, enum value_unit unit, uint64_t *vp, bool *unit_knownp)
{
	size_t digits = 0;
	uint64_t factor, v;

	while (digits < text.n && ascii_digit(text.p[digits]))
		digits++;
	factor = factor_of(span_from(text, digits), unit);
	*unit_knownp = unit == UNIT_COUNT || (factor != 0 && digits > 0);
	if (factor == 0 || !span_u64(span_sub(text, 0, digits), UINT64_MAX / factor, &v))
		return false;
	*vp = v * factor;
	return true;
}

void value_put(const struct value_schema *schema, void *object, uint64_t v)
{
	uint8_t *at = (uint8_t *)object + schema->offset;
	uint32_t narrow = (uint32_t)v;

	if (schema->wide)
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

uint64_t value_of(const struct value_schema *schema, const void *object)
{
	const uint8_t *at = (const uint8_t *)object + schema->offset;
	uint64_t v;
	uint32_t narrow;

	memcpy(&narrow, at, sizeof(narrow));
	if (!schema->wide)
		return narrow;
	memcpy(&v, at, sizeof(v));
	return v;
}

void value_preset(const struct value_schema *rows, size_t n, void *object)
{
	for (size_t i = 0; i < n; i++)
		value_put(&rows[i], object, rows[i].preset);
}
