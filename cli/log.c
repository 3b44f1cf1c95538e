/* SPDX-License-Identifier: ISC */
/*
 * postern log: tail, find, session, code
 */
#include <time.h>

#include "base/ident.h"
#include "base/incident.h"
#include "cli/args.h"
#include "cli/log_view.h"
#include "log/begin.h"

#define TAIL_LINES   "20"
#define SESSIONS_MAX 16 /* that one incident number may name */
#define MAIL_MAX     1024

static struct log_view view;

/* log tail [-n N] [-f] */
static int tail(struct cli *c, int argc, char **argv)
{
	const struct log_find all = { 0 };
	const bool follow = args_flag(&argc, argv, "-f");
	const char *lines_text = TAIL_LINES;
	uint64_t lines = 0;
	int r = args_value(&argc, argv, "-n", &lines_text);

	if (r == CLI_OK && !span_u64(span_str(lines_text), 1000000000, &lines))
		r = cli_fail(
			CLI_USAGE, "-n %s: give a number of records, as in \"-n 100\"", lines_text);
	if (r == CLI_OK)
		r = log_view_open(&view, c, &argc, argv);
	if (r != CLI_OK)
		return r;
	r = args_done(&argc, argv, 1, 1);
	if (r == CLI_OK && log_reader_tail(&view.reader, lines) != 0)
		r = cli_fail(CLI_UNAVAILABLE, "%s: cannot be read from its end", view.reader.path);
	if (r == CLI_OK)
		r = log_view_each(&view, &all, log_view_show, NULL);
	if (r == CLI_OK && follow)
		r = log_view_follow(&view);
	return log_view_close(&view, r);
}

struct find_words {
	const char *since, *code, *client, *mail;
	char mail_escaped[MAIL_MAX]; /* as records have it */
};

static int read_words(struct log_find *f, struct find_words *w, int *argcp, char **argv)
{
	const struct {
		const char *name, **valuep;
	} options[] = {
		{ "--since", &w->since },
		{ "--code", &w->code },
		{ "--rule", &f->rule },
		{ "--client", &w->client },
		{ "--mail", &w->mail },
		{ "--session", &f->session },
	};
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < sizeof options / sizeof *options; i++)
		r = args_value(argcp, argv, options[i].name, options[i].valuep);
	return r;
}

static int understand(struct log_find *f, struct find_words *w, int64_t now_ns)
{
	struct out o;

	if (w->since != NULL && !log_find_since(f, w->since, now_ns))
		return cli_fail(CLI_USAGE,
			"--since %s: give a time in UTC, \"2026-11-22\" or \"2026-11-22T09:14\", "
			"or how long "
			"ago, \"90s\", \"10m\", \"2h\", \"3d\"",
			w->since);
	f->has_code = w->code != NULL;
	if (f->has_code && (f->code = code_find(span_str(w->code))) == CODE_COUNT)
		return cli_fail(CLI_USAGE,
			"--code %s: there is no such code; postern-codes(7) lists them", w->code);
	f->has_client = w->client != NULL;
	if (f->has_client && !ip_prefix_parse(span_str(w->client), &f->client))
		return cli_fail(CLI_USAGE,
			"--client %s: give an address or a prefix, as in \"203.0.113.9\" or "
			"\"2001:db8::/64\"",
			w->client);
	if (w->mail == NULL)
		return CLI_OK;
	out_init(&o, w->mail_escaped, sizeof w->mail_escaped);
	out_escaped(&o, span_str(w->mail), SIZE_MAX);
	f->mail = out_cstr(&o);
	return o.full ? cli_fail(CLI_USAGE, "--mail: no address is that long") : CLI_OK;
}

/* log find [...] [TEXT] */
static int find(struct cli *c, int argc, char **argv)
{
	struct timespec now;
	struct find_words w = { 0 };
	struct log_find f = { 0 };
	int r = read_words(&f, &w, &argc, argv);

	clock_gettime(CLOCK_REALTIME, &now);
	if (r == CLI_OK)
		r = understand(&f, &w, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	if (r == CLI_OK)
		r = log_view_open(&view, c, &argc, argv);
	if (r != CLI_OK)
		return r;
	r = args_done(&argc, argv, 1, 2);
	if (r == CLI_OK) {
		f.text = argc == 3 ? argv[2] : NULL;
		r = log_view_each(&view, &f, log_view_show, NULL);
	}
	if (r == CLI_OK && view.shown == 0)
		cli_fail(CLI_OK, "no record of %s is like that", view.reader.path);
	return log_view_close(&view, r);
}

struct sessions {
	size_t n;
	char ids[SESSIONS_MAX][IDENT_SESSION + 1];
};

/* Notes the session of an incident; an incident of no session is shown itself. */
static bool note_session(struct log_view *v, struct span line, const json_t *record, void *context)
{
	struct sessions *s = context;
	const char *id = log_record_text(record, "session");
	struct out o;

	if (id == NULL || strlen(id) > IDENT_SESSION)
		return log_view_show(v, line, record, NULL);
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->ids[i], id) == 0)
			return true;
	out_init(&o, s->ids[s->n], sizeof s->ids[0]);
	out_str(&o, id);
	out_cstr(&o);
	return ++s->n < SESSIONS_MAX;
}

