/* SPDX-License-Identifier: ISC */
#include "cli/doctor_tables.h"

#include <errno.h>
#include <stdlib.h>

/* ---- words ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is(struct span word, const char *text)
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

/* Takes the next word out of @s; empty at its end. */
static struct span next_word(struct span *s)
{
	struct span word;

	while (s->n > 0 && is_blank(s->p[0]))
		*s = span_from(*s, 1);
	word = span_sub(*s, 0, word_size(*s));
	*s = span_from(*s, word.n);
	return word;
}

struct span tables_option(struct span rule, const char *name)
{
	bool negated = false;

	for (;;) {
		struct span word = next_word(&rule);

		if (word.n == 0)
			return word;
		if (is(word, name) && !negated)
			return next_word(&rule);
		negated = is(word, "!");
	}
}

/* ---- reading ---- */

static bool keep(struct tables *t, struct tables_line line)
{
	if (t->n >= TABLES_RULES)
		return true;
	if (t->n == t->room) {
		const size_t room = t->room > 0 ? t->room * 2 : 256;
		struct tables_line *lines = realloc(t->lines, room * sizeof(*lines));

		if (lines == NULL)
			return false;
		t->lines = lines;
		t->room = room;
	}
	t->lines[t->n++] = line;
	return true;
}

/* One line of the output; @tablep is the table that it stands in. */
static bool read_line(struct tables *t, struct span line, struct span *tablep)
{
	struct span rest = line, word = next_word(&rest);

	if (word.n > 1 && word.p[0] == '*') {
		*tablep = span_from(word, 1);
	} else if (word.n > 1 && word.p[0] == ':') {
		const struct span policy = next_word(&rest);

		return keep(t,
			(struct tables_line){ *tablep, span_from(word, 1), policy, .rule = false });
	} else if (is(word, "-A")) {
		word = next_word(&rest);
		return keep(t, (struct tables_line){ *tablep, word, rest, .rule = true });
	}
	return true;
}

int tables_read(struct tables *t, struct span text)
{
	struct span table = SPAN("");

	*t = (struct tables){ 0 };
	while (text.n > 0) {
		const size_t n = span_chr(text, '\n');

		if (!read_line(t, span_sub(text, 0, n), &table))
			return -ENOMEM;
		text = span_from(text, n + 1);
	}
	return 0;
}

void tables_free(struct tables *t)
{
	free(t->lines);
	*t = (struct tables){ 0 };
}

bool tables_has_chain(const struct tables *t, const char *head)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->lines[i].rule && span_istarts(t->lines[i].chain, span_str(head)))
			return true;
	return false;
}

/* ---- does one match hold? ---- */

enum holds { NO, MAYBE, YES };

static enum holds sure(bool yes)
{
	return yes ? YES : NO;
}

static enum holds address_holds(struct span text, const struct ip *ip)
{
	struct ip_prefix prefix;

	if (ip->family == IP_NONE || !ip_prefix_parse(text, &prefix))
		return MAYBE;
	return sure(ip_in(ip, &prefix));
}

/* "ext", or "eth+" for all that begin so. */
static enum holds interface_holds(struct span pattern, struct span name)
{
	if (name.n == 0) /* others than our own packets are asked about */
		return is(pattern, "lo") ? NO : MAYBE;
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '+') {
		pattern.n--;
		return sure(name.n >= pattern.n && span_eq(span_sub(name, 0, pattern.n), pattern));
	}
	return sure(span_eq(pattern, name));
}

/* "25" or "1000:2000" */
static enum holds range_holds(struct span range, uint16_t port)
{
	const size_t colon = span_chr(range, ':');
	const struct span last = colon < range.n ? span_from(range, colon + 1) : range;
	uint64_t from, to;

	if (!span_u64(span_sub(range, 0, colon), 65535, &from) || !span_u64(last, 65535, &to))
		return MAYBE;
	return sure(port >= from && port <= to);
}

static enum holds ports_hold(struct span list, uint16_t port)
{
	enum holds best = NO;

	if (port == 0)
		return MAYBE;
	while (list.n > 0) {
		const size_t n = span_chr(list, ',');
		const enum holds one = range_holds(span_sub(list, 0, n), port);

		best = one > best ? one : best;
		list = span_from(list, n + 1);
	}
	return best;
}

static enum holds states_hold(struct span list, const struct tables_packet *p)
{
	while (list.n > 0) {
		const size_t n = span_chr(list, ',');
		const struct span state = span_sub(list, 0, n);

		if (is(state, p->answer ? "ESTABLISHED" : "NEW") ||
			(is(state, "DNAT") && p->diverted))
			return YES;
		list = span_from(list, n + 1);
	}
	return NO;
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

static enum holds mark_holds(struct span text, uint32_t mark)
{
	uint32_t value, mask;

