/* SPDX-License-Identifier: ISC */
/* postern set and show sets: members of dynamic sets, at run time */
#include <string.h>

#include "cli/args.h"
#include "cli/control.h"
#include "cli/status.h"
#include "cli/table.h"
#include "rules/set.h"
#include "rules/value.h"

#define FOR_MAX_S (365u * 86400) /* as "dynamic timeout" */

#define BANS "bans" /* the set of those whom limits ban */

static const struct table_column columns[] = { { "SET", false }, { "MEMBER", false },
	{ "LEFT", true } };
/* When they alone are asked for. */
static const struct table_column ban_columns[] = { { "SET", false }, { "MEMBER", false },
	{ "RULE", false }, { "LIMIT", false }, { "TO", false }, { "LEFT", true } };

/* ---- what they hold ---- */

static void take_member(struct table *t, const json_t *fact, void *context)
{
	const bool *bans = context;
	uint64_t left_s;

	table_key(t, fact, "set");
	table_text(t, fact_text(fact, "member"));
	if (*bans) {
		table_text(t, fact_text(fact, "rule"));
		table_text(t, fact_text(fact, "limit"));
		table_text(t, fact_text(fact, "to"));
	}
	if (fact_u64(fact, "left_s", &left_s) && left_s < UINT64_MAX / 1000)
		table_time(t, left_s * 1000);
	else
		table_text(t, NULL);
	table_end(t, fact);
}

struct taking {
	struct table t;
	bool bans;
};

static int take_file(void *context, struct span content)
{
	struct taking *taking = context;

	table_lines(&taking->t, content, take_member, &taking->bans);
	return CLI_OK;
}

int show_sets(const struct cli *c, const char *name)
{
	static struct taking taking;
	static struct control_end end;
	const struct control_take take = { .file = take_file, .context = &taking };
	struct table *t = &taking.t;
	int r;

	taking.bans = name != NULL && strcmp(name, BANS) == 0;
	if (taking.bans)
		table_init(t, ban_columns, sizeof(ban_columns) / sizeof(ban_columns[0]));
	else
		table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	r = control_ask(c, CONTROL_SETS, span_str(name), &take, &end);
	table_sort(t);
	if (r == CLI_OK)
		r = cli_print(c->json ? table_json : table_print, t);
	if (r == CLI_OK)
		r = table_told(t, r);
	if (r == CLI_OK && t->n == 0 && !c->json)
		cli_fail(CLI_OK, "there is no dynamic set; \"set NAME { dynamic timeout 4h }\" of "
				 "rules.conf makes one");
	table_free(t);
	return r;
}

static int list(struct cli *c, int argc, char **argv)
{
	const int r = args_done(&argc, argv, 1, 2);

	return r == CLI_OK ? show_sets(c, argv[2]) : r;
}

/* ---- changing them ---- */

/* Words with a NUL between them. */
static int ask(
	const struct cli *c, enum control_request request, const char *const *words, size_t n)
{
	uint8_t body[CONTROL_BODY_MAX];
	struct out o;

	out_init(&o, body, sizeof(body));
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			out_octet(&o, '\0');
		out_str(&o, words[i]);
	}
	if (o.full)
		return cli_fail(CLI_USAGE, "the arguments are too long");
	return control_do(c, request, out_span(&o));
}

/* Of any kind: which the set holds, posternd knows. With a slash, only a prefix can be meant. */
static int check_member(const char *text)
{
	struct set_member member;
	const enum set_kind kind = strchr(text, '/') != NULL ? SET_ADDRESSES : SET_UNUSED;
	const enum set_error error = set_member_parse(span_str(text), kind, &member);

	return error == SET_OK ? CLI_OK
			       : cli_fail(CLI_USAGE, "\"%s\" %s", text, set_error_text(error));
}

/* "for 4h" as seconds in @text. */
static int read_time(const char *word, const char *value, char text[24])
{
	struct out o;
	bool unit_known;
	uint64_t v;

	if (strcmp(word, "for") != 0)
		return cli_fail(CLI_USAGE,
			"set add: \"%s\": say \"for\" and how long, as in \"for 4h\"", word);
	if (!value_parse(span_str(value), UNIT_SECONDS, &v, &unit_known) || v == 0 || v > FOR_MAX_S)
		return cli_fail(CLI_USAGE,
			"set add: for %s: give 1s to 365d, with a unit (s, m, h or d), as in \"for "
			"4h\"",
			value);
	out_init(&o, text, 24);
	out_u64(&o, v);
	out_cstr(&o);
	return CLI_OK;
}

static int add(struct cli *c, int argc, char **argv)
{
	char seconds[24] = "0";
	int r = args_done(&argc, argv, 3, 5);

	if (r == CLI_OK && argc == 5)
		r = cli_fail(CLI_USAGE,
			"set add: a value is missing behind \"%s\", as in \"for 4h\"", argv[4]);
	if (r == CLI_OK)
		r = check_member(argv[3]);
	if (r == CLI_OK && argc == 6)
		r = read_time(argv[4], argv[5], seconds);
	if (r != CLI_OK)
		return r;
	return ask(c, CONTROL_SET_ADD, (const char *[]){ argv[2], argv[3], seconds }, 3);
}

static int del(struct cli *c, int argc, char **argv)
{
	int r = args_done(&argc, argv, 3, 3);

	if (r == CLI_OK)
		r = check_member(argv[3]);
	return r == CLI_OK ? ask(c, CONTROL_SET_DEL, (const char *[]){ argv[2], argv[3] }, 2) : r;
}

static int flush(struct cli *c, int argc, char **argv)
{
	const int r = args_done(&argc, argv, 2, 2);

	return r == CLI_OK ? ask(c, CONTROL_SET_FLUSH, (const char *[]){ argv[2] }, 1) : r;
}

int cli_set(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "add", add }, { "del", del }, { "list", list },
		{ "flush", flush } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
