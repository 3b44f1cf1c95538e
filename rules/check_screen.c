/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"
#include "rules/check.h"

struct screen_reading {
	struct screen *screen;
	struct screen_row *rows; /* room counted before */
};

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- delete | hold | refuse ["reply"] | forward "address" | strip ---- */

static const char *read_address(struct words *w)
{
	static const struct path_rules rules = { 0 };
	const struct word *word = w->at;
	const char *text = words_text(w, "a mail address");
	uint8_t block[SMTP_PATH_MAX + 2];
	struct smtp_path path;
	struct out o;
	size_t used;

	if (text == NULL)
		return NULL;
	out_init(&o, block, sizeof(block));
	out_octet(&o, '<');
	out_bytes(&o, word->text);
	out_octet(&o, '>');
	if (o.full || path_parse(out_span(&o), &rules, &path, &used) != PATH_OK || used != o.n)
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no mail address, as in \"abuse@example.org\""));
	return text;
}

static void read_refusal(struct words *w, struct screen_row *row)
{
	const struct word *word = w->at;
	struct rule_reply reply;

	if (word != NULL && reply_read(w, &reply))
		row->action_text = arena_str(w->c->arena, word->text);
}

static void read_action(struct words *w, struct screen_row *row)
{
	static const char *const actions[] = { "delete", "hold", "refuse", "forward", "strip" };
	const struct word *word = w->at;
	size_t i = words_choice(w, actions, ROWS(actions));

	if (i == ROWS(actions))
		return;
	row->action = (enum screen_action)i;
	if (row->action == SCREEN_REFUSE)
		read_refusal(w, row);
	else if (row->action == SCREEN_FORWARD)
		row->action_text = read_address(w);
	else if (row->action == SCREEN_STRIP && row->kind != SCREEN_ATTACHMENT_NAME &&
		 row->kind != SCREEN_ATTACHMENT_OVER)
		WORDS_TELL(
			w, word, NULL, SPAN("\"strip\" takes attachments out; here stands none"));
}

/* ---- rows ---- */

static struct screen_row *new_row(struct words *w, struct screen_reading *r, enum screen_kind kind)
{
	struct screen_row *row = &r->rows[r->screen->n_rows++];

	row->kind = kind;
	row->at = w->st->first->at;
	return row;
}

static void read_mailbox(struct words *w, struct screen_reading *r, enum screen_kind kind)
{
	struct screen_row *row = new_row(w, r, kind);

	expr_read(w, SET_MAIL, true, &row->expr);
	if (!w->bad)
		read_action(w, row);
}

static void read_sender(struct words *w, void *object)
{
	read_mailbox(w, object, SCREEN_SENDER);
}

static void read_recipient(struct words *w, void *object)
{
	read_mailbox(w, object, SCREEN_RECIPIENT);
}

static void read_texts(struct words *w, struct screen_row *row, const char *what)
{
	const char **texts;
	size_t max = 1;

	for (const struct word *word = w->at; word != NULL; word = word->next)
		max += word->kind == WORD_COMMA;
	texts = ARENA_ARRAY(w->c->arena, const char *, max);
	row->names = texts;
	if (texts == NULL)
		return;
	do
		texts[row->n_names++] = words_text(w, what);
	while (row->n_names < max && words_comma(w));
}

static const struct value_schema over = { .name = "attachment over",
	.unit = UNIT_OCTETS,
	.min = 1,
	.max = 2ull << 30,
	.example = "attachment over 20MiB refuse",
	.offset = offsetof(struct screen_row, over),
	.wide = true };

static void read_attachment(struct words *w, void *object)
{
	static const char *const kinds[] = { "name", "over" };
	struct screen_row *row = new_row(w, object, SCREEN_ATTACHMENT_NAME);

	if (words_choice(w, kinds, 2) == 1) {
		row->kind = SCREEN_ATTACHMENT_OVER;
		value_store(w, &over, row);
	} else {
		read_texts(w, row, "a pattern of names");
	}
	read_action(w, row);
}

static void read_keyword(struct words *w, void *object)
{
	static const char *const parts[] = { "subject", "header", "body" };
	struct screen_row *row = new_row(w, object, SCREEN_KEYWORD);

	read_texts(w, row, "a keyword");
	words_need(w, "in");
	do {
		const struct word *word = w->at;
		size_t i = words_choice(w, parts, ROWS(parts));

		if (i == ROWS(parts))
			return;
		if (row->parts & 1u << i)
			WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\" stands twice"));
		row->parts |= 1u << i;
	} while (words_comma(w));
	read_action(w, row);
}

static const struct block_row rows[] = {
	{ "sender", read_sender, "sender in bad-senders delete", ROW_MANY },
	{ "recipient", read_recipient, "recipient in closed-boxes refuse", ROW_MANY },
	{ "attachment", read_attachment, "attachment name \"*.exe\", \"*.scr\" hold", ROW_MANY },
	{ "keyword", read_keyword, "keyword \"wire transfer\" in subject, body hold", ROW_MANY },
};

void screen_read(struct check *c, struct named *named)
{
	struct screen_reading r = { .screen = named->object };
	struct words w = words_of(c, named->st, "screen outbound like inbound { ... }");
	struct block_seen seen;

	if (named->state != LIKE_NEW)
		return;
	named->state = LIKE_OPEN;
	r.rows = ARENA_ARRAY(c->arena, struct screen_row, statements_count(named->st->block));
	if (r.rows == NULL)
		return;
	r.screen->rows = r.rows;
	if (block_name(&w) && words_take(&w, "like")) {
		const struct word *word = w.at;
		struct named *like = name_use(&w, NAMED_SCREEN);
		if (like != NULL && like_follow(&w, word, like, screen_read))
			r.screen->like = like->object;
	}
	words_end(&w);
	block_read(c, named->st->block, NULL, rows, ROWS(rows), &r, &seen);
	named->state = LIKE_DONE;
}
