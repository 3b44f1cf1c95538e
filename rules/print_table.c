/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"
#include "rules/print.h"
#include "rules/rules.h"

static bool at_eq(const struct rules_at *a, const struct rules_at *b)
{
	return a->line == b->line && (a->line == 0 || strcmp(a->file, b->file) == 0);
}

static bool reply_eq(const struct rule_reply *a, const struct rule_reply *b)
{
	return a->code == b->code && (a->code == 0 || strcmp(a->text, b->text) == 0);
}

static bool row_eq(const struct verb_row *a, const struct verb_row *b)
{
	return a->action == b->action && a->given == b->given && a->max == b->max &&
	       a->per_message == b->per_message && reply_eq(&a->reply, &b->reply) &&
	       at_eq(&a->at, &b->at);
}

/* What `like` brings needs no row. */
static bool is_told(const struct command_table *t, unsigned verb)
{
	const struct verb_row *row = &t->verbs[verb];

	return row->given && (t->like == NULL || !row_eq(row, &t->like->verbs[verb]));
}

/* Did an earlier verb of the same row print this one along? */
static bool is_printed(const struct command_table *t, unsigned verb)
{
	for (unsigned i = 0; i < verb; i++)
		if (is_told(t, i) && row_eq(&t->verbs[i], &t->verbs[verb]))
			return true;
	return false;
}

static void print_options(struct print *pr, const struct verb_row *row)
{
	static const char *const actions[] = {
		[VERB_DENY] = "deny", [VERB_HIDE] = "hide", [VERB_AFTER_TLS] = "after-tls"
	};

	if (row->action != VERB_ALLOW)
		print_word(pr, actions[row->action]);
	if (row->action == VERB_ALLOW || row->action == VERB_AFTER_TLS) {
		print_word(pr, "max");
		print_value(pr, UNIT_COUNT, row->max);
	}
	if (row->per_message != 0) {
		print_word(pr, "limit");
		print_value(pr, UNIT_COUNT, row->per_message);
		print_word(pr, "per message");
	}
	if (row->reply.code != 0) {
		print_word(pr, "reply");
		print_reply(pr, &row->reply);
	}
}

static void print_verbs(struct print *pr, const struct command_table *t)
{
	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++) {
		const struct verb_row *row = &t->verbs[i];
		size_t n = 0;

		if (!is_told(t, i) || is_printed(t, i))
			continue;
		print_row(pr, &row->at, "verb");
		for (unsigned j = i; j < SMTP_VERB_NAMED; j++)
			if (is_told(t, j) && row_eq(&t->verbs[j], row)) {
				print_comma(pr, n++);
				print_word(pr, smtp_verb_name((enum smtp_verb)j));
			}
		print_options(pr, row);
		print_end(pr);
	}
}

/* ---- extensions ---- */

static bool is_allowed(const struct command_table *t, unsigned ext)
{
	return t->extensions >> ext & 1;
}

static bool extension_told(const struct command_table *t, unsigned ext)
{
	if (t->like == NULL)
		return is_allowed(t, ext) || t->extension_at[ext].line != 0;
	return is_allowed(t, ext) != is_allowed(t->like, ext) ||
	       !at_eq(&t->extension_at[ext], &t->like->extension_at[ext]);
}

static bool extension_eq(const struct command_table *t, unsigned a, unsigned b)
{
	return is_allowed(t, a) == is_allowed(t, b) &&
	       at_eq(&t->extension_at[a], &t->extension_at[b]);
}

static bool extension_printed(const struct command_table *t, unsigned ext)
{
	for (unsigned i = 0; i < ext; i++)
		if (extension_told(t, i) && extension_eq(t, i, ext))
			return true;
	return false;
}

static void print_extensions(struct print *pr, const struct command_table *t)
{
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++) {
		size_t n = 0;

		if (!extension_told(t, i) || extension_printed(t, i))
			continue;
		print_row(pr, &t->extension_at[i], "extension");
		for (unsigned j = i; j < SMTP_EXT_COUNT; j++)
			if (extension_told(t, j) && extension_eq(t, i, j)) {
				print_comma(pr, n++);
				print_word(pr, smtp_ext_name((enum smtp_extension)j));
			}
		print_word(pr, is_allowed(t, i) ? "allow" : "hide");
		print_end(pr);
	}
	if (t->starttls_at.line != 0 &&
		(t->like == NULL || !at_eq(&t->starttls_at, &t->like->starttls_at))) {
		print_row(pr, &t->starttls_at, "extension STARTTLS");
		print_word(pr, t->starttls_offered ? "allow" : "hide");
		print_end(pr);
	}
}

/* ---- data, local-part ---- */

static void print_choice(struct print *pr, const char *row, const char *word)
{
	print_row(pr, NULL, row);
	print_word(pr, word);
	print_end(pr);
}

static void print_data(struct print *pr, const struct command_table *t)
{
	struct command_table usual = { 0 };
	const struct command_table *base = t->like != NULL ? t->like : &usual;

	table_preset(&usual);
	if (t->bare_newline != base->bare_newline)
		print_choice(pr, "data bare-newline",
			t->bare_newline == SMTP_NEWLINE_NORMALISE ? "normalise" : "refuse");
	if (t->binary != base->binary)
		print_choice(pr, "data binary", t->binary ? "allow" : "refuse");
	if (t->max_line != base->max_line && t->max_line == 0)
		print_choice(pr, "data max-line", "off");
	else if (t->max_line != base->max_line) {
		print_row(pr, NULL, "data max-line");
		print_value(pr, UNIT_COUNT, t->max_line);
		print_end(pr);
	}
	if (t->max_header != base->max_header) {
		print_row(pr, NULL, "data max-header");
		print_value(pr, UNIT_OCTETS, t->max_header);
		print_end(pr);
	}
	if (t->local_tolerant != base->local_tolerant)
		print_choice(pr, "local-part", t->local_tolerant ? "tolerant" : "strict");
}

void print_table(struct print *pr, const struct command_table *table)
{
	print_open(pr, &table->at, "commands", table->name);
	if (table->like != NULL) {
		print_word(pr, "like");
		print_word(pr, table->like->name);
	}
	out_str(pr->o, " {\n");
	print_verbs(pr, table);
	print_extensions(pr, table);
	print_data(pr, table);
	print_close(pr);
}

void rules_print_table(struct out *o, const struct command_table *table)
{
	struct print pr = { .o = o };

	print_table(&pr, table);
}
