/* SPDX-License-Identifier: ISC */
#include "rules/macro.h"

#include "base/ip.h"

struct macro {
	struct span name;
	struct rules_at at;
	const struct word
		*value; /* macros put in; NULL: not defined yet, or its definition bears a fault */
	bool done;      /* its `define` was passed */
};

struct macros {
	struct arena *arena;
	struct diags *diags;
	struct macro *macros;
	const char **names; /* the same, for suggestions */
	size_t n, room;
};

static bool keyword(const struct statement *s, struct span word)
{
	return s->first->kind == WORD_BARE && span_eq(s->first->text, word);
}

static bool name_octet(uint8_t c, bool first)
{
	return ascii_alpha(c) || c == '_' || (!first && (ascii_digit(c) || c == '-'));
}

/* Octets of the name that @s begins with. */
static size_t name_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && name_octet(s.p[n], n == 0))
		n++;
	return n;
}

static struct macro *find(const struct macros *ms, struct span name)
{
	for (size_t i = 0; i < ms->n; i++)
		if (span_eq(ms->macros[i].name, name))
			return &ms->macros[i];
	return NULL;
}

/* ---- one word that holds a "$" ---- */

/* What is being put together: the words that stand for one statement's. */
struct putting {
	struct macros *ms;
	struct statement *statement;
	struct word **tail;
	unsigned n;
};

static void error(struct macros *ms, struct statement *s, struct rules_at at, size_t width,
	const char *text, const char *help)
{
	s->faulty = true;
	diag_add(ms->diags, DIAG_ERROR, at, (uint32_t)width, span_str(text), help);
}

/* Room of the arena, as long as macros have not used up their share. */
static void *room(struct putting *p, const struct word *w, size_t size)
{
	if (p->statement->faulty)
		return NULL;
	if (size > p->ms->room || p->n > TREE_WORDS_MAX) {
		error(p->ms, p->statement, w->at, w->width,
			"macros make too much of this statement",
			"long lists belong in a set file: file \"NAME\"");
		return NULL;
	}
	p->ms->room -= size;
	return arena_alloc(p->ms->arena, 1, size);
}

static void undefined(struct putting *p, struct rules_at at, struct span name)
{
	struct macros *ms = p->ms;
	const char *near = diag_suggest(name, ms->names, ms->n);

	p->statement->faulty = true;
	if (near == NULL) {
		DIAG(ms->diags, DIAG_ERROR, at, (uint32_t)name.n + 1,
			"define it above: define NAME = VALUE", SPAN("undefined macro \"$"), name,
			SPAN("\""));
		return;
	}
	DIAG(ms->diags, DIAG_ERROR, at, (uint32_t)name.n + 1, NULL, SPAN("undefined macro \"$"),
		name, SPAN("\"; did you mean \"$"), span_str(near), SPAN("\"?"));
}

/* The value of the macro that @text begins behind "$", its length in @np; NULL: faulty, and said
 * so. */
static const struct word *value_of(
	struct putting *p, struct rules_at at, struct span text, size_t *np)
{
	size_t n = name_length(text);
	struct span name = span_sub(text, 0, n);
	const struct macro *m;

	*np = n;
	if (n == 0) {
		error(p->ms, p->statement, at, 1, "a macro's name is expected behind \"$\"",
			"a \"$\" that is meant as itself stands in quotes");
		return NULL;
	}
	m = find(p->ms, name);
	if (m == NULL) {
		undefined(p, at, name);
		return NULL;
	}
	if (!m->done)
		error(p->ms, p->statement, at, n + 1, "macro used above its definition",
			"move the \"define\" up");
	if (m->value == NULL)
		p->statement->faulty = true;
	return m->value;
}

static void put(struct putting *p, const struct word *w, enum word_kind kind, struct span text)
{
	struct word *copy;

	p->n++;
	copy = room(p, w, sizeof *copy);
	if (copy == NULL)
		return;
	*copy = (struct word){ .kind = kind, .text = text, .at = w->at, .width = w->width };
	*p->tail = copy;
	p->tail = &copy->next;
}

