/* SPDX-License-Identifier: ISC */
#include "base/out.h"

void out_u64(struct out *o, uint64_t v)
{
	out_u64w(o, v, 1);
}

void out_u64w(struct out *o, uint64_t v, unsigned width)
{
	uint8_t text[20]; /* digits of 2^64 - 1 */
	size_t at = sizeof text;

	do
		text[--at] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	while (sizeof text - at < width && at > 0)
		text[--at] = '0';
	out_put(o, text + at, sizeof text - at);
}

void out_hex(struct out *o, uint64_t v, unsigned digits)
{
	static const char hex[] = "0123456789abcdef";

	while (digits-- > 0)
		out_octet(o, digits < 16 ? (uint8_t)hex[v >> (digits * 4) & 15] : '0');
}

void out_lower(struct out *o, struct span s)
{
	size_t at = o->n;

	out_bytes(o, s);
	for (; at < o->n; at++)
		o->p[at] = ascii_lower(o->p[at]);
}

void out_upper(struct out *o, struct span s)
{
	size_t at = o->n;

	out_bytes(o, s);
	for (; at < o->n; at++)
		o->p[at] = ascii_upper(o->p[at]);
}

/* What follows the backslash when @c is escaped by one letter, or 0. */
static char escape_letter(uint8_t c)
{
	switch (c) {
	case '\r': return 'r';
	case '\n': return 'n';
	case '\t': return 't';
	case '\0': return '0';
	case '\\': return '\\';
	case '"': return '"';
	}
	return 0;
}

static bool plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '\\' && c != '"';
}

/* @json doubles the backslash of each escape but that of the quote: JSON reads it back as the
 * escape's text. */
static void escape(struct out *o, struct span s, size_t max, bool json)
{
	size_t shown = s.n < max ? s.n : max;

	for (size_t i = 0; i < shown;) {
		size_t run = i;
		while (run < shown && plain(s.p[run]))
			run++;
		out_put(o, s.p + i, run - i);
		i = run;
		if (i == shown)
			break;
		uint8_t c = s.p[i++];
		char letter = escape_letter(c);
		out_str(o, json ? (c == '"' ? "\\" : "\\\\") : "\\");
		if (c == '\\')
			out_str(o, json ? "\\\\" : "\\");
		else if (letter != 0)
			out_octet(o, (uint8_t)letter);
		else {
			out_octet(o, 'x');
			out_hex(o, c, 2);
		}
	}
	if (shown < s.n)
		out_str(o, "...");
}

void out_escaped(struct out *o, struct span s, size_t max)
{
	escape(o, s, max, false);
}

void out_json(struct out *o, struct span s, size_t max)
{
	out_octet(o, '"');
	escape(o, s, max, true);
	out_octet(o, '"');
}

const char *out_cstr(struct out *o)
{
	if (out_room(o) == 0)
		o->full = true;
	else
		o->p[o->n] = '\0';
	return o->full ? "" : (const char *)o->p;
}
