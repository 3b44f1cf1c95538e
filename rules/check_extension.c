/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"
#include "rules/check_table.h"

static void tell_extension(struct words *w, const struct word *word)
{
	const char *names[SMTP_EXT_COUNT + 1];

	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++)
		names[i] = smtp_ext_name((enum smtp_extension)i);
	names[SMTP_EXT_COUNT] = "STARTTLS";
	words_unknown(w, word, names, SMTP_EXT_COUNT + 1);
}

struct extension_list {
	uint32_t bits;
	bool starttls;
};

static void read_extension_name(
	struct words *w, struct table_reading *t, struct extension_list *list)
{
	const struct word *word = words_next(w, "an extension");
	enum smtp_extension ext;
	uint32_t bit;

	if (word == NULL)
		return;
	if (word->kind == WORD_BARE && span_ieq(word->text, SPAN("STARTTLS"))) {
		if (t->starttls_seen)
			WORDS_TELL(w, word, NULL,
				SPAN("\"extension STARTTLS\" may stand only once in a table"));
		t->starttls_seen = list->starttls = true;
		return;
	}
	ext = word->kind == WORD_BARE ? smtp_ext_find(word->text) : SMTP_EXT_COUNT;
	if (ext == SMTP_EXT_COUNT) {
		tell_extension(w, word);
		return;
	}
	bit = 1u << ext;
	if (ext == SMTP_EXT_BINARYMIME)
		WORDS_TELL(w, word, NULL,
			SPAN("BINARYMIME follows \"data binary allow\" and \"data binary "
			     "refuse\""));
	else if (t->extensions_seen & bit)
		WORDS_TELL(w, word, NULL, SPAN("\"extension "), span_str(smtp_ext_name(ext)),
			SPAN("\" may stand only once in a table"));
	t->extensions_seen |= bit;
	list->bits |= bit;
}

static void show_extension(
	struct table_reading *t, enum smtp_extension ext, bool allow, const struct statement *st)
{
	uint32_t bit = 1u << ext;

	t->table->extensions = allow ? t->table->extensions | bit : t->table->extensions & ~bit;
	t->table->extension_at[ext] = st->first->at;
	*(allow ? &t->shown_st[ext] : &t->hidden_st[ext]) = st;
}

void extension_read(struct words *w, void *object)
{
	static const char *const show_words[] = { "allow", "hide" };
	struct table_reading *t = object;
	struct extension_list list = { 0 };
	size_t show;

	do
		read_extension_name(w, t, &list);
	while (words_comma(w));
	show = words_choice(w, show_words, 2);
	if (w->bad)
		return;
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++)
		if (list.bits & 1u << i)
			show_extension(t, (enum smtp_extension)i, show == 0, w->st);
	if (list.starttls) {
		t->table->starttls_offered = show == 0;
		t->table->starttls_at = w->st->first->at;
	}
}

static void hide_verb(
	struct check *c, struct table_reading *t, enum smtp_extension ext, enum smtp_verb verb)
{
	const struct statement *st = t->hidden_st[ext];
	struct verb_row *row = &t->table->verbs[verb];

	if (t->verb_st[verb] == NULL)
		*row = (struct verb_row){ .action = VERB_HIDE,
			.given = true,
			.max = verb_max_usual(verb),
			.at = st->first->at };
	else if (!is_refused(row->action))
		CHECK_TELL(c, st, NULL, SPAN("extension "), span_str(smtp_ext_name(ext)),
			SPAN(" is hidden, which refuses "), span_str(smtp_verb_name(verb)),
			SPAN(", but this table allows that verb"));
}

void extensions_match_verbs(struct check *c, struct table_reading *t)
{
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++) {
		enum smtp_extension ext = (enum smtp_extension)i;
		enum smtp_verb verb = extension_verb(ext);

		if (verb == SMTP_VERB_OTHER)
			continue;
		if (t->hidden_st[i] != NULL)
			hide_verb(c, t, ext, verb);
		else if (t->shown_st[i] != NULL && is_refused(t->table->verbs[verb].action))
			DIAG(c->diags, DIAG_WARNING, t->shown_st[i]->first->at,
				t->shown_st[i]->first->width, NULL, SPAN("extension "),
				span_str(smtp_ext_name(ext)),
				SPAN(" stays hidden, since its verb is refused: add \"verb "),
				span_str(smtp_verb_name(verb)), SPAN("\""));
	}
}
