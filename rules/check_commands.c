/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"
#include "rules/check_table.h"

#define LINE_MAX_OCTETS  12288 /* RFC 4954 4: the longest line any verb has */
#define RECIPIENTS_LEAST 100   /* RFC 5321 4.5.3.1.8 */

/* ---- verb V[, V...] [deny|hide|after-tls] [max N] [limit N per message] [reply "..."] ---- */

static const struct value_schema verb_max = {
	.name = "max", .min = 6, .max = LINE_MAX_OCTETS, .example = "verb RCPT max 512"
};
static const struct value_schema per_message = {
	.name = "limit", .min = 1, .max = 65535, .example = "verb RCPT limit 100 per message"
};

struct verb_list {
	enum smtp_verb verbs[SMTP_VERB_NAMED];
	const struct word *words[SMTP_VERB_NAMED];
	size_t n;
};

static void tell_verb(struct words *w, const struct word *word)
{
	const char *names[SMTP_VERB_NAMED];

	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++)
		names[i] = smtp_verb_name((enum smtp_verb)i);
	words_unknown(w, word, names, SMTP_VERB_MODELLED);
}

static void read_verb_name(struct words *w, struct table_reading *t, struct verb_list *list)
{
	const struct word *word = words_next(w, "a verb");
	enum smtp_verb verb;

	if (word == NULL)
		return;
	verb = word->kind == WORD_BARE ? smtp_verb_find(word->text) : SMTP_VERB_OTHER;
	if (verb == SMTP_VERB_OTHER) {
		tell_verb(w, word);
		return;
	}
	if (t->verb_st[verb] != NULL) {
		WORDS_TELL(w, word, NULL, SPAN("\"verb "), span_str(smtp_verb_name(verb)),
			SPAN("\" may stand only once in a table"));
		return;
	}
	t->verb_st[verb] = w->st;
	list->verbs[list->n] = verb;
	list->words[list->n++] = word;
}

static enum verb_action read_action(struct words *w)
{
	if (words_take(w, "deny"))
		return VERB_DENY;
	if (words_take(w, "hide"))
		return VERB_HIDE;
	if (words_take(w, "after-tls"))
		return VERB_AFTER_TLS;
	return VERB_ALLOW;
}

/* The verb of @list that @max octets are not enough for: what RFC 5321 obliges to take is the usual
 * limit. */
static enum smtp_verb cut_short(const struct verb_list *list, uint64_t max)
{
	for (size_t i = 0; i < list->n; i++)
		if (max < verb_max_usual(list->verbs[i]))
			return list->verbs[i];
	return SMTP_VERB_OTHER;
}

static const char *obliging_clause(enum smtp_verb verb)
{
	if (verb == SMTP_VERB_AUTH)
		return "RFC 4954 4";
	return verb == SMTP_VERB_BDAT ? "RFC 3030 2" : "RFC 5321 4.5.3.1.4";
}

static void warn_max(
	struct words *w, const struct word *word, const struct verb_list *list, uint64_t max)
{
	enum smtp_verb verb = cut_short(list, max);
	uint8_t block[32];
	struct out o;

	if (verb == SMTP_VERB_OTHER)
		return;
	out_init(&o, block, sizeof(block));
	out_u64(&o, verb_max_usual(verb));
	WORDS_WARN(w, word, NULL, SPAN("max "), word->text, SPAN(": "),
		span_str(smtp_verb_name(verb)), SPAN(" may be longer: "),
		span_str(obliging_clause(verb)), SPAN(" obliges to take "), out_span(&o),
		SPAN(" octets"));
}

static void read_verb_max(struct words *w, const struct verb_list *list, struct verb_row *row)
{
	const struct word *word = w->at;
	uint64_t v;

	if (!value_read(w, &verb_max, &v))
		return;
	row->max = (uint16_t)v;
	if (is_refused(row->action))
		WORDS_TELL(w, word, NULL, SPAN("max "), word->text,
			SPAN(": a refused verb has no length"));
	else
		warn_max(w, word, list, v);
}

static void read_per_message(struct words *w, const struct verb_list *list, struct verb_row *row)
{
	const struct word *word = w->at;
	uint64_t v;

	if (!value_read(w, &per_message, &v) || !words_need(w, "per") || !words_need(w, "message"))
		return;
	row->per_message = (uint16_t)v;
	if (is_refused(row->action)) {
		WORDS_TELL(w, word, NULL, SPAN("limit "), word->text,
			SPAN(": a refused verb has no limit"));
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->verbs[i] == SMTP_VERB_RCPT && v < RECIPIENTS_LEAST)
			WORDS_WARN(w, word, NULL, SPAN("limit "), word->text,
				SPAN(" per message: RFC 5321 4.5.3.1.8 obliges to take 100 "
				     "recipients"));
}

static void read_verb_reply(struct words *w, struct verb_row *row)
{
	const struct word *word = w->at;

	if (reply_read(w, &row->reply) && row->action == VERB_ALLOW)
		WORDS_TELL(w, word, NULL,
			SPAN("reply: an allowed verb has none of ours; write \"deny\" or \"hide\" "
			     "in front"));
}

/* STARTTLS and its like are known so that a table can refuse them in words of its own. */
static void check_never(struct words *w, const struct verb_list *list, enum verb_action action)
{
	for (size_t i = 0; i < list->n && !is_refused(action); i++)
		if (list->verbs[i] >= SMTP_VERB_MODELLED)
			WORDS_TELL(w, list->words[i], NULL, SPAN("\""), list->words[i]->text,
				SPAN("\" cannot be allowed where mail is inspected: write \"deny\" "
				     "or \"hide\" behind it"));
}

