/* SPDX-License-Identifier: ISC */
/* postern show status: the daemon, its generations, what it listens on and who works for it */
#include "cli/status.h"

#include <string.h>

#include "cli/control.h"
#include "cli/json.h"
#include "cli/table.h"

enum group { DAEMON, GENERATIONS, LISTENERS, ROLES, GROUPS };

static const struct table_column daemon_columns[] = { { "DAEMON", false } };
static const struct table_column generation_columns[] = { { "GENERATION", true },
	{ "STATE", false }, { "RULES", true }, { "SINCE", false }, { "LEFT", true } };
static const struct table_column listener_columns[] = { { "LISTENING", false }, { "KIND", false } };
static const struct table_column role_columns[] = { { "PROGRAM", false }, { "SEAT", true },
	{ "PID", true }, { "GENERATION", true }, { "STATE", false }, { "RESTARTS", true },
	{ "SESSIONS", true }, { "OPENED", true }, { "REFUSED", true }, { "MESSAGES", true },
	{ "LENT", true }, { "UNLOGGED", true }, { "SANDBOX", false } };

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static void add_left(struct table *t, const json_t *fact)
{
	uint64_t left_s;

	if (fact_u64(fact, "left_s", &left_s) && left_s < UINT64_MAX / 1000)
		table_time(t, left_s * 1000);
	else
		table_text(t, NULL);
}

static void add_generation(struct table *t, const json_t *fact)
{
	table_key(t, fact, "number");
	table_key(t, fact, "state");
	table_key(t, fact, "rules");
	table_key(t, fact, "since");
	add_left(t, fact);
	table_end(t, fact);
}

static void add_listener(struct table *t, const json_t *fact)
{
	table_address(t, fact, "address", "port");
	table_key(t, fact, "kind");
	table_end(t, fact);
}

static void add_role(struct table *t, const json_t *fact)
{
	static const char *const keys[] = { "program", "seat", "pid", "generation", "state",
		"restarts", "sessions", "opened", "refused", "messages", "lent_octets",
		"log_dropped", "sandbox" };

	for (size_t i = 0; i < N_OF(keys); i++)
		table_key(t, fact, keys[i]);
	table_end(t, fact);
}

/* ---- the daemon itself ---- */

static void put_key(struct out *o, const json_t *fact, const char *before, const char *key)
{
	const char *text = fact_text(fact, key);
	uint64_t v;

	if (fact_u64(fact, key, &v)) {
		out_str(o, before);
		out_u64(o, v);
	} else if (text != NULL) {
		out_str(o, before);
		out_escaped(o, span_str(text), 256);
	}
}

/* One cell of several lines: what is in force, and for how long. */
static void add_daemon(struct table *t, const json_t *fact)
{
	struct out *o = &t->cells;
	uint64_t left_s;

	put_key(o, fact, "posternd    ", "version");
	put_key(o, fact, ", pid ", "pid");
	put_key(o, fact, ", since ", "since");
	put_key(o, fact, "\nfolder      ", "folder");
	put_key(o, fact, "\ngeneration  ", "generation");
	if (fact_u64(fact, "confirm_left_s", &left_s)) {
		out_str(o, ", not confirmed: type \"postern confirm\" within ");
		out_u64(o, left_s);
		out_str(o, " s or the one before returns");
	} else {
		out_str(o, ", confirmed");
	}
	put_key(o, fact, "\nkept        ", "generations_kept");
	out_octet(o, '\0');
	table_end(t, fact);
}

/* ---- all of it ---- */

static void take_fact(struct table *t, const json_t *fact, void *context)
{
	static const struct {
		const char *what;
		void (*add)(struct table *t, const json_t *fact);
	} kinds[GROUPS] = { { "daemon", add_daemon }, { "generation", add_generation },
		{ "listener", add_listener }, { "role", add_role } };
	struct table *tables = context;
	const char *what = fact_text(fact, "what");

	for (size_t i = 0; what != NULL && i < GROUPS; i++)
		if (strcmp(what, kinds[i].what) == 0) {
			kinds[i].add(&tables[i], fact);
			return;
		}
	t->refused++;
}

static int take_lines(void *context, struct span lines)
{
	struct table *tables = context;

	table_lines(&tables[DAEMON], lines, take_fact, tables);
	return CLI_OK;
}

static void print_text(struct out *o, void *context)
{
	struct table *tables = context;

	for (size_t i = 0; i < tables[DAEMON].n; i++) {
		out_str(o, table_cell(&tables[DAEMON], i));
		out_octet(o, '\n');
	}
	for (size_t i = GENERATIONS; i < GROUPS; i++) {
		if (tables[i].n > 0 && o->n > 0)
			out_octet(o, '\n');
		table_print(o, &tables[i]);
	}
}

static void print_json(struct out *o, void *context)
{
	static const char *const keys[GROUPS] = { NULL, "generations", "listeners", "roles" };
	struct table *tables = context;

	out_str(o, "{\"daemon\":");
	out_str(o, tables[DAEMON].n > 0 ? table_fact(&tables[DAEMON], 0) : "null");
	for (size_t i = GENERATIONS; i < GROUPS; i++) {
		out_octet(o, ',');
		out_json(o, span_str(keys[i]), SIZE_MAX);
		out_octet(o, ':');
		table_array(o, &tables[i]);
	}
	out_str(o, "}\n");
}

int show_status(const struct cli *c)
{
	static struct table tables[GROUPS];
	static struct control_end end;
	const struct control_take take = { .text = take_lines, .context = tables };
	int r;

	table_init(&tables[DAEMON], daemon_columns, N_OF(daemon_columns));
	table_init(&tables[GENERATIONS], generation_columns, N_OF(generation_columns));
	table_init(&tables[LISTENERS], listener_columns, N_OF(listener_columns));
	table_init(&tables[ROLES], role_columns, N_OF(role_columns));
	r = control_ask(c, CONTROL_STATUS, SPAN(""), &take, &end);
	for (size_t i = 0; i < GROUPS; i++)
		table_sort(&tables[i]);
	if (r == CLI_OK)
		r = cli_print(c->json ? print_json : print_text, tables);
	for (size_t i = 0; i < GROUPS; i++) {
		if (r == CLI_OK)
			r = table_told(&tables[i], r);
		table_free(&tables[i]);
	}
	return r;
}
