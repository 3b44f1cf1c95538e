/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define VALUE_TEXT_MAX 32

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

static const char *units_text(enum value_unit unit)
{
	switch (unit) {
	case UNIT_OCTETS: return "B, KiB, MiB or GiB";
	case UNIT_MILLISECONDS: return "ms, s, m, h or d";
	case UNIT_SECONDS: return "s, m, h or d";
	case UNIT_COUNT: break;
	}
	return "none";
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

/* Digits, then a unit of the kind. *unit_knownp: false when there is none or another one. */
static bool parse(struct span text, enum value_unit unit, uint64_t *vp, bool *unit_knownp)
{
	size_t n, digits = 0;
	const struct unit *units = units_of(unit, &n);
	struct span tail;

	while (digits < text.n && ascii_digit(text.p[digits]))
		digits++;
	tail = span_from(text, digits);
	*unit_knownp = unit == UNIT_COUNT;
	if (digits == 0 || !span_u64(span_sub(text, 0, digits), UINT64_MAX, vp))
		return false;
	if (unit == UNIT_COUNT)
		return tail.n == 0;
	for (size_t i = 0; i < n; i++)
		if (span_eq(tail, span_str(units[i].text))) {
			*unit_knownp = true;
			if (*vp > UINT64_MAX / units[i].factor)
				return false;
			*vp *= units[i].factor;
			return true;
		}
	return false;
}

static bool all_digits(struct span s)
{
	uint64_t v;

	return span_u64(s, UINT64_MAX, &v);
}

static void tell(struct words *w, const struct word *word, const struct value_schema *schema,
	bool unit_known)
{
	uint8_t block[3 * VALUE_TEXT_MAX];
	struct out o;
	/* A range alone would leave "35" and "35MB" unexplained: 0 is the one number that needs no
	 * unit. */
	const bool zero = span_eq(word->text, SPAN("0"));

	out_init(&o, block, sizeof(block));
	value_print(&o, schema->unit, schema->min);
	out_str(&o, " to ");
	value_print(&o, schema->unit, schema->max);
	if (unit_known || zero)
		WORDS_TELL(w, word, NULL, span_str(schema->name), SPAN(" "), word->text,
			SPAN(": give "), out_span(&o), SPAN(", as in \""),
			span_str(schema->example), SPAN("\""));
	else
		WORDS_TELL(w, word, NULL, span_str(schema->name), SPAN(" "), word->text,
			span_str(all_digits(word->text) ? ": the unit is missing ("
							: ": this is no number with a unit ("),
			span_str(units_text(schema->unit)), SPAN("); give "), out_span(&o),
			SPAN(", as in \""), span_str(schema->example), SPAN("\""));
}

bool value_read(struct words *w, const struct value_schema *schema, uint64_t *vp)
{
	const struct word *word = words_next(w, "a value");
	uint64_t v;
	bool unit_known;

	if (word == NULL)
		return false;
	if (word->kind != WORD_BARE || !parse(word->text, schema->unit, &v, &unit_known) ||
		v < schema->min || v > schema->max) {
		tell(w, word, schema, word->kind == WORD_BARE && unit_known);
		return false;
	}
	*vp = v;
	return true;
}

static void put(const struct value_schema *schema, void *object, uint64_t v)
{
	uint8_t *at = (uint8_t *)object + schema->offset;
	uint32_t narrow = (uint32_t)v;

	if (schema->wide)
		memcpy(at, &v, sizeof(v));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

bool value_store(struct words *w, const struct value_schema *schema, void *object)
{
	uint64_t v;

	if (!value_read(w, schema, &v))
		return false;
	put(schema, object, v);
	return true;
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
		put(&rows[i], object, rows[i].preset);
}