	if (!tables_mark(text, &value, &mask))
		return MAYBE;
	return sure((mark & mask) == value);
}

/* Each option that is known, with one value behind it. */
static enum holds option_holds(struct span name, struct span value, const struct tables_packet *p)
{
	if (is(name, "-p"))
		return sure(is(value, "tcp") || is(value, "6"));
	if (is(name, "-s"))
		return address_holds(value, &p->src);
	if (is(name, "-d"))
		return address_holds(value, &p->dst);
	if (is(name, "-i"))
		return interface_holds(value, p->in);
	if (is(name, "-o"))
		return interface_holds(value, p->out);
	if (is(name, "-m"))
		return is(value, "socket") ? (p->answer ? YES : MAYBE) : YES;
	if (is(name, "--dport") || is(name, "--dports"))
		return ports_hold(value, p->dport);
	if (is(name, "--ctstate") || is(name, "--state"))
		return states_hold(value, p);
	if (is(name, "--ctorigdst"))
		return address_holds(value, &p->asked.ip);
	if (is(name, "--ctorigdstport"))
		return ports_hold(value, p->asked.port);
	if (is(name, "--mark"))
		return mark_holds(value, p->mark);
	if (is(name, "--comment"))
		return YES;
	return MAYBE;
}

/* "--syn" is printed as "--tcp-flags FIN,SYN,RST,ACK SYN" */
static enum holds flags_hold(struct span *rest, const struct tables_packet *p)
{
	const struct span mask = next_word(rest), set = next_word(rest);

	if (!is(mask, "FIN,SYN,RST,ACK") || !is(set, "SYN"))
		return MAYBE;
	return p->answer ? MAYBE : YES;
}

static enum holds take_option(struct span name, struct span *rest, const struct tables_packet *p)
{
	struct span ahead = *rest, value = next_word(&ahead);

	if (is(name, "--tcp-flags"))
		return flags_hold(rest, p);
	if (is(name, "--transparent") || is(name, "--nowildcard") || is(name, "--restore-skmark"))
		return YES;
	if (value.n > 0 && value.p[0] != '-' && !is(value, "!"))
		*rest = ahead;
	return option_holds(name, value, p);
}

/* The matches in front of the target; @rest is left behind "-j". */
static enum holds rule_holds(struct span *rest, const struct tables_packet *p, bool *gotop)
{
	enum holds all = YES;
	bool negated = false;

	for (;;) {
		const struct span word = next_word(rest);
		enum holds one;

		if (word.n == 0)
			return all;
		*gotop = is(word, "-g");
		if (*gotop || is(word, "-j"))
			return all;
		if (is(word, "!")) {
			negated = true;
			continue;
		}
		one = take_option(word, rest, p);
		if (negated && one != MAYBE)
			one = one == YES ? NO : YES;
		negated = false;
		all = one < all ? one : all;
	}
}

/* ---- the walk ---- */

struct walk {
	const struct tables *t;
	struct span table;
	const struct tables_packet *packet;
	tables_want *want;
	const void *context;
	size_t steps;
	struct tables_end end;
};

static bool ends_the_walk(struct span target)
{
	static const char *const targets[] = { "ACCEPT", "DROP", "REJECT", "REDIRECT", "DNAT",
		"TPROXY", "QUEUE", "NFQUEUE", "SNAT", "MASQUERADE", "NETMAP" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (is(target, targets[i]))
			return true;
	return false;
}

enum goes { ON, BACK, DONE };

static enum goes walk_chain(struct walk *w, struct span chain, enum holds so_far, unsigned depth);

static void decide(struct walk *w, const struct tables_line *l, struct span target,
	struct span options, bool found)
{
	w->end.line = l->rest;
	w->end.target = target;
	w->end.options = options;
	w->end.found = found;
}

static enum goes walk_rule(
	struct walk *w, const struct tables_line *l, enum holds so_far, unsigned depth)
{
	struct span rest = l->rest, target;
	bool go_to = false, wanted;
	enum holds holds = rule_holds(&rest, w->packet, &go_to);
	enum goes goes;

	holds = holds < so_far ? holds : so_far;
	target = next_word(&rest);
	if (holds == NO || target.n == 0)
		return ON;
	wanted = w->want != NULL && w->want(target, rest, w->context);
	if (wanted || (holds == YES && ends_the_walk(target))) {
		decide(w, l, target, rest, wanted);
		return DONE;
	}
	if (ends_the_walk(target)) {
		w->end.doubt = true;
		return ON;
	}
	if (is(target, "RETURN"))
		return holds == YES ? BACK : ON;
	goes = walk_chain(w, target, holds, depth + 1);
	return goes == DONE ? DONE : go_to && holds == YES ? BACK : ON;
}

static enum goes walk_chain(struct walk *w, struct span chain, enum holds so_far, unsigned depth)
{
	for (size_t i = 0; depth < TABLES_DEPTH && i < w->t->n; i++) {
		const struct tables_line *l = &w->t->lines[i];
		enum goes goes;

		if (++w->steps > TABLES_STEPS)
			break;
		if (!l->rule || !span_eq(l->chain, chain) || !span_eq(l->table, w->table))
			continue;
		goes = walk_rule(w, l, so_far, depth);
		if (goes != ON)
			return goes;
	}
	return ON;
}

static void take_policy(struct walk *w, struct span chain)
{
	for (size_t i = 0; i < w->t->n; i++) {
		const struct tables_line *l = &w->t->lines[i];

		if (!l->rule && span_eq(l->chain, chain) && span_eq(l->table, w->table))
			decide(w, l, l->rest, SPAN(""), false);
	}
}

struct tables_end tables_walk(const struct tables *t, const char *table, const char *hook,
	const struct tables_packet *packet, tables_want *want, const void *context)
{
	struct walk w = { .t = t,
		.table = span_str(table),
		.packet = packet,
		.want = want,
		.context = context,
		.end = { .target = SPAN("ACCEPT") } };

	if (walk_chain(&w, span_str(hook), YES, 0) != DONE)
		take_policy(&w, span_str(hook));
	return w.end;
}
