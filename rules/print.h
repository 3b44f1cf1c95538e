/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Canonical text of a rule set: one statement a line. Private to rules/print*.c
 * and rules/diff*.c.
 *
 * What was not said is not printed: parsed again, the text gives the same rule set.
 *
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "rules/ruleset.h"
#include "rules/value.h"

struct print {
	struct out *o;
	bool origins; /* a line "origin FILE LINE" before what has a place */
};

/* ---- words (print_words.c) ---- */

/* "publish NAME {", with a place before it. */
void print_open(struct print *pr, const struct rules_at *at, const char *kind, const char *name);
void print_close(struct print *pr);
/* The start of a statement in a block: "    word". @at NULL: nothing cites it. */
void print_row(struct print *pr, const struct rules_at *at, const char *word);
/* The end of a line. */
void print_end(struct print *pr);
void print_word(struct print *pr, const char *word);                  /* " word" */
void print_text(struct print *pr, const char *text);                  /* " "text"" */
void print_value(struct print *pr, enum value_unit unit, uint64_t v); /* " 35MiB" */
void print_endpoint(struct print *pr, const struct rule_endpoint *ep, bool port);
/* " a@b.example", in quotes where a bare word would not be the same. */
void print_mailbox(struct print *pr, struct span mailbox);
void print_member(struct print *pr, const struct set_member *member);
/* " any except a, b"; @in: " in a, b". */
void print_expr(struct print *pr, const struct rule_expr *expr, bool in);
/* ' "554 5.7.1 text"' */
void print_reply(struct print *pr, const struct rule_reply *reply);
/* The separator before item @i of a list: nothing or ",". */
void print_comma(struct print *pr, size_t i);

/* ---- blocks ---- */

void print_set(struct print *pr, const struct rule_set *set); /* print.c */
void print_schedule(struct print *pr, const struct schedule *s);
void print_default(struct print *pr, const struct ruleset *rs);
void print_table(struct print *pr, const struct command_table *table); /* print_table.c */
void print_publish(struct print *pr, const struct publish *p);         /* print_rule.c */
void print_relay(struct print *pr, const struct relay *r);
void print_screen(struct print *pr, const struct screen *screen); /* print_relay.c */
void print_certificate(struct print *pr, const struct certificate *certificate);
void print_auth(struct print *pr, const struct auth *auth);
void print_route(struct print *pr, const struct route *route);
