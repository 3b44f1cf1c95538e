/* SPDX-License-Identifier: ISC */
#include "filter/smtp/line.h"

#include <assert.h>

void line_init(struct line_reader *r, uint32_t max, uint32_t drop)
{
	assert(max >= 2 && max <= drop);
	*r = (struct line_reader){ .max = max, .drop = drop };
}

void line_done(struct line_reader *r)
{
	line_init(r, r->max, r->drop);
}

/* @at: offset in the line */
static void note(struct line_reader *r, uint8_t flaw, uint32_t at)
{
	if (r->flaws == 0 || at < r->flaw_at)
		r->flaw_at = at;
	r->flaws |= flaw;
}

/* Judges the octets of @win not yet seen. True: a CRLF stands at r->seen. A CR at the end waits for
 * the next octet. */
static bool look(struct line_reader *r, const uint8_t *win, uint32_t n)
{
	for (; r->seen < n; r->seen++) {
		uint32_t at = r->dropped + r->seen;

		switch (win[r->seen]) {
		case '\0': note(r, LINE_FLAW_NUL, at); break;
		case '\n':
			note(r, LINE_FLAW_LF, at);
			break; /* behind a CR it would have ended the line */
		case '\r':
			if (r->seen + 1 == n)
				return false;
			if (win[r->seen + 1] == '\n')
				return true;
			note(r, LINE_FLAW_CR, at);
			break;
		}
	}
	return false;
}

enum line_end line_next(struct line_reader *r, const uint8_t *win, size_t n, size_t *size)
{
	uint32_t left =
		r->drop -
		r->dropped; /* the line's CRLF stands within these octets or it is endless */
	uint32_t here = n < left ? (uint32_t)n : left;
	bool ended = look(r, win, here);

	*size = 0;
	if (r->dropped + (ended ? r->seen + 2 : here + 1) > r->max)
		note(r, LINE_FLAW_LONG, r->max);
	if (ended) {
		*size = r->seen + 2;
		return LINE_CRLF;
	}
	if (here == left)
		return LINE_ENDLESS;
	if ((r->flaws & LINE_FLAW_LONG) == 0 || r->seen == 0)
		return LINE_MORE;
	*size = r->seen; /* all but a CR at the end, which may be half of the CRLF */
	r->dropped += r->seen;
	r->seen = 0;
	return LINE_DROP;
}
