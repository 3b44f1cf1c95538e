/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define NAME_MAX_OCTETS 64

static const struct {
	const char *word, *plain; /* as written, as spoken */
	size_t size;              /* of its object */
	size_t name, at;          /* offsets in it */
} kinds[NAMED_COUNT] = {
#define KIND(type) sizeof(struct type), offsetof(struct type, name), offsetof(struct type, at)
	[NAMED_SET] = { "set", "set", KIND(rule_set) },
	[NAMED_SCHEDULE] = { "schedule", "schedule", KIND(schedule) },
	[NAMED_COMMANDS] = { "commands", "command table", KIND(command_table) },
	[NAMED_SCREEN] = { "screen", "screen", KIND(screen) },
	[NAMED_CERTIFICATE] = { "certificate", "certificate", KIND(certificate) },
	[NAMED_AUTH] = { "auth", "auth", KIND(auth) },
	[NAMED_ROUTE] = { "route", "route", KIND(route) },
	[NAMED_PUBLISH] = { "publish", "publish", KIND(publish) },
	[NAMED_RELAY] = { "relay", "relay", sizeof(struct relay),
		offsetof(struct relay, front.name), offsetof(struct relay, front.at) },
#undef KIND
};

/* Words that may stand where a name may: taken as names, a statement could be read in two ways. */
static const char *const reserved[] = { "any", "except", "in", "like", "original", "mx", "required",
	"optional", "none", "pass", "inspect", "commands", "screen", "next-hop" };

/* Tables that every rules file has: names that cannot be given again. */
static const char *const built_in[] = { "internet", "submission", "isa2000" };
#define BUILT_IN_N (sizeof(built_in) / sizeof(built_in[0]))

static enum named_kind kind_of(const struct statement *st)
{
	for (unsigned k = 0; k < NAMED_COUNT; k++)
		if (word_is(st->first, kinds[k].word))
			return (enum named_kind)k;
	return NAMED_COUNT;
}

static bool is_name(struct span s)
{
	if (s.n == 0 || s.n > NAME_MAX_OCTETS || !ascii_alpha(s.p[0]))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

static bool is_one_of(struct span s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq(s, span_str(list[i])))
			return true;
	return false;
}

/* ---- finding a name: a file may hold hundreds of thousands ---- */

static bool index_make(struct arena *arena, struct named_list *l, size_t n)
{
	l->items = ARENA_ARRAY(arena, struct named, n);
	for (l->n_slots = 2; l->n_slots < 2 * n;)
		l->n_slots *= 2;
	l->slots = ARENA_ARRAY(arena, uint32_t, l->n_slots);
	return l->items != NULL && l->slots != NULL;
}

/* FNV-1a. Whoever writes the rules file may choose names that collide: it costs nobody else. */
static size_t hash(struct span name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * 16777619u;
	return h;
}

/* Where @name stands in the index, or belongs. */
static uint32_t *slot_of(const struct named_list *l, struct span name)
{
	size_t i = hash(name) & (l->n_slots - 1);

	while (l->slots[i] != 0 && !span_eq(span_str(l->items[l->slots[i] - 1].name), name))
		i = (i + 1) & (l->n_slots - 1);
	return &l->slots[i];
}

struct named *name_find(struct check *c, enum named_kind kind, struct span name)
{
	struct named_list *l = &c->names[kind];
	const uint32_t slot = *slot_of(l, name);

	return slot != 0 ? &l->items[slot - 1] : NULL;
}

/* Of two with one name the first is found. */
static void name_add(struct named_list *l, struct named named)
{
	uint32_t *slot = slot_of(l, span_str(named.name));

	l->items[l->n++] = named;
	if (*slot == 0)
		*slot = (uint32_t)l->n;
}

/* ---- declaring ---- */

/* What is wrong with a new name, if anything. */
static void judge(struct words *w, enum named_kind kind, const struct word *word)
{
	const struct named *first = name_find(w->c, kind, word->text);

	if (!words_bare(w, word, "a name"))
		return;
	if (!is_name(word->text)) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no name: a letter, then letters, digits, \"-\" and \"_\", 64 "
			     "at most"));
		return;
	}
	if (is_one_of(word->text, reserved, sizeof(reserved) / sizeof(reserved[0]))) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is a word of the language and no name"));
		return;
	}
	if (kind == NAMED_COMMANDS && is_one_of(word->text, built_in, BUILT_IN_N)) {
		WORDS_TELL(w, word, NULL, SPAN("command table \""), word->text,
			SPAN("\" is built in; take another name, as in \"commands strict like "),
			word->text, SPAN("\""));
		return;
	}
	if (kind == NAMED_SET && span_eq(word->text, SPAN("bans"))) {
		WORDS_TELL(w, word, NULL,
			SPAN("set \"bans\" is that of the clients whom limits ban; "
			     "take another name"));
		return;
	}
	if (first != NULL)
		WORDS_TELL(w, word, NULL, span_str(kinds[kind].plain), SPAN(" \""), word->text,
			SPAN("\" stands in "), span_str(at_text(w->c, &first->st->first->at)),
			SPAN(" already; names of one kind differ"));
}