/* A word that is "$NAME" and nothing else. */
static void put_value(struct putting *p, const struct word *w, const struct word *value)
{
	for (; value != NULL; value = value->next)
		put(p, w, value->kind, value->text);
}

static bool bare_ip6(struct span text)
{
	struct ip ip;

	return span_chr(text, ':') < text.n && ip_parse(text, &ip);
}

/* May @value stand inside a longer word, @rest behind it? */
static bool fits_inside(struct putting *p, struct rules_at at, size_t width,
	const struct word *value, struct span rest)
{
	const char *why = NULL, *help = NULL;

	if (value->next != NULL) {
		why = "the value of this macro is a list: it cannot be part of a word";
		help = "write \"$NAME\" by itself, or one macro for each value";
	} else if (value->kind != WORD_BARE) {
		why = "the value of this macro is quoted text: it cannot be part of a word";
	} else if (rest.n > 0 && rest.p[0] == ':' && bare_ip6(value->text)) {
		why = "the value of this macro is an IPv6 address: brackets are missing before the "
		      "port";
		help = "write \"[$NAME]:PORT\", or \"define NAME = [ADDRESS]\"";
	}
	if (why != NULL)
		error(p->ms, p->statement, at, width, why, help);
	return why == NULL;
}

/* A word with macros and other text in it: one word again. */
static void put_composed(struct putting *p, const struct word *w)
{
	uint8_t block[TREE_WORD_MAX];
	struct span text = w->text;
	struct out o;
	uint8_t *copy;

	out_init(&o, block, sizeof block);
	while (text.n > 0) {
		size_t dollar = span_chr(text, '$'), n;
		struct rules_at at = w->at;
		const struct word *value;

		out_bytes(&o, span_sub(text, 0, dollar));
		text = span_from(text, dollar);
		if (text.n == 0)
			break;
		at.column += (uint32_t)(text.p - w->text.p);
		value = value_of(p, at, span_from(text, 1), &n);
		text = span_from(text, n + 1);
		if (value == NULL || !fits_inside(p, at, n + 1, value, text))
			return;
		out_bytes(&o, value->text);
	}
	if (o.full) {
		error(p->ms, p->statement, w->at, w->width,
			"word too long with its macros put in; 1024 octets are allowed", NULL);
		return;
	}
	copy = room(p, w, o.n);
	if (copy == NULL)
		return;
	memcpy(copy, block, o.n);
	put(p, w, WORD_BARE, span_of(copy, o.n));
}

static void put_word(struct putting *p, struct word *w)
{
	size_t dollar = w->kind == WORD_BARE ? span_chr(w->text, '$') : w->text.n, n;
	const struct word *value;

	if (dollar == w->text.n) {
		*p->tail = w;
		p->tail = &w->next;
		p->n++;
	} else if (dollar == 0 && name_length(span_from(w->text, 1)) == w->text.n - 1) {
		value = value_of(p, w->at, span_from(w->text, 1), &n);
		put_value(p, w, value);
	} else {
		put_composed(p, w);
	}
}

/* ---- statements ---- */

/* The loader looks for these without resolving anything. */
static bool takes_no_macro(const struct statement *s)
{
	return keyword(s, SPAN("include")) || keyword(s, SPAN("file")) ||
	       keyword(s, SPAN("timezone"));
}

static const struct word *first_macro(const struct word *w)
{
	while (w != NULL && (w->kind != WORD_BARE || span_chr(w->text, '$') == w->text.n))
		w = w->next;
	return w;
}

/* Puts macros into the words from @first on, which belong to @s. */
static struct word *put_words(struct macros *ms, struct statement *s, struct word *first)
{
	struct word *list = NULL, *w, *after;
	struct putting p = { .ms = ms, .statement = s, .tail = &list };

	if (first_macro(first) == NULL)
		return first;
	for (w = first; w != NULL; w = after) {
		after = w->next;
		w->next = NULL;
		put_word(&p, w);
	}
	return list;
}

static void put_statement(struct macros *ms, struct statement *s)
{
	const struct word *macro = first_macro(s->first);

	if (macro != NULL && macro == s->first)
		error(ms, s, macro->at, macro->width,
			"a statement begins with a keyword, not with a macro", NULL);
	else if (macro != NULL && takes_no_macro(s))
		error(ms, s, macro->at, macro->width, "no macro can stand here",
			"write the name out, in quotes");
	else
		s->first->next = put_words(ms, s, s->first->next);
}

