/* SPDX-License-Identifier: ISC */
#include "rules/print.h"

#include "rules/set.h"

static void print_quoted(struct out *o, struct span text)
{
	out_octet(o, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			out_octet(o, '\\');
		out_octet(o, text.p[i]);
	}
	out_octet(o, '"');
}

static void print_origin(struct print *pr, const struct rules_at *at, const char *indent)
{
	if (!pr->origins || at == NULL || at->line == 0)
		return;
	out_str(pr->o, indent);
	out_str(pr->o, "origin ");
	print_quoted(pr->o, span_str(at->file));
	out_octet(pr->o, ' ');
	out_u64(pr->o, at->line);
	out_octet(pr->o, '\n');
}

void print_open(struct print *pr, const struct rules_at *at, const char *kind, const char *name)
{
	if (pr->o->n > 0) /* an empty line between blocks */
		out_octet(pr->o, '\n');
	print_origin(pr, at, "");
	out_str(pr->o, kind);
	print_word(pr, name);
}

void print_close(struct print *pr)
{
	out_str(pr->o, "}\n");
}

void print_row(struct print *pr, const struct rules_at *at, const char *word)
{
	print_origin(pr, at, "    ");
	out_str(pr->o, "    ");
	out_str(pr->o, word);
}

void print_end(struct print *pr)
{
	out_octet(pr->o, '\n');
}

void print_word(struct print *pr, const char *word)
{
	out_octet(pr->o, ' ');
	out_str(pr->o, word);
}

void print_text(struct print *pr, const char *text)
{
	out_octet(pr->o, ' ');
	print_quoted(pr->o, span_str(text));
}

void print_value(struct print *pr, enum value_unit unit, uint64_t v)
{
	out_octet(pr->o, ' ');
	value_print(pr->o, unit, v);
}

void print_comma(struct print *pr, size_t i)
{
	if (i > 0)
		out_octet(pr->o, ',');
}

void print_endpoint(struct print *pr, const struct rule_endpoint *ep, bool port)
{
	out_octet(pr->o, ' ');
	if (ep->any) {
		out_str(pr->o, "any:");
		out_u64(pr->o, ep->addr.port);
	} else if (port) {
		ip_port_print(pr->o, &ep->addr);
	} else {
		ip_print(pr->o, &ep->addr.ip);
	}
}

/* May it stand without quotes? A "$" would be a macro. */
static bool is_bare(struct span s)
{
	static const char others[] = ".:/-_*@+%=";

	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] < 0x80 &&
			memchr(others, s.p[i], sizeof(others) - 1) == NULL)
			return false;
	return s.n > 0;
}

void print_mailbox(struct print *pr, struct span mailbox)
{
	out_octet(pr->o, ' ');
	if (is_bare(mailbox))
		out_bytes(pr->o, mailbox);
	else
		print_quoted(pr->o, mailbox);
}

void print_member(struct print *pr, const struct set_member *member)
{
	if (member->prefix.ip.family == IP_NONE && !member->below) {
		print_mailbox(pr, member->text);
		return;
	}
	out_octet(pr->o, ' ');
	set_member_print(pr->o, member);
}

static void print_literal(struct print *pr, const struct set_member *literal)
{
	struct span text = literal->text;

	print_member(pr, literal);
	if (literal->prefix.ip.family == IP_NONE && !literal->below &&
		span_chr(text, '.') == text.n && span_chr(text, '@') == text.n)
		out_octet(pr->o, '.'); /* "localhost" alone would be the name of a set */
}

static void print_items(struct print *pr, const struct expr_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		print_comma(pr, i);
		if (items[i].set != NULL)
			print_word(pr, items[i].set->name);
		else
			print_literal(pr, &items[i].literal);
	}
}

void print_expr(struct print *pr, const struct rule_expr *expr, bool in)
{
	if (expr->any)
		print_word(pr, "any");
	else if (in)
		print_word(pr, "in");
	print_items(pr, expr->in, expr->n_in);
	if (expr->n_except > 0)
		print_word(pr, "except");
	print_items(pr, expr->except, expr->n_except);
}

void print_reply(struct print *pr, const struct rule_reply *reply)
{
	out_str(pr->o, " \"");
	out_u64(pr->o, reply->code);
	out_octet(pr->o, ' ');
	for (const char *c = reply->text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			out_octet(pr->o, '\\');
		out_octet(pr->o, (uint8_t)*c);
	}
	out_octet(pr->o, '"');
}
