/* SPDX-License-Identifier: ISC */
/* postern replay: a conversation from a file, judged line by line by the rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/player.h"
#include "rules/load/load.h"
#include "rules/match.h"

#define EVERY_CUT_MAX 32768 /* octets sent together; of more only some cuts are tried: the work grows with the square */

#define HOSTNAME "gw.in.test" /* where postern.conf names none */

struct replay {
	struct cli *cli;
	struct transcript transcript;
	struct load load; /* points into the rules' text, the transcript's or: */
	char *shared;     /* default.conf */
	struct publish rule; /* a copy, with the host's name in it */
	struct smtp_local unpublished;
	struct player player;
	bool every_cut;
	const char *rule_name, *client, *to, *path;
	char held[2][4096]; /* the line that goes each way, until it is whole */
	size_t held_n[2];
};

/* ---- telling: text ---- */

static void print_escaped(struct span octets)
{
	uint8_t block[4096 * 4 + 8];
	struct out o;

	out_init(&o, block, sizeof block);
	out_escaped(&o, octets, 4096);
	fwrite(o.p, 1, o.n, stdout);
}

static void json_string(struct span octets)
{
	uint8_t block[4096 * 5 + 8];
	struct out o;

	out_init(&o, block, sizeof block);
	out_json(&o, octets, 4096);
	fwrite(o.p, 1, o.n, stdout);
}

static void tell_line(struct replay *r, char side, struct span line)
{
	if (r->cli->json) {
		printf("{\"to\":\"%s\",\"text\":", side == '<' ? "client" : "server");
		json_string(line);
		printf("}\n");
		return;
	}
	printf("   %c ", side);
	print_escaped(line);
	putchar('\n');
}

static void flush_line(struct replay *r, char side)
{
	const int way = side == '<';

	if (r->held_n[way] > 0)
		tell_line(r, side, span_of(r->held[way], r->held_n[way]));
	r->held_n[way] = 0;
}

static void flush_lines(struct replay *r)
{
	flush_line(r, '<');
	flush_line(r, '>');
}

static void tell_octets(void *context, char side, struct span octets)
{
	struct replay *r = context;
	const int way = side == '<';

	for (size_t i = 0; i < octets.n; i++) {
		char *line = r->held[way];
		size_t *n = &r->held_n[way];

		line[(*n)++] = (char)octets.p[i];
		if (*n >= 2 && line[*n - 2] == '\r' && line[*n - 1] == '\n') {
			tell_line(r, side, span_of(line, *n - 2));
			*n = 0;
		} else if (*n == sizeof r->held[way]) {
			flush_line(r, side);
		}
	}
}

/* A step as it stands in the file, its own escapes untouched; what is no ASCII is shown as one. */
static void print_source(const char *source)
{
	for (const char *c = source; *c != '\0'; c++)
		if (*c >= ' ' && *c <= '~')
			putchar(*c);
		else
			printf("\\x%02x", (unsigned char)*c);
	putchar('\n');
}

static void tell_step(void *context, const struct step *s)
{
	struct replay *r = context;

	flush_lines(r);
	if (strchr("CSw", s->side) == NULL)
		return;
	if (r->cli->json) {
		printf("{\"line\":%u,\"step\":", s->line);
		json_string(span_str(s->source));
		printf("}\n");
	} else {
		print_source(s->source);
	}
}

static void tell_event(void *context, char side, const char *what)
{
	struct replay *r = context;

	flush_lines(r);
	if (r->cli->json)
		printf("{\"to\":\"%s\",\"event\":\"%s\"}\n", side == '<' ? "client" : "server",
			what);
	else
		printf("   %c [%s]\n", side, what);
}

/* Where the decision comes from: the rule's line, and the clause of the RFC. */
static void tell_reason(const struct inspect_note *note, const struct code_info *info)
{
	if (note->at.line != 0)
		printf(", %s:%u", note->at.file, note->at.line);
	if (info->clause[0] != '\0')
		printf(", %s", info->clause);
	if (note->type == INSPECT_NOTE_DENIAL && note->offset > 0)
		printf(", at octet %zu", note->offset);
}