static void read_verb(struct words *w, void *object)
{
	struct table_reading *t = object;
	struct verb_row row = { .given = true, .at = w->st->first->at };
	struct verb_list list = { .n = 0 };

	do
		read_verb_name(w, t, &list);
	while (words_comma(w));
	row.action = read_action(w);
	check_never(w, &list, row.action);
	if (words_take(w, "max"))
		read_verb_max(w, &list, &row);
	if (words_take(w, "limit"))
		read_per_message(w, &list, &row);
	if (words_take(w, "reply"))
		read_verb_reply(w, &row);
	if (w->bad)
		return;
	for (size_t i = 0; i < list.n; i++) {
		t->table->verbs[list.verbs[i]] = row;
		if (row.max == 0)
			t->table->verbs[list.verbs[i]].max = verb_max_usual(list.verbs[i]);
	}
}

/* ---- data ..., local-part ... ---- */

static const struct value_schema max_line = { .name = "data max-line",
	.min = 64,
	.max = 1u << 20,
	.example = "data max-line 998",
	.offset = offsetof(struct command_table, max_line) };
static const struct value_schema max_header = { .name = "data max-header",
	.unit = UNIT_OCTETS,
	.min = 4096,
	.max = 16u << 20,
	.example = "data max-header 100KiB",
	.offset = offsetof(struct command_table, max_header) };

static void read_bare_newline(struct words *w, struct command_table *table)
{
	static const char *const list[] = { "refuse", "normalise" };

	table->bare_newline =
		words_choice(w, list, 2) == 1 ? SMTP_NEWLINE_NORMALISE : SMTP_NEWLINE_REFUSE;
}

static void read_binary(struct words *w, struct command_table *table)
{
	static const char *const list[] = { "allow", "refuse" };

	table->binary = words_choice(w, list, 2) == 0;
}

static void read_max_line(struct words *w, struct command_table *table)
{
	const struct word *word = w->at;

	if (words_take(w, "off"))
		table->max_line = 0;
	else if (value_store(w, &max_line, table) && table->max_line < 998)
		WORDS_WARN(w, word, NULL, SPAN("data max-line "), word->text,
			SPAN(": RFC 5321 4.5.3.1.6 obliges to take 998 octets"));
}

static void read_max_header(struct words *w, struct command_table *table)
{
	value_store(w, &max_header, table);
}

static const struct {
	const char *name, *example;
	void (*read)(struct words *w, struct command_table *table);
} data_rows[] = {
	{ "bare-newline", "data bare-newline normalise", read_bare_newline },
	{ "binary", "data binary allow", read_binary },
	{ "max-line", "data max-line 998", read_max_line },
	{ "max-header", "data max-header 100KiB", read_max_header },
};
#define DATA_N (sizeof(data_rows) / sizeof(data_rows[0]))

static void read_data(struct words *w, void *object)
{
	struct table_reading *t = object;
	const struct word *word = w->at;
	const char *names[DATA_N];
	size_t i;

	for (i = 0; i < DATA_N; i++)
		names[i] = data_rows[i].name;
	i = words_choice(w, names, DATA_N);
	if (i == DATA_N)
		return;
	if (t->data_seen & 1u << i)
		WORDS_TELL(w, word, NULL, SPAN("\"data "), word->text,
			SPAN("\" may stand only once in a table"));
	t->data_seen |= 1u << i;
	w->example = data_rows[i].example;
	data_rows[i].read(w, t->table);
}

static void read_local_part(struct words *w, void *object)
{
	static const char *const list[] = { "strict", "tolerant" };
	struct table_reading *t = object;

	t->table->local_tolerant = words_choice(w, list, 2) == 1;
}

/* ---- the table ---- */

static const struct block_row rows[] = {
	{ "verb", read_verb, "verb RCPT max 512 limit 100 per message", ROW_MANY },
	{ "extension", extension_read, "extension CHUNKING hide", ROW_MANY },
	{ "data", read_data, "data bare-newline refuse", ROW_MANY },
	{ "local-part", read_local_part, "local-part strict", ROW_ONCE },
};

const struct command_table *table_use(struct words *w)
{
	const struct command_table *built_in = NULL;
	struct named *named;

	if (!w->bad && w->at != NULL && w->at->kind == WORD_BARE)
		built_in = command_table_builtin(w->at->text);
	if (built_in != NULL) {
		words_next(w, "");
		return built_in;
	}
	named = name_use(w, NAMED_COMMANDS);
	return named != NULL ? named->object : NULL;
}

/* Everything of the table behind `like` is copied; what this table says comes on top. */
static void copy_like(struct words *w, struct command_table *table)
{
	const struct word *word = w->at;
	const struct command_table *like = table_use(w);
	const struct command_table own = *table;

	if (like == NULL)
		return;
	if (!like->built_in &&
		!like_follow(w, word, name_find(w->c, NAMED_COMMANDS, word->text), table_read))
		return;
	*table = *like;
	table->name = own.name;
	table->at = own.at;
	table->like = like;
	table->built_in = false;
}

void table_read(struct check *c, struct named *named)
{
	struct words w = words_of(c, named->st, "commands strict like internet { ... }");
	struct table_reading t = { .table = named->object };
	struct block_seen seen;

	if (named->state != LIKE_NEW)
		return;
	named->state = LIKE_OPEN;
	table_preset(t.table);
	if (block_name(&w) && words_take(&w, "like"))
		copy_like(&w, t.table);
	words_end(&w);
	block_read(c, named->st->block, NULL, rows, sizeof(rows) / sizeof(rows[0]), &t, &seen);
	extensions_match_verbs(c, &t);
	named->state = LIKE_DONE;
}
