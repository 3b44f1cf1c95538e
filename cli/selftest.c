/* SPDX-License-Identifier: ISC */
/* postern selftest relay: is there a way to get mail relayed that should not be? */
#include "cli/selftest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/table.h"
#include "rules/view.h"

struct work {
	struct selftest s;
	struct load load;
	const char *rule_name;
	struct ip from;
	struct ip_port to; /* IP_NONE: those of the rules */
	char hostname[SELFTEST_DOMAIN];
	struct pass **passes;
	size_t n;
};

/* ---- what is tried where ---- */

/* NULL: no memory. */
static struct pass *add(struct work *w, const struct rule *rule, const struct ip_port *to)
{
	struct pass **list = reallocarray(w->passes, w->n + 1, sizeof(*list));
	struct pass *p = list ? calloc(1, sizeof(*p)) : NULL;

	if (list)
		w->passes = list;
	if (!p)
		return NULL;
	p->rule = rule;
	p->to = *to;
	list[w->n++] = p;
	return p;
}

static bool is_of(const struct rule *rule, const struct ip_port *to)
{
	for (size_t i = 0; i < rule_view(rule).n_endpoints; i++)
		if (rule_endpoint_is(rule_endpoint(rule, i), to))
			return true;
	return false;
}

static bool add_passes(
	struct work *w, const struct rule *rule, const struct ip_port *to, enum listen_tls listen)
{
	for (int inside = 0; inside < 2; inside++) {
		struct pass *p;

		if (inside ? listen == LISTEN_CLEAR : listen == LISTEN_TLS)
			continue;
		p = add(w, rule, to);
		if (!p)
			return false;
		p->listen = listen;
		p->inside = inside;
		p->foreign = rule && !is_of(rule, to);
	}
	return true;
}

static bool add_untried(struct work *w, const struct rule *rule, const struct ip_port *to,
	enum verdict verdict, const char *why)
{
	struct pass *p = add(w, rule, to);

	if (!p)
		return false;
	p->verdict = verdict;
	snprintf(p->why, sizeof(p->why), "%s", why);
	return true;
}

static bool add_endpoint(struct work *w, const struct rule *rule, size_t i)
{
	const struct rule_endpoint *e = rule_endpoint(rule, i);
	const enum listen_tls listen = rule->relay ? rule->relay->listen[i].tls : LISTEN_CLEAR;
	const bool told = w->to.ip.family != IP_NONE;

	if (told && !w->rule_name && !rule_endpoint_is(e, &w->to))
		return true;
	if (rule->publish && rule->publish->pass)
		return add_untried(w, rule, told ? &w->to : &e->addr, VERDICT_SKIPPED,
			"it says \"pass\": nothing is looked at");
	if (e->any && !told)
		return add_untried(
			w, rule, &e->addr, VERDICT_UNREACHED, "any address: say which by --to");
	return add_passes(w, rule, told ? &w->to : &e->addr, listen);
}

static bool add_rule(struct work *w, const struct rule *rule)
{
	const struct rule_view v = rule_view(rule);
	size_t n = v.n_endpoints;

	if (w->rule_name && strcmp(v.name, w->rule_name) != 0)
		return true;
	if (w->rule_name && w->to.ip.family != IP_NONE)
		n = 1; /* that address, as if it were the rule's */
	for (size_t i = 0; i < n; i++)
		if (!add_endpoint(w, rule, i))
			return false;
	return true;
}

static int plan(struct work *w)
{
	const struct ruleset *rs = w->load.ruleset;

	for (size_t i = 0; i < rs->n_rules; i++)
		if (!add_rule(w, &rs->rules[i]))
			return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	if (w->n > 0)
		return CLI_OK;
	if (w->rule_name)
		return cli_fail(CLI_USAGE, "selftest: no rule is called \"%s\"", w->rule_name);
	if (w->to.ip.family == IP_NONE)
		return cli_fail(CLI_USAGE, "selftest: there is no rule to be tried");
	return add_passes(w, NULL, &w->to, LISTEN_CLEAR)
		       ? CLI_OK
		       : cli_fail(CLI_UNAVAILABLE, "not enough memory");
}

/* ---- arguments ---- */

static int read_arguments(struct work *w, int argc, char **argv)
{
	const char *from = NULL, *to = NULL;

	w->s.all = args_flag(&argc, argv, "-v");
	if (args_value(&argc, argv, "--rule", &w->rule_name) != CLI_OK ||
		args_value(&argc, argv, "--from", &from) != CLI_OK ||
		args_value(&argc, argv, "--to", &to) != CLI_OK ||
		args_done(&argc, argv, 1, 1) != CLI_OK)
		return CLI_USAGE;
	if (from && !ip_parse(span_str(from), &w->from))
		return cli_fail(CLI_USAGE,
			"selftest: --from %s: give an address of this host, as in 203.0.113.9",
			from);
	if (to && !ip_port_parse(span_str(to), &w->to))
		return cli_fail(CLI_USAGE,
			"selftest: --to %s: give an address and a port, as in 198.51.100.2:25 or "
			"[2001:db8::2]:25",
			to);
	w->s.from = from ? &w->from : NULL;
	return CLI_OK;
}