static void tell_note_json(
	const struct inspect_note *note, const char *code, const struct code_info *info)
{
	printf("{\"code\":\"%s\",\"title\":\"%s\",\"clause\":\"%s\",\"offset\":%zu", code,
		info->title, info->clause, note->offset);
	if (note->reply != 0)
		printf(",\"reply\":%u", note->reply);
	if (note->at.line != 0) {
		printf(",\"file\":");
		json_string(span_str(note->at.file));
		printf(",\"at\":%u", note->at.line);
	}
	printf("}\n");
}

static bool worth_telling(enum inspect_note_type type)
{
	return type == INSPECT_NOTE_DENIAL || type == INSPECT_NOTE_FAULT ||
	       type == INSPECT_NOTE_SERVER || type == INSPECT_NOTE_MESSAGE;
}

static void tell_note(void *context, const struct inspect_note *note)
{
	struct replay *r = context;
	const struct code_info *info = code_info(note->code);
	char code[7];

	if (!worth_telling(note->type))
		return;
	flush_lines(r);
	code_text(note->code, code);
	if (r->cli->json) {
		tell_note_json(note, code, info);
		return;
	}
	printf("   = %s %s", code, info->title);
	tell_reason(note, info);
	putchar('\n');
}

/* ---- rules ---- */

static int complain_rules(const struct replay *r)
{
	uint8_t block[4096];

	for (const struct diag *d = r->load.diags.first; d != NULL; d = d->next) {
		struct out o;

		out_init(&o, block, sizeof block);
		diag_print(&o, d, r->load.sources, r->load.n_sources, r->cli->colour_stderr);
		if (d->level == DIAG_ERROR)
			fwrite(o.p, 1, o.n, stderr);
	}
	return cli_fail(CLI_CONFIG, "%s: these rules have errors, nothing was replayed", r->path);
}

static int load_text_of(struct replay *r, const char *name, const char *text)
{
	return load_text(&r->load, r->cli->dir, name, span_str(text));
}

/* The file's own rules; else default.conf beside it; else those of the configuration folder. */
static int load_rules(struct replay *r)
{
	char *beside = transcript_beside(r->path, "default.conf");
	int e;

	r->shared = beside != NULL ? transcript_slurp(beside) : NULL;

	if (r->transcript.rules != NULL)
		e = load_text_of(r, r->path, r->transcript.rules);
	else if (r->shared != NULL)
		e = load_text_of(r, "default.conf", r->shared);
	else
		e = load_dir(&r->load, r->cli->dir);
	free(beside);
	if (e < 0)
		return cli_fail(CLI_CONFIG, "not enough memory for the rules");
	return r->load.ruleset != NULL ? CLI_OK : complain_rules(r);
}

static const struct publish *named_rule(const struct ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL &&
			(name == NULL || strcmp(rs->rules[i].publish->name, name) == 0))
			return rs->rules[i].publish;
	return NULL;
}

/* The address the client asked for: said, or the first that is published. */
static bool published_address(const struct replay *r, struct ip_port *to)
{
	const struct publish *first = named_rule(r->load.ruleset, NULL);

	if (r->to != NULL)
		return ip_port_parse(span_str(r->to), to);
	if (first == NULL || first->n_external == 0 || first->external[0].any)
		return false;
	*to = first->external[0].addr;
	return true;
}

static int client_address(struct replay *r)
{
	struct ip_port *client = &r->player.client;
	const char *text = r->client != NULL ? r->client : "203.0.113.9:40000";

	if (ip_port_parse(span_str(text), client))
		return CLI_OK;
	client->port = 40000;
	if (ip_parse(span_str(text), &client->ip))
		return CLI_OK;
	return cli_fail(CLI_USAGE,
		"--client %s: give an address such as 203.0.113.9 or 203.0.113.9:40000", text);
}

static void no_rule(struct replay *r)
{
	const struct ruleset *rs = r->load.ruleset;

	if (rs->default_action != DEFAULT_REFUSE)
		return;
	r->unpublished.code = rs->default_reply.code;
	r->unpublished.text = rs->default_reply.text;
	r->unpublished.incident = 1;
	r->player.unpublished = &r->unpublished;
}

