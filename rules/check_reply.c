/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define REPLY_TEXT_MAX                                                                             \
	400 /* octets behind "CODE ": with an incident id it stays below the 512 of RFC            \
	       5321 4.5.3.1.5 */

/* "C.S.D" of RFC 3463 2 in front of @text: its class, or 0 when there is none. */
static unsigned enhanced_class(struct span text)
{
	size_t end = span_chr(text, ' '), dot = span_chr(text, '.');
	struct span code = span_sub(text, 0, end), rest = span_from(code, dot + 1);
	size_t dot2 = span_chr(rest, '.');
	uint64_t class, subject, detail;

	if (dot != 1 || !span_u64(span_sub(code, 0, 1), 9, &class) ||
		!span_u64(span_sub(rest, 0, dot2), 999, &subject) ||
		!span_u64(span_from(rest, dot2 + 1), 999, &detail))
		return 0;
	return (unsigned)class;
}

static bool reply_parse(struct span text, struct rule_reply *reply)
{
	uint64_t code;
	unsigned class;

	if (text.n < 5 || text.p[3] != ' ' || text.p[4] == ' ' || text.n > REPLY_TEXT_MAX + 4)
		return false;
	if (!span_u64(span_sub(text, 0, 3), 599, &code) || code < 400)
		return false;
	class = enhanced_class(span_from(text, 4));
	if (class != 0 && class != code / 100)
		return false;
	reply->code = (uint16_t)code;
	return true;
}

bool reply_read(struct words *w, struct rule_reply *reply)
{
	const struct word *word = w->at;
	const char *text = words_text(w, "a reply");

	if (text == NULL)
		return false;
	if (!reply_parse(word->text, reply)) {
		WORDS_TELL(w, word, NULL, SPAN("reply \""), word->text,
			SPAN("\": give a code from 400 to 599, a blank and up to 400 letters of "
			     "text; an enhanced code is of the same "
			     "class, as in \"550 5.7.1 Not here\""));
		return false;
	}
	reply->text = text + 4;
	return true;
}
