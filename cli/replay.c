/* SPDX-License-Identifier: ISC */
/* postern replay: a conversation from a file, judged line by line by the rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/json.h"
#include "cli/story.h"
#include "rules/match.h"
#include "rules/view.h"

#define EVERY_CUT_MAX                                                                              \
	32768 /* octets sent together; of more only some cuts are tried: the work grows with the   \
		 square */

#define SHOWN_MAX 200          /* octets of a step in a message */
#define HOSTNAME  "gw.in.test" /* where postern.conf names none */

struct replay {
	struct cli *cli;
	struct transcript transcript;
	struct load load;    /* points into the rules' text, the transcript's or: */
	char *shared;        /* default.conf */
	struct publish rule; /* a copy, with the host's name in it; or that of a */
	struct relay relay;
	struct smtp_local unpublished;
	struct player player;
	bool every_cut;
	const char *rule_name, *client, *to, *path;
	struct story story;
};

/* ---- rules ---- */

static int complain_rules(const struct replay *r)
{
	config_tell(r->cli, &r->load.diags, r->load.sources, r->load.n_sources, CONFIG_SHOW_ERRORS);
	cli_fail(CLI_CONFIG, "%s: these rules have errors, nothing was replayed", r->path);
	return config_exit(&r->load);
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

/* NULL: the first. */
static const struct rule *named_rule(const struct ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (name == NULL || strcmp(rule_front(&rs->rules[i])->name, name) == 0)
			return &rs->rules[i];
	return NULL;
}

/* The address the client asked for: said, or the first of the named rule, or of all. */
static bool published_address(const struct replay *r, struct ip_port *to)
{
	const struct rule *rule = named_rule(r->load.ruleset, r->rule_name);

	if (r->to != NULL)
		return ip_port_parse(span_str(r->to), to);
	if (rule == NULL || rule_view(rule).n_endpoints == 0 || rule_endpoint(rule, 0)->any)
		return false;
	*to = rule_endpoint(rule, 0)->addr;
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

static int find_rule(struct replay *r, const struct ip_port *to, const struct rule **rulep)
{
	const struct match_facts facts = {
		.client = r->player.client.ip, .to = *to, .now_s = time(NULL)
	};

	*rulep = r->rule_name != NULL ? named_rule(r->load.ruleset, r->rule_name)
				      : ruleset_match(r->load.ruleset, &facts, NULL);
	if (*rulep == NULL && r->rule_name != NULL)
		return cli_fail(CLI_USAGE, "--rule %s: no publish or relay block has this name",
			r->rule_name);
	return CLI_OK;
}

/* Copies are played, with the host's name in them. */
static int take_rule(struct replay *r, const struct rule *rule, const struct ip_port *to)
{
	const struct hostconf *host = &r->load.ruleset->host;
	struct publish *front = &r->rule;

	if (rule->relay != NULL) {
		r->relay = *rule->relay;
		front = &r->relay.front;
		r->player.relay = &r->relay;
		r->player.listen = relay_listen(&r->relay, to);
		r->player.postmaster = host->postmaster;
	} else {
		r->rule = *rule->publish;
	}
	front->smtp.hostname = host->hostname != NULL ? host->hostname : HOSTNAME;
	r->player.rule = front;
	if (rule->relay != NULL && r->player.listen == NULL && r->to == NULL)
		return cli_fail(CLI_USAGE,
			"relay %s listens on any address: say --to ADDRESS:PORT for one",
			front->name);
	if (rule->relay != NULL && r->player.listen == NULL)
		return cli_fail(
			CLI_USAGE, "--to %s: relay %s does not listen there", r->to, front->name);
	return CLI_OK;
}

static int choose_rule(struct replay *r)
{
	const struct rule *rule = NULL;
	struct ip_port to = { 0 };
	int e = client_address(r);

	if (e == CLI_OK && !published_address(r, &to) && (r->rule_name == NULL || r->to != NULL))
		e = cli_fail(CLI_USAGE,
			"say which published address the client asked for: --to 198.51.100.2:25");
	if (e == CLI_OK)
		e = find_rule(r, &to, &rule);
	if (e == CLI_OK && rule == NULL)
		no_rule(r);
	return e == CLI_OK && rule != NULL ? take_rule(r, rule, &to) : e;
}

/* ---- playing ---- */

static int tell_failure(const struct replay *r)
{
	const struct step *s = r->player.failed;
	char shown[4 * SHOWN_MAX + 4];
	struct out o;

	out_init(&o, shown, sizeof shown);
	step_print(&o, s, SHOWN_MAX);
	fprintf(stderr, "%s:%u: error: %s%s\n    %s\n", s->file, s->line,
		r->player.left_over               ? "behind: "
		: strchr("CSAw", s->side) == NULL ? "expected: "
						  : "",
		out_cstr(&o), r->player.why);
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
	for (size_t cut = 1; cut <= longest;
		cut += cut + by > longest && cut < longest ? longest - cut : by) {
		r->player.cut = cut < longest ? cut : PLAY_OCTETS;
		if (!player_run(&r->player))
			return tell_failure(r);
	}
	return CLI_OK;
}

static int play(struct replay *r)
{
	const struct player_story story = story_teller(&r->story);
	bool held;

	story_init(&r->story, r->cli->json);
	r->player.transcript = &r->transcript;
	r->player.story = &story;
	held = player_run(&r->player);
	story_flush(&r->story);
	fflush(stdout);
	if (!held)
		return tell_failure(r);
	return r->every_cut ? play_cuts(r) : CLI_OK;
}

static void tell_rule_json(const struct publish *rule, const char *kind)
{
	uint8_t block[1024];
	struct out o;
	struct json j = { .o = &o };

	out_init(&o, block, sizeof block);
	json_open(&j, NULL, '{');
	json_str(&j, kind, rule->name);
	json_str(&j, "file", rule->at.file);
	json_u64(&j, "at", rule->at.line);
	json_close(&j, '}');
	printf("%s\n", out_cstr(&o));
}

static void tell_rule(const struct replay *r)
{
	static const char *const defaults[] = {
		[DEFAULT_REFUSE] = "refuse", [DEFAULT_RESET] = "reset", [DEFAULT_DROP] = "drop"
	};
	const struct publish *rule = r->player.rule;
	const char *kind = r->player.relay != NULL ? "relay" : "rule";

	if (r->cli->json && rule != NULL)
		tell_rule_json(rule, kind);
	else if (rule != NULL)
		printf("%s:%u: %s %s %s\n", rule->at.file, rule->at.line, kind, rule->name,
			r->player.relay != NULL ? "takes this"
			: rule->pass            ? "passes this uninspected"
						: "inspects this");
	else if (!r->cli->json)
		printf("no rule takes this: default %s\n",
			defaults[r->load.ruleset->default_action]);
}

static int run(struct replay *r)
{
	int e;

	if (transcript_read(&r->transcript, r->path) != 0)
		return CLI_CONFIG;
	if (r->transcript.only != NULL && strncmp(r->transcript.only, "proxy", 5) == 0)
		return cli_fail(CLI_UNAVAILABLE, "%s: only %s", r->path, r->transcript.only);
	e = load_rules(r);
	if (e == CLI_OK)
		e = choose_rule(r);
	if (e == CLI_OK && r->every_cut && !r->transcript.expects)
		e = cli_fail(CLI_USAGE,
			"--every-cut: %s expects nothing, so all cuts would do; add lines < > =",
			r->path);
	if (e == CLI_OK)
		tell_rule(r);
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