static int match_rule(struct replay *r, const struct publish **rulep)
{
	struct match_facts facts = { .client = r->player.client.ip, .now_s = time(NULL) };
	const struct rule *rule;

	if (!published_address(r, &facts.to))
		return cli_fail(CLI_USAGE,
			"say which published address the client asked for: --to 198.51.100.2:25");
	rule = ruleset_match(r->load.ruleset, &facts, NULL);
	if (rule != NULL && rule->relay != NULL)
		return cli_fail(CLI_UNAVAILABLE,
			"%s:%u: relay %s decides; relay listeners are not built yet",
			rule->relay->at.file, rule->relay->at.line, rule->relay->name);
	*rulep = rule != NULL ? rule->publish : NULL;
	return CLI_OK;
}

static int choose_rule(struct replay *r)
{
	const char *hostname = r->load.ruleset->host.hostname;
	const struct publish *rule = NULL;
	int e = client_address(r);

	if (e == CLI_OK && r->rule_name == NULL)
		e = match_rule(r, &rule);
	if (e != CLI_OK)
		return e;
	if (r->rule_name != NULL && (rule = named_rule(r->load.ruleset, r->rule_name)) == NULL)
		return cli_fail(
			CLI_USAGE, "--rule %s: no publish block has this name", r->rule_name);
	if (rule == NULL) {
		no_rule(r);
		return CLI_OK;
	}
	r->rule = *rule;
	r->rule.smtp.hostname = hostname != NULL ? hostname : HOSTNAME;
	r->player.rule = &r->rule;
	return CLI_OK;
}

/* ---- playing ---- */

static int tell_failure(const struct replay *r)
{
	const struct step *s = r->player.failed;

	fprintf(stderr, "%s:%u: error: expected: %s\n    %s\n", s->file, s->line, s->source,
		r->player.why);
	if (r->player.cut == PLAY_OCTETS)
		fprintf(stderr, "    (sent octet by octet)\n");
	else if (r->player.cut != PLAY_WHOLE)
		fprintf(stderr, "    (sent in two parts, the first of %zu octets)\n",
			r->player.cut);
	return CLI_FAULTS;
}

static int play_cuts(struct replay *r)
{
	const size_t longest = player_longest(&r->transcript);
	const size_t by = longest > EVERY_CUT_MAX ? longest / 8 : 1;

	r->player.story = NULL;
	for (size_t cut = 1; cut <= longest; cut += cut + by > longest && cut < longest ? longest - cut : by) {
		r->player.cut = cut < longest ? cut : PLAY_OCTETS;
		if (!player_run(&r->player))
			return tell_failure(r);
	}
	return CLI_OK;
}

static int play(struct replay *r)
{
	const struct player_story story = { tell_step, tell_octets, tell_event, tell_note, r };
	bool held;

	r->player.transcript = &r->transcript;
	r->player.story = &story;
	held = player_run(&r->player);
	flush_lines(r);
	fflush(stdout);
	if (!held)
		return tell_failure(r);
	return r->every_cut ? play_cuts(r) : CLI_OK;
}

static int run(struct replay *r)
{
	int e;

	if (transcript_read(&r->transcript, r->path) != 0)
		return CLI_CONFIG;
	e = load_rules(r);
	if (e == CLI_OK)
		e = choose_rule(r);
	if (e == CLI_OK && !r->cli->json && r->player.rule != NULL)
		printf("%s:%u: rule %s %s\n", r->rule.at.file, r->rule.at.line, r->rule.name,
			r->rule.pass ? "passes this uninspected" : "inspects this");
	if (e == CLI_OK)
		e = play(r);
	player_deinit(&r->player);
	load_free(&r->load);
	free(r->shared);
	return e;
}

int cli_replay(struct cli *c, int argc, char **argv)
{
	static struct replay r;
	int e;

	r = (struct replay){ .cli = c, .every_cut = args_flag(&argc, argv, "--every-cut") };
	if (args_value(&argc, argv, "--rule", &r.rule_name) ||
		args_value(&argc, argv, "--client", &r.client) ||
		args_value(&argc, argv, "--to", &r.to) || args_done(&argc, argv, 1, 1))
		return CLI_USAGE;
	r.path = argv[1];
	e = run(&r);
	transcript_free(&r.transcript);
	return e;
}
