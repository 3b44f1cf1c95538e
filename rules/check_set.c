/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#include <errno.h>

/* ---- what stands in the block ---- */

struct set_counts { /* room needed: one pass counts, the next one fills */
	size_t words, files;
};

static struct set_counts count(const struct statement *list)
{
	struct set_counts n = { 0 };

	for (const struct statement *st = list; st != NULL; st = st->next) {
		n.files += word_is(st->first, "file");
		if (word_is(st->first, "members"))
			for (const struct word *word = st->first->next; word != NULL;
				word = word->next)
				n.words += word->kind != WORD_COMMA;
	}
	return n;
}

struct set_reading {
	struct rule_set *set;
	const struct word **words;
	const char **files;
	bool *optional;
};

static void read_members(struct words *w, void *object)
{
	(void)object; /* read by sets_finish(), when the kind is known */
	do
		words_next(w, "a member");
	while (words_comma(w));
}

static void read_file(struct words *w, void *object)
{
	struct set_reading *r = object;
	const struct word *word = w->at;
	const char *path = words_path(w, "the name of a set file");
	/* Where something else stands there, that is told; not that the file is missing, too. */
	bool optional = words_take(w, "optional") || w->at != NULL;

	if (path == NULL)
		return;
	r->words[r->set->n_files] = word;
	r->files[r->set->n_files] = path;
	r->optional[r->set->n_files++] = optional;
}

static const struct value_schema timeout = {
	.name = "dynamic timeout",
	.unit = UNIT_SECONDS,
	.min = 1,
	.max = 365 * 86400,
	.example = "dynamic timeout 4h",
};

static void read_dynamic(struct words *w, void *object)
{
	struct set_reading *r = object;

	r->set->dynamic = true;
	if (w->at != NULL && words_need(w, "timeout"))
		value_read(w, &timeout, &r->set->timeout_s);
}

static const struct block_row rows[] = {
	{ "members", read_members, "members 192.0.2.1, 198.51.100.0/24", ROW_MANY },
	{ "file", read_file, "file \"blocked.txt\" optional", ROW_MANY },
	{ "dynamic", read_dynamic, "dynamic timeout 4h", ROW_ONCE },
};

void set_read(struct check *c, struct named *named)
{
	struct set_reading r = { .set = named->object };
	struct set_counts n = count(named->st->block);
	struct words w = words_of(c, named->st, "set NAME { ... }");
	struct block_seen seen;

	r.files = ARENA_ARRAY(c->arena, const char *, n.files);
	r.optional = ARENA_ARRAY(c->arena, bool, n.files);
	r.words = ARENA_ARRAY(c->arena, const struct word *, n.files);
	if (c->arena->full)
		return;
	c->sets[r.set->number].file_words = r.words;
	r.set->files = r.files;
	r.set->files_optional = r.optional;
	block_head(&w);
	block_read(c, named->st->block, NULL, rows, sizeof(rows) / sizeof(rows[0]), &r, &seen);
}

/* ---- what it is used for ---- */

static const char *kind_text(enum set_kind kind)
{
	switch (kind) {
	case SET_ADDRESSES: return "addresses";
	case SET_DOMAINS: return "domains";
	case SET_MAIL: return "mail addresses and domains";
	case SET_UNUSED: break;
	}
	return "nothing";
}

static void note_use(struct set_work *work, enum set_kind kind, const struct word *word)
{
	work->kind = kind;
	work->use = word;
}

void set_use(struct words *w, const struct word *word, struct rule_set *set, enum set_kind kind)
{
	struct set_work *first = &w->c->sets[set->number];

	if (set->kind == SET_UNUSED || set->kind == kind) {
		if (set->kind == SET_UNUSED)
			note_use(first, kind, word);
		set->kind = kind;
		return;
	}
	if (set->kind != SET_ADDRESSES && kind != SET_ADDRESSES) {
		/* Domains serve where mail addresses are asked for, so a set for both holds domains
		 * alone. */
		if (kind == SET_DOMAINS)
			note_use(first, kind, word);
		set->kind = SET_DOMAINS;
		return;
	}
	WORDS_TELL(w, word, NULL, SPAN("set \""), word->text, SPAN("\" holds "),
		span_str(kind_text(first->kind)), SPAN(", as it is used in "),
		span_str(at_text(w->c, &first->use->at)), SPAN("; "), span_str(kind_text(kind)),
		SPAN(" belong here: make two sets of it"));
}

/* ---- members, now that the kind is known ---- */

static const struct source *find_source(const struct check *c, const char *path)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind == SOURCE_SET && strcmp(c->sources[i].name, path) == 0)
			return &c->sources[i];
	return NULL;
}

static size_t members_room(
	const struct check *c, const struct rule_set *set, const struct statement *block)
{
	size_t n = count(block).words;

	for (size_t i = 0; i < set->n_files; i++) {
		const struct source *s = find_source(c, set->files[i]);
		if (s != NULL && s->error == 0)
			n += set_file_lines(s->text);
	}
	return n;
}

static void read_word(
	struct check *c, const struct rule_set *set, const struct word *word, struct set_member *m)
{
	enum set_error error = set_member_parse(word->text, set->kind, m);

	if (error == SET_OK)
		return;
	DIAG(c->diags, DIAG_ERROR, word->at, word->width, NULL, SPAN("\""), word->text, SPAN("\" "),
		span_str(set_error_text(error)));
}

static size_t read_words(struct check *c, const struct rule_set *set, const struct statement *list,
	struct set_member *m)
{
	size_t n = 0;

	for (const struct statement *st = list; st != NULL; st = st->next) {
		if (st->faulty || !word_is(st->first, "members"))
			continue;
		for (const struct word *word = st->first->next; word != NULL; word = word->next)
			if (word->kind != WORD_COMMA)
				read_word(c, set, word, &m[n++]);
	}
	return n;
}

static void tell_unreadable(
	struct check *c, const struct word *word, const char *path, const struct source *s)
{
	DIAG(c->diags, DIAG_ERROR, word->at, word->width,
		s == NULL || s->error == ENOENT ? "create it, or write \"optional\" behind its name"
						: NULL,
		SPAN("set file \""), span_str(path), SPAN("\": "),
		span_str(s != NULL ? source_problem(s) : "there is no such file"));
}

static size_t read_files(
	struct check *c, const struct rule_set *set, struct set_member *m, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n_files; i++) {
		const struct source *s = find_source(c, set->files[i]);

		if (s != NULL && s->error == 0)
			n += set_file_parse(s->text, s->name, set->kind, m + n, max - n, c->diags);
		else if (!set->files_optional[i] || (s != NULL && s->error != ENOENT))
			tell_unreadable(c, c->sets[set->number].file_words[i], set->files[i], s);
	}
	return n;
}

static void finish(struct check *c, const struct named *named)
{
	struct rule_set *set = named->object;
	const struct statement *block = named->st->block;
	size_t max = members_room(c, set, block);
	struct set_member *m = ARENA_ARRAY(c->arena, struct set_member, max);
	size_t n;

	if (m == NULL)
		return;
	n = read_words(c, set, block, m);
	n += read_files(c, set, m + n, max - n);
	if (c->diags->errors == 0) /* members that did not parse have no order */
		set_finish(set, m, n);
}

void sets_finish(struct check *c)
{
	for (size_t i = 0; i < c->names[NAMED_SET].n; i++)
		finish(c, &c->names[NAMED_SET].items[i]);
}
