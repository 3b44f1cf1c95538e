/* SPDX-License-Identifier: ISC */
#include "filter/policy/codes.h"

#include <assert.h>

#define CODE_ROW(number, name, severity, reply, text, title, clause, advice)                       \
	{ number, CODE_##severity, reply, text, #name, title, clause, advice },
static const struct code_info codes[] = { CODES(CODE_ROW) };
#undef CODE_ROW

const struct code_info *code_info(enum code code)
{
	assert(code < CODE_COUNT);
	return &codes[code];
}

const char *code_text(enum code code, char text[7])
{
	struct out o;

	out_init(&o, text, 7);
	out_str(&o, "PN");
	out_u64w(&o, code_info(code)->number, 4);
	return out_cstr(&o);
}

enum code code_find(struct span text)
{
	uint64_t number;

	if (span_istarts(text, SPAN("PN")))
		text = span_from(text, 2);
	if (!span_u64(text, 9999, &number))
		return CODE_COUNT;
	for (unsigned c = 0; c < CODE_COUNT; c++)
		if (codes[c].number == number)
			return (enum code)c;
	return CODE_COUNT;
}
