/* SPDX-License-Identifier: ISC */
#include "cli/doctor_match.h"

/* ---- words ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

bool match_is(struct span word, const char *text)
{
	return span_eq(word, span_str(text));
}

/* Octets of the word that @s begins with; in quotes blanks are part of it. */
static size_t word_size(struct span s)
{
	bool quoted = false;
	size_t n = 0;

	for (; n < s.n && (quoted || !is_blank(s.p[n])); n++) {
		if (s.p[n] == '"')
			quoted = !quoted;
		else if (s.p[n] == '\\' && n + 1 < s.n)
			n++;
	}
	return n;
}

struct span match_word(struct span *s)
{
	struct span word;

	while (s->n > 0 && is_blank(s->p[0]))
		*s = span_from(*s, 1);
	word = span_sub(*s, 0, word_size(*s));
	*s = span_from(*s, word.n);
	return word;
}

/* ---- does one match hold? ---- */

static enum match sure(bool yes)
{
	return yes ? MATCH_YES : MATCH_NO;
}

static enum match address_holds(struct span text, const struct ip *ip)
{
	struct ip_prefix prefix;

	if (ip->family == IP_NONE || !ip_prefix_parse(text, &prefix))
		return MATCH_MAYBE;
	return sure(ip_in(ip, &prefix));
}

/* "ext", or "eth+" for all that begin so. */
static enum match interface_holds(struct span pattern, struct span name)
{
	if (name.n == 0) /* others than our own packets are asked about */
		return match_is(pattern, "lo") ? MATCH_NO : MATCH_MAYBE;
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '+') {
		pattern.n--;
		return sure(name.n >= pattern.n && span_eq(span_sub(name, 0, pattern.n), pattern));
	}
	return sure(span_eq(pattern, name));
}

/* "25" or "1000:2000" */
static enum match range_holds(struct span range, uint16_t port)
{
	const size_t colon = span_chr(range, ':');
	const struct span last = colon < range.n ? span_from(range, colon + 1) : range;
	uint64_t from, to;

	if (!span_u64(span_sub(range, 0, colon), 65535, &from) || !span_u64(last, 65535, &to))
		return MATCH_MAYBE;
	return sure(port >= from && port <= to);
}

static enum match ports_hold(struct span list, uint16_t port)
{
	enum match best = MATCH_NO;

	if (port == 0)
		return MATCH_MAYBE;
	while (list.n > 0) {
		const size_t n = span_chr(list, ',');
		const enum match one = range_holds(span_sub(list, 0, n), port);

		best = one > best ? one : best;
		list = span_from(list, n + 1);
	}
	return best;
}

static enum match states_hold(struct span list, const struct tables_packet *p)
{
	while (list.n > 0) {
		const size_t n = span_chr(list, ',');
		const struct span state = span_sub(list, 0, n);

		if (match_is(state, p->answer ? "ESTABLISHED" : "NEW") ||
			(match_is(state, "DNAT") && p->diverted))
			return MATCH_YES;
		list = span_from(list, n + 1);
	}
	return MATCH_NO;
}

static bool number(struct span text, uint32_t *vp)
{
	uint64_t v = 0;

	if (!span_istarts(text, SPAN("0x"))) {
		if (!span_u64(text, UINT32_MAX, &v))
			return false;
		*vp = (uint32_t)v;
		return true;
	}
	if (text.n < 3 || text.n > 10)
		return false;
	for (size_t i = 2; i < text.n; i++) {
		const uint8_t c = ascii_lower(text.p[i]);

		if (!ascii_digit(c) && (c < 'a' || c > 'f'))
			return false;
		v = v << 4 | (uint64_t)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
	}
	*vp = (uint32_t)v;
	return true;
}

bool tables_mark(struct span text, uint32_t *valuep, uint32_t *maskp)
{
	const size_t slash = span_chr(text, '/');

	*maskp = UINT32_MAX;
	return number(span_sub(text, 0, slash), valuep) &&
	       (slash == text.n || number(span_from(text, slash + 1), maskp));
}

static enum match mark_holds(struct span text, uint32_t mark)
{
	uint32_t value, mask;

	if (!tables_mark(text, &value, &mask))
		return MATCH_MAYBE;
	return sure((mark & mask) == value);
}

/* Each option that is known of itself, with one value behind it. */
static enum match option_holds(struct span name, struct span value, const struct tables_packet *p)
{
	if (match_is(name, "-p"))
		return sure(match_is(value, "tcp") || match_is(value, "6"));
	if (match_is(name, "-s"))
		return address_holds(value, &p->src);
	if (match_is(name, "-d"))
		return address_holds(value, &p->dst);
	if (match_is(name, "-i"))
		return interface_holds(value, p->in);
	if (match_is(name, "-o"))
		return interface_holds(value, p->out);
	if (match_is(name, "-m"))
		return match_is(value, "socket") ? (p->answer ? MATCH_YES : MATCH_MAYBE)
						 : MATCH_YES;
	if (match_is(name, "--dport") || match_is(name, "--dports"))
		return ports_hold(value, p->dport);
	if (match_is(name, "--ctstate") || match_is(name, "--state"))
		return states_hold(value, p);
	if (match_is(name, "--ctorigdst"))
		return address_holds(value, &p->asked.ip);
	if (match_is(name, "--ctorigdstport"))
		return ports_hold(value, p->asked.port);
	if (match_is(name, "--ctreplsrc"))
		return address_holds(value, &p->server);
	if (match_is(name, "--comment"))
		return MATCH_YES;
	return MATCH_MAYBE;
}

/* "--syn" is printed as "--tcp-flags FIN,SYN,RST,ACK SYN" */
static enum match flags_hold(struct span *rest, const struct tables_packet *p)
{
	const struct span mask = match_word(rest), set = match_word(rest);

	if (!match_is(mask, "FIN,SYN,RST,ACK") || !match_is(set, "SYN"))
		return MATCH_MAYBE;
	return p->answer ? MATCH_MAYBE : MATCH_YES;
}

/* @module: of "-m", the last one: "--mark" is an option of two of them. */
static enum match take_option(
	struct span name, struct span *rest, const struct tables_packet *p, struct span *module)
{
	struct span ahead = *rest, value = match_word(&ahead);

	if (match_is(name, "--tcp-flags"))
		return flags_hold(rest, p);
	if (match_is(name, "--transparent") || match_is(name, "--nowildcard") ||
		match_is(name, "--restore-skmark"))
		return MATCH_YES;
	if (value.n > 0 && value.p[0] != '-' && !match_is(value, "!"))
		*rest = ahead;
	if (match_is(name, "-m"))
		*module = value;
	if (match_is(name, "--mark"))
		return mark_holds(value, match_is(*module, "connmark") ? p->connmark : p->mark);
	return option_holds(name, value, p);
}

enum match match_rule(struct span *rest, const struct tables_packet *p, bool *gotop)
{
	enum match all = MATCH_YES;
	struct span module = SPAN("");
	bool negated = false;

	for (;;) {
		const struct span word = match_word(rest);
		enum match one;

		if (word.n == 0)
			return all;
		*gotop = match_is(word, "-g");
		if (*gotop || match_is(word, "-j"))
			return all;
		if (match_is(word, "!")) {
			negated = true;
			continue;
		}
		one = take_option(word, rest, p, &module);
		if (negated && one != MATCH_MAYBE)
			one = one == MATCH_YES ? MATCH_NO : MATCH_YES;
		negated = false;
		all = one < all ? one : all;
	}
}
