/* SPDX-License-Identifier: ISC */
#include "filter/smtp/sasl.h"

#include "filter/smtp/command.h"

#define MECHANISM_MAX 20

bool sasl_mechanism(struct span word)
{
	for (size_t i = 0; i < word.n; i++) {
		uint8_t c = word.p[i];
		if (!ascii_alpha(c) && !ascii_digit(c) && c != '-' && c != '_')
			return false;
	}
	return word.n > 0 && word.n <= MECHANISM_MAX;
}

/* The six bits a base64 letter stands for, or -1. */
static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool sasl_base64(struct span text)
{
	size_t letters = text.n;

	if (text.n == 0 || text.n % 4 != 0)
		return false;
	while (letters > text.n - 2 && text.p[letters - 1] == '=')
		letters--;
	for (size_t i = 0; i < letters; i++)
		if (base64_value(text.p[i]) < 0)
			return false;
	switch (text.n - letters) {
	case 1: return (base64_value(text.p[letters - 1]) & 3) == 0;
	case 2: return (base64_value(text.p[letters - 1]) & 15) == 0;
	}
	return true;
}

enum smtp_defect sasl_parse(struct span line, struct smtp_command *cmdp, size_t *atp)
{
	*cmdp = (struct smtp_command){
		.verb = SMTP_VERB_SASL, .initial = line, .has_initial = true
	};
	if (line.n > SMTP_COMMAND_MAX - 2) {
		*atp = SMTP_COMMAND_MAX - 2;
		return SMTP_DEFECT_LINE_LONG;
	}
	/* An empty line is an empty response: a mechanism may end with one. */
	if (line.n == 0 || span_eq(line, SPAN("*")) || sasl_base64(line))
		return SMTP_DEFECT_NONE;
	*atp = 0;
	return SMTP_DEFECT_SASL_SYNTAX;
}
