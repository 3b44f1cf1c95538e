/* SPDX-License-Identifier: ISC */
/* postern session and show sessions: what is open, and the end of one */
#include "base/ident.h"
#include "cli/args.h"
#include "cli/control.h"
#include "cli/status.h"
#include "cli/table.h"

static const struct table_column columns[] = { { "SESSION", false }, { "AGE", true },
	{ "CLIENT", false }, { "TO", false }, { "INTERNAL", false }, { "RULE", false },
	{ "PHASE", false }, { "C2S", true }, { "S2C", true }, { "HELLO", false } };

static void take_session(struct table *t, const json_t *fact, void *context)
{
	uint64_t age_ms;

	(void)context;
	table_key(t, fact, "session");
	if (fact_u64(fact, "age_ms", &age_ms))
		table_time(t, age_ms);
	else
		table_text(t, NULL);
	table_address(t, fact, "client", "client_port");
	table_address(t, fact, "to", "to_port");
	table_address(t, fact, "internal", "internal_port");
	table_key(t, fact, "rule");
	table_key(t, fact, "phase");
	table_key(t, fact, "c2s");
	table_key(t, fact, "s2c");
	table_key(t, fact, "hello");
	table_end(t, fact);
}

static int take_file(void *context, struct span content)
{
	table_lines(context, content, take_session, NULL);
	return CLI_OK;
}

int show_sessions(const struct cli *c)
{
	static struct table t;
	static struct control_end end;
	const struct control_take take = { .file = take_file, .context = &t };
	int r;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	r = control_ask(c, CONTROL_SESSIONS, SPAN(""), &take, &end);
	table_sort(&t); /* ids sort by the time of accept */
	if (r == CLI_OK)
		r = cli_print(c->json ? table_json : table_print, &t);
	if (r == CLI_OK)
		r = table_told(&t, r);
	if (r == CLI_OK && t.n == 0 && !c->json)
		cli_fail(CLI_OK, "no session is open");
	table_free(&t);
	return r;
}

static int list(struct cli *c, int argc, char **argv)
{
	const int r = args_done(&argc, argv, 1, 1);

	return r == CLI_OK ? show_sessions(c) : r;
}

/* Letter case does not matter: ids are read out over telephones. */
static int kill_one(struct cli *c, int argc, char **argv)
{
	uint8_t id[IDENT_SESSION];
	struct out o;
	const int r = args_done(&argc, argv, 2, 2);

	if (r != CLI_OK)
		return r;
	out_init(&o, id, sizeof(id));
	out_lower(&o, span_str(argv[2]));
	if (o.full || o.n != IDENT_SESSION)
		return cli_fail(CLI_USAGE,
			"%s: the id of a session has %d characters; \"postern session list\" shows "
			"them",
			argv[2], IDENT_SESSION);
	return control_do(c, CONTROL_KILL, out_span(&o));
}

int cli_session(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "list", list }, { "kill", kill_one } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