static int show_sessions(const struct sessions *s)
{
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < s->n; i++) {
		const struct log_find f = { .session = s->ids[i] };
		r = log_view_rewind(&view);
		if (r != CLI_OK)
			return r;
		r = log_view_each(&view, &f, log_view_show, NULL);
	}
	return r;
}

/* What somebody read out over a telephone: letter case does not matter. */
static const char *as_shown(const char *id, char text[IDENT_SESSION + 1])
{
	struct span s = span_str(id);
	struct out o;

	out_init(&o, text, IDENT_SESSION + 1);
	if (s.n == INCIDENT_TEXT)
		out_upper(&o, s);
	else
		out_lower(&o, s);
	return out_cstr(&o);
}

/* log session ID|INCIDENT */
static int session(struct cli *c, int argc, char **argv)
{
	char id[IDENT_SESSION + 1];
	struct sessions found = { 0 };
	struct log_find f = { 0 };
	int r = log_view_open(&view, c, &argc, argv);

	if (r != CLI_OK)
		return r;
	r = args_done(&argc, argv, 2, 2);
	if (r != CLI_OK)
		return log_view_close(&view, r);
	if (strlen(argv[2]) == INCIDENT_TEXT) {
		f.incident = as_shown(argv[2], id);
		r = log_view_each(&view, &f, note_session, &found);
	} else if (strlen(argv[2]) == IDENT_SESSION) {
		as_shown(argv[2], found.ids[0]);
		found.n = 1;
	} else
		r = cli_fail(CLI_USAGE, "%s: a session has %d characters, an incident has %d",
			argv[2], IDENT_SESSION, INCIDENT_TEXT);
	if (r == CLI_OK)
		r = show_sessions(&found);
	if (r == CLI_OK && view.shown == 0)
		r = cli_fail(CLI_FAULTS,
			"%s: %s is not in this file; \"--file PATH\" reads an older one",
			view.reader.path, argv[2]);
	return log_view_close(&view, r);
}

static void print_code(const struct code_info *info, const char *number)
{
	printf("%s  %s\n", number, info->title);
	printf("severity  %s\n", log_severity_text(info->severity));
	if (info->reply != 0)
		printf("reply     %u %s\n", info->reply, info->reply_text);
	if (info->clause[0] != '\0')
		printf("clause    %s\n", info->clause);
	if (info->advice[0] != '\0')
		printf("advice    %s\n", info->advice);
}

static int print_code_json(const struct code_info *info, const char *number)
{
	json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "code", number, "title",
		info->title, "severity", log_severity_text(info->severity), "reply", info->reply,
		"reply_text", info->reply_text, "clause", info->clause, "advice", info->advice);
	int r = root != NULL ? json_dumpf(root, stdout, JSON_COMPACT) : -1;

	json_decref(root);
	putchar('\n');
	return r == 0 ? CLI_OK : cli_fail(CLI_FAULTS, "cannot write");
}

/* log code PNnnnn */
static int code(struct cli *c, int argc, char **argv)
{
	enum code found;
	char number[7];
	int r = args_done(&argc, argv, 2, 2);

	if (r != CLI_OK)
		return r;
	found = code_find(span_str(argv[2]));
	if (found == CODE_COUNT)
		return cli_fail(CLI_USAGE, "%s: there is no such code; postern-codes(7) lists them",
			argv[2]);
	if (c->json)
		return print_code_json(code_info(found), code_text(found, number));
	print_code(code_info(found), code_text(found, number));
	return CLI_OK;
}

int cli_log(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "tail", tail }, { "find", find },
		{ "session", session }, { "code", code } };

	return args_word(c, argc, argv, words, sizeof words / sizeof *words);
}