/* A row of a block. */
static void put_row(struct macros *ms, struct statement *s)
{
	if (!keyword(s, SPAN("define")) && !keyword(s, SPAN("include")))
		put_statement(ms, s);
	else if (!s->faulty)
		error(ms, s, s->first->at, s->first->width,
			"\"define\" and \"include\" stand outside of blocks", NULL);
}

/* NAME = VALUE: is it? */
static bool define_formed(const struct statement *s)
{
	const struct word *name = s->first->next, *equals = name != NULL ? name->next : NULL;

	return !s->has_block && equals != NULL && equals->kind == WORD_BARE &&
	       span_eq(equals->text, SPAN("=")) && equals->next != NULL &&
	       equals->next->kind != WORD_COMMA && name->kind == WORD_BARE && name->text.n > 0 &&
	       name_length(name->text) == name->text.n;
}

/* One word, or words with a comma between each two. */
static bool value_formed(const struct word *w)
{
	for (; w->next != NULL; w = w->next->next)
		if (w->next->kind != WORD_COMMA || w->next->next == NULL)
			return false;
	return true;
}

static void define(struct macros *ms, struct statement *s)
{
	struct word *equals;
	struct macro *m;

	if (!define_formed(s)) {
		if (!s->faulty)
			error(ms, s, s->first->at, s->first->width,
				"define NAME = VALUE is expected, with blanks around \"=\"",
				"a name is letters, digits, \"-\" and \"_\", and begins with no "
				"digit");
		return;
	}
	m = find(ms, s->first->next->text);
	if (m == NULL) /* more than MACROS_MAX */
		return;
	if (m->done) {
		error(ms, s, s->first->next->at, s->first->next->width, "macro defined twice",
			"each name has one value");
		return;
	}
	equals = s->first->next->next;
	equals->next = put_words(ms, s, equals->next);
	if (!s->faulty && !value_formed(equals->next))
		error(ms, s, equals->next->at, equals->next->width,
			"a macro's value is one word or one list with commas", NULL);
	m->done = true;
	m->value = s->faulty ? NULL : equals->next;
}

/* All names first, so that a use above its definition is told from an unknown name. */
static void declare(struct macros *ms, struct statement *s)
{
	const struct word *name = s->first->next;
	size_t n;

	if (name == NULL || name->kind != WORD_BARE)
		return;
	n = name_length(name->text); /* "define x=1" declares x: told once is enough */
	if (n == 0 || find(ms, span_sub(name->text, 0, n)) != NULL)
		return;
	if (ms->n == MACROS_MAX) {
		error(ms, s, name->at, name->width, "too many macros; 256 are allowed", NULL);
		return;
	}
	ms->names[ms->n] = arena_str(ms->arena, span_sub(name->text, 0, n));
	if (ms->names[ms->n] == NULL)
		return;
	ms->macros[ms->n] = (struct macro){ .name = span_str(ms->names[ms->n]), .at = name->at };
	ms->macros[ms->n].done = !define_formed(s);
	ms->n++;
}

struct statement *macro_put_in(struct arena *arena, struct statement *list, struct diags *diags)
{
	struct macros ms = { .arena = arena, .diags = diags, .room = MACRO_ROOM_MAX };
	struct statement **next = &list, *s;

	ms.macros = ARENA_ARRAY(arena, struct macro, MACROS_MAX);
	ms.names = ARENA_ARRAY(arena, const char *, MACROS_MAX);
	if (ms.macros == NULL || ms.names == NULL)
		return NULL;
	for (s = list; s != NULL; s = s->next)
		if (keyword(s, SPAN("define")))
			declare(&ms, s);
	while ((s = *next) != NULL) {
		if (keyword(s, SPAN("define"))) {
			define(&ms, s);
			*next = s->next;
		} else {
			put_statement(&ms, s);
			for (struct statement *row = s->block; row != NULL; row = row->next)
				put_row(&ms, row);
			next = &s->next;
		}
	}
	return list;
}
