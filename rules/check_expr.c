/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

/* ---- expressions ---- */

/* Names hold none of these, and every literal has one: an address, "example.org", "a@b.example",
 * "localhost." */
static bool is_literal(const struct word *word)
{
	return word->kind == WORD_QUOTED || span_chr(word->text, '.') < word->text.n ||
	       span_chr(word->text, ':') < word->text.n || span_chr(word->text, '@') < word->text.n;
}

static void read_literal(
	struct words *w, const struct word *word, enum set_kind kind, struct expr_item *item)
{
	enum set_error error = set_member_parse(word->text, kind, &item->literal);

	if (error != SET_OK)
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\" "),
			span_str(set_error_text(error)));
}

static void read_item(struct words *w, enum set_kind kind, struct expr_item *item)
{
	struct named *named;
	const struct word *word;

	if (w->at != NULL && w->at->kind != WORD_COMMA && is_literal(w->at)) {
		word = words_next(w, "");
		item->at = word->at;
		read_literal(w, word, kind, item);
		return;
	}
	word = w->at;
	named = name_use(w, NAMED_SET);
	if (named == NULL ||
		word == NULL) /* nothing that names a set stood there, and it was told */
		return;
	item->at = word->at;
	item->set = named->object;
	set_use(w, word, named->object, kind);
}

static size_t count_list(const struct words *w)
{
	size_t n = 1;

	for (const struct word *word = w->at; word != NULL; word = word->next)
		n += word->kind == WORD_COMMA;
	return n;
}

static const struct expr_item *read_list(struct words *w, enum set_kind kind, size_t *np)
{
	size_t max = count_list(w);
	struct expr_item *items = ARENA_ARRAY(w->c->arena, struct expr_item, max);

	*np = 0;
	if (items == NULL)
		return NULL;
	do
		read_item(w, kind, &items[(*np)++]);
	while (*np < max && words_comma(w));
	return items;
}

void expr_read(struct words *w, enum set_kind kind, bool in, struct rule_expr *expr)
{
	expr->given = true;
	expr->at = w->st->first->at;
	expr->any = words_take(w, "any");
	if (!expr->any) {
		if (in && !words_need(w, "in"))
			return;
		expr->in = read_list(w, kind, &expr->n_in);
	}
	if (words_take(w, "except"))
		expr->except = read_list(w, kind, &expr->n_except);
}

/* 0.0.0.0/0 and ::/0 are "any" in other words. */
static bool member_is_open(const struct set_member *m)
{
	return m->prefix.ip.family != IP_NONE && m->prefix.bits == 0;
}

bool expr_is_open(const struct rule_expr *expr)
{
	if (!expr->given || expr->any)
		return true;
	for (size_t i = 0; i < expr->n_in; i++) {
		const struct expr_item *item = &expr->in[i];

		if (item->set == NULL && member_is_open(&item->literal))
			return true;
		for (size_t j = 0; item->set != NULL && j < item->set->n_members; j++)
			if (member_is_open(&item->set->members[j]))
				return true;
	}
	return false;
}

/* ---- endpoints ---- */

bool port_parse(struct span text, uint16_t *portp)
{
	uint64_t v;

	if (text.n > 5 || !span_u64(text, 65535, &v) || v == 0)
		return false;
	*portp = (uint16_t)v;
	return true;
}

static bool parse_any(struct span text, struct rule_endpoint *ep)
{
	if (!span_eq(span_sub(text, 0, 4), SPAN("any:")))
		return false;
	ep->any = true;
	return port_parse(span_from(text, 4), &ep->addr.port);
}

/* ADDRESS or [IPv6], no port. */
static bool parse_bare(struct span text, struct ip *ipp)
{
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return ip_parse(span_sub(text, 1, text.n - 2), ipp) && ipp->family == IP_V6;
	return ip_parse(text, ipp);
}

/* "mail.example.org:25" or "mail": names are not looked up, and IPv6 has more than one colon. */
static bool is_host_name(struct span text)
{
	struct span port = span_from(text, span_chr(text, ':') + 1);

	return text.n > 0 && ascii_alpha(text.p[0]) && span_chr(port, ':') == port.n &&
	       !span_eq(span_sub(text, 0, 4), SPAN("any:"));
}

static void tell_endpoint(struct words *w, const struct word *word, bool any, bool port_needed)
{
	struct ip ip;

	if (port_needed && ip_parse(word->text, &ip))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\": the port is missing, as in \""),
			span_str(ip.family == IP_V6 ? "[" : ""), word->text,
			span_str(ip.family == IP_V6 ? "]:25\"" : ":25\""));
	else if (any && span_eq(word->text, SPAN("any")))
		WORDS_TELL(w, word, NULL, SPAN("\"any\": the port is missing, as in \"any:25\""));
	else if (is_host_name(word->text))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is a name; write the address itself, as in \""),
			span_str(w->example), SPAN("\""));
	else
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\": expected ADDRESS"),
			span_str(port_needed ? ":PORT" : " or ADDRESS:PORT"),
			SPAN(" (IPv6 as [2001:db8::1]:25"),
			span_str(any ? "; any:25 for every address" : ""), SPAN("), as in \""),
			span_str(w->example), SPAN("\""));
}

bool endpoint_read(struct words *w, bool any, struct rule_endpoint *ep, bool *port_given)
{
	const struct word *word = words_next(w, "an address");

	*ep = (struct rule_endpoint){ 0 };
	if (word == NULL)
		return false;
	ep->at = word->at;
	if (port_given != NULL)
		*port_given = true;
	if (word->kind == WORD_BARE) {
		if (ip_port_parse(word->text, &ep->addr) || (any && parse_any(word->text, ep)))
			return true;
		if (port_given != NULL && parse_bare(word->text, &ep->addr.ip)) {
			*port_given = false;
			return true;
		}
	}
	tell_endpoint(w, word, any, port_given == NULL);
	return false;
}
