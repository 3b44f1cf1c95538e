/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define VALUE_TEXT_MAX 32

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
	if (word->kind != WORD_BARE || !value_parse(word->text, schema->unit, &v, &unit_known) ||
		v < schema->min || v > schema->max) {
		tell(w, word, schema, word->kind == WORD_BARE && unit_known);
		return false;
	}
	*vp = v;
	return true;
}

bool value_store(struct words *w, const struct value_schema *schema, void *object)
{
	uint64_t v;

	if (!value_read(w, schema, &v))
		return false;
	value_put(schema, object, v);
	return true;
}
