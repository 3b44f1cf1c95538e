/* SPDX-License-Identifier: ISC */
#include "filter/smtp/utf8.h"

/* Octets that the character beginning with @c has, 0 if none begins so; the least number for that
 * length. */
static size_t sequence(uint8_t c, uint32_t *leastp)
{
	if (c < 0x80) {
		*leastp = 0;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		*leastp = 0x80;
		return 2;
	}
	if (c >= 0xe0 && c <= 0xef) {
		*leastp = 0x800;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		*leastp = 0x10000;
		return 4;
	}
	return 0;
}

size_t utf8_next(struct span s, size_t at, uint32_t *pointp)
{
	static const uint8_t head[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t point, least = 0;
	size_t n = sequence(s.p[at], &least);

	if (n == 0 || n > s.n - at)
		return 0;
	point = s.p[at] & head[n];
	for (size_t i = 1; i < n; i++) {
		if ((s.p[at + i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s.p[at + i] & 0x3f);
	}
	if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*pointp = point;
	return n;
}

static bool every(struct span s, bool (*legal)(uint32_t point))
{
	uint32_t point;

	for (size_t at = 0, n; at < s.n; at += n) {
		n = utf8_next(s, at, &point);
		if (n == 0 || (legal != NULL && !legal(point)))
			return false;
	}
	return true;
}

bool utf8_valid(struct span s)
{
	return every(s, NULL);
}

bool utf8_text(struct span s)
{
	return every(s, utf8_is_text);
}

static bool within(uint32_t point, uint32_t first, uint32_t last)
{
	return point >= first && point <= last;
}

bool utf8_is_text(uint32_t point)
{
	return !(point < 0x20 || within(point, 0x7f, 0x9f) /* U+0085 is a line end to some */
		 || within(point, 0x2028, 0x202e)          /* separators, bidirectional embedding */
		 || within(point, 0x2066, 0x2069)          /* bidirectional isolates */
		 || within(point, 0xfdd0, 0xfdef) || (point & 0xfffe) == 0xfffe);
}

bool utf8_in_domain(uint32_t point)
{
	/* U+200C and U+200D stay: IDNA 2008 has labels that need them (RFC 5892 A.1, A.2). */
	return utf8_is_text(point) && point != 0xa0 /* no-break space */
	       && point != 0xad                     /* soft hyphen: mapped to nothing */
	       && point != 0x3002                   /* ideographic full stop: mapped to "." */
	       && !within(point, 0x2000, 0x200b) && !within(point, 0x200e, 0x200f) &&
	       !within(point, 0x2024, 0x2026) /* dot leaders: ".", "..", "..." */
	       && !within(point, 0x202f, 0x202f) && !within(point, 0x2060, 0x206f) &&
	       point != 0x3000 && !within(point, 0xfe00, 0xfe0f) && point != 0xfe52 &&
	       point != 0xfeff &&
	       !within(point, 0xff00,
		       0xffef) /* full and half width forms of ASCII, of the dot too */
	       && !within(point, 0x1d400, 0x1d7ff)  /* mathematical letters and digits */
	       && !within(point, 0x2460, 0x24ff)    /* enclosed letters and digits */
	       && !within(point, 0x1f100, 0x1f1ff)  /* enclosed letters, letter with full stop */
	       && !within(point, 0xe0000, 0xe0fff); /* tags: mapped to nothing */
}