static const char *hostname(struct work *w)
{
	if (w->load.ruleset->host.hostname)
		return w->load.ruleset->host.hostname;
	if (gethostname(w->hostname, sizeof(w->hostname) - 1) == 0 && w->hostname[0])
		return w->hostname;
	return "localhost";
}

/* ---- playing ---- */

static void show_progress(const struct work *w, size_t i)
{
	struct out o;
	char text[80];

	if (w->s.cli->json || !isatty(STDERR_FILENO))
		return;
	out_init(&o, text, sizeof(text) - 1);
	ip_port_print(&o, &w->passes[i]->to);
	text[o.n] = '\0';
	fprintf(stderr, "%zu of %zu: %s ...\n", i + 1, w->n, text);
}

/* Somebody else's server shows only now whether it has TLS. */
static bool add_inside(struct work *w, const struct pass *clear)
{
	struct pass *p = add(w, clear->rule, &clear->to);

	if (!p)
		return false;
	p->listen = LISTEN_STARTTLS;
	p->inside = true;
	p->foreign = clear->foreign;
	return true;
}

static int play(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) { /* the list grows */
		struct pass *p = w->passes[i];

		if (p->verdict != VERDICT_REFUSED) /* it is not to be tried */
			continue;
		show_progress(w, i);
		selftest_pass(&w->s, p);
		if (p->starttls && p->listen == LISTEN_CLEAR && !add_inside(w, p))
			return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	}
	return CLI_OK;
}

/* ---- what came of it ---- */

static const struct table_column columns[] = { { "RULE", false }, { "ADDRESS", false },
	{ "TLS", false }, { "FROM", false }, { "TRIED", true }, { "RESULT", false } };

static void add_row(struct table *t, const struct pass *p)
{
	json_t *fact = selftest_fact(p);
	char result[TALK_TEXT + 32];

	snprintf(result, sizeof(result), "%s%s%s", verdict_name(p->verdict), p->why[0] ? ": " : "",
		p->why);
	table_key(t, fact, "rule");
	table_address(t, fact, "to", "to_port");
	table_key(t, fact, "tls");
	table_key(t, fact, "client");
	table_key(t, fact, "tried");
	table_text(t, result);
	table_end(t, fact);
	json_decref(fact);
}

static void print_attempts(struct out *o, void *context)
{
	const struct work *w = context;

	for (size_t i = 0; i < w->n; i++)
		selftest_attempts(o, w->passes[i], w->s.all);
}

static size_t count(const struct work *w, enum verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->passes[i]->verdict == verdict;
	return n;
}

/* Is it a rule's own address, where the kernel may divert those who come from outside? */
static bool is_diverted(const struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->passes[i]->verdict == VERDICT_UNREACHED && w->passes[i]->rule &&
			!w->passes[i]->foreign)
			return w->load.ruleset->host.mode != MODE_DIRECT;
	return false;
}

static int conclude(const struct work *w)
{
	const size_t open = count(w, VERDICT_OPEN);
	const size_t untold = count(w, VERDICT_UNREACHED) + count(w, VERDICT_UNDECIDED);

	if (open > 0)
		return cli_fail(CLI_FAULTS,
			"mail for others is taken: close what is said to be \"taken\" above, by "
			"\"recipients in SET\" and \"local-part strict\" of the rule, or at the "
			"server behind it, which may trust this host's address");
	if (untold == 0 && count(w, VERDICT_REFUSED) + count(w, VERDICT_ALLOWED) > 0)
		return CLI_OK;
	if (untold == 0)
		return cli_fail(CLI_UNAVAILABLE,
			"nothing was tested: no rule that is looked at takes this client; come "
			"from another address with --from, or name another rule");
	return cli_fail(CLI_UNAVAILABLE, "%zu of %zu were not tested to the end%s", untold, w->n,
		is_diverted(w)
			? ": addresses that the kernel diverts to posternd answer clients from "
			  "outside only; run it there, with a copy of the files"
			: "");
}

static int report(struct work *w)
{
	static struct table t;
	int r;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < w->n; i++)
		add_row(&t, w->passes[i]);
	r = cli_print(w->s.cli->json ? table_json : table_print, &t);
	if (r == CLI_OK && !w->s.cli->json)
		r = cli_print(print_attempts, w);
	r = table_told(&t, r);
	table_free(&t);
	return r == CLI_OK ? conclude(w) : r;
}

static int relay(struct cli *c, int argc, char **argv)
{
	struct work w = { .s = { .cli = c } };
	int r = read_arguments(&w, argc, argv);

	if (r == CLI_OK)
		r = config_load(c, &w.load);
	if (r != CLI_OK)
		return r;
	w.s.rules = w.load.ruleset;
	w.s.hostname = hostname(&w);
	w.s.tls = SSL_CTX_new(TLS_client_method());
	signal(SIGPIPE, SIG_IGN); /* a listener may close while we write */
	r = w.s.tls ? plan(&w) : cli_fail(CLI_UNAVAILABLE, "not enough memory for TLS");
	if (r == CLI_OK)
		r = play(&w);
	if (r == CLI_OK)
		r = report(&w);
	for (size_t i = 0; i < w.n; i++)
		free(w.passes[i]);
	free(w.passes);
	SSL_CTX_free(w.s.tls);
	load_free(&w.load);
	return r;
}

int cli_selftest(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "relay", relay } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