static void declare(struct check *c, const struct statement *st, enum named_kind kind)
{
	struct words w = words_of(c, st, "publish NAME { ... }");
	uint8_t *object = arena_alloc(c->arena, 1, kinds[kind].size);
	const struct word *word = NULL;
	const char *name = "";

	if (!st->faulty)
		word = words_next(&w, "a name");
	else if (st->first->next != NULL && st->first->next->kind != WORD_COMMA)
		word = st->first->next;
	if (word != NULL)
		name = arena_str(c->arena, word->text);
	if (object == NULL || name == NULL)
		return;
	memcpy(object + kinds[kind].name, &name, sizeof(name));
	memcpy(object + kinds[kind].at, &st->first->at, sizeof(st->first->at));
	if (word != NULL && !st->faulty)
		judge(&w, kind, word);
	/* A double or a bad name is told; its block is looked at all the same. */
	name_add(&c->names[kind], (struct named){ .name = name, .st = st, .object = object });
}

void names_declare(struct check *c, const struct statement *list)
{
	size_t n[NAMED_COUNT] = { 0 };

	for (const struct statement *st = list; st != NULL; st = st->next) {
		enum named_kind kind = kind_of(st);
		if (kind != NAMED_COUNT)
			n[kind]++;
	}
	for (unsigned k = 0; k < NAMED_COUNT; k++)
		if (!index_make(c->arena, &c->names[k], n[k]))
			return;
	for (const struct statement *st = list; st != NULL; st = st->next) {
		enum named_kind kind = kind_of(st);
		if (kind != NAMED_COUNT)
			declare(c, st, kind);
	}
}

void *names_objects(struct check *c, enum named_kind kind, size_t *np)
{
	struct named_list *l = &c->names[kind];
	void **list = ARENA_ARRAY(c->arena, void *, l->n);

	*np = list != NULL ? l->n : 0;
	for (size_t i = 0; i < *np; i++)
		list[i] = l->items[i].object;
	return list;
}

#define SUGGEST_MAX 256 /* names looked at for a suggestion */

static void tell_undefined(struct words *w, enum named_kind kind, const struct word *word)
{
	const struct named_list *l = &w->c->names[kind];
	const char *names[SUGGEST_MAX + BUILT_IN_N];
	size_t n = 0;
	const char *hint;

	for (size_t i = 0; i < l->n && i < SUGGEST_MAX; i++)
		names[n++] = l->items[i].name;
	for (size_t i = 0; kind == NAMED_COMMANDS && i < BUILT_IN_N; i++)
		names[n++] = built_in[i];
	hint = diag_suggest(word->text, names, n);
	if (hint != NULL)
		WORDS_TELL(w, word, NULL, SPAN("undefined "), span_str(kinds[kind].plain),
			SPAN(" \""), word->text, SPAN("\"; did you mean \""), span_str(hint),
			SPAN("\"?"));
	else
		WORDS_TELL(w, word, NULL, SPAN("undefined "), span_str(kinds[kind].plain),
			SPAN(" \""), word->text, SPAN("\": define it by \""),
			span_str(kinds[kind].word), SPAN(" "), word->text, SPAN(" { ... }\""));
}

struct named *name_use(struct words *w, enum named_kind kind)
{
	const struct word *word = words_next(w, "a name");
	struct named *named;

	if (word == NULL || !words_bare(w, word, "a name"))
		return NULL;
	named = name_find(w->c, kind, word->text);
	if (named == NULL &&
		is_one_of(word->text, reserved, sizeof(reserved) / sizeof(reserved[0])))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" does not belong here; the statement is \""), span_str(w->example),
			SPAN("\""));
	else if (named == NULL)
		tell_undefined(w, kind, word);
	return named;
}

#define LIKE_DEPTH_MAX 16

bool like_follow(struct words *w, const struct word *word, struct named *named,
	void (*read)(struct check *c, struct named *named))
{
	struct check *c = w->c;

	if (named->state == LIKE_OPEN) {
		WORDS_TELL(
			w, word, NULL, SPAN("\"like "), word->text, SPAN("\" leads in a circle"));
		return false;
	}
	if (c->like_depth == LIKE_DEPTH_MAX) {
		WORDS_TELL(w, word, NULL, SPAN("\"like "), word->text,
			SPAN("\": more than 16 blocks in a row"));
		return false;
	}
	c->like_depth++;
	read(c, named);
	c->like_depth--;
	return true;
}
