/* SPDX-License-Identifier: ISC */
/* postern firewall: the kernel rules that bring connections to posternd */
#include "cli/firewall.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/control.h"
#include "cli/running.h"
#include "rules/kernel/run/links.h"
#include "rules/kernel/run/lock.h"
#include "rules/kernel/run/managed.h"
#include "rules/kernel/run/queue.h"

#define WHY_MAX 4096

enum backend { BACKEND_IPTABLES, BACKEND_NFT };

/* What every one of them works on. */
struct wanted {
	struct load load;
	struct unbundle running; /* of a posternd that runs in `mode managed` */
	bool runs;
	struct ruleset files;
	const struct ruleset *rs; /* of either */
	struct links links;
	struct lanes lanes; /* of `mode managed` */
	char lanes_text[LANES_TEXT_MAX];
	struct kernel_plan plan;
	void *memory;
};

static void wanted_free(struct wanted *w)
{
	free(w->memory);
	unbundle_free(&w->running);
	load_free(&w->load);
}

int firewall_exit(const char *verb, int r, struct out *why)
{
	if (r == APPLY_OK)
		return CLI_OK;
	if (r < 0)
		return cli_fail(CLI_UNAVAILABLE, "firewall %s: %s", verb, strerror(-r));
	fputs(out_cstr(why), stderr);
	return cli_fail(CLI_UNAVAILABLE, "firewall %s: not done", verb);
}

/* As a posternd gives numbers that starts anew. */
static int fresh_lanes(struct wanted *w, struct arena *arena)
{
	const int r = lanes_assign(arena, w->rs, (struct span){ NULL, 0 }, &w->lanes);

	if (r == LANES_E_FULL)
		return cli_fail(CLI_CONFIG,
			"firewall: the rules need %zu numbers, and \"connection-mark\" of "
			"postern.conf "
			"has room for %u: give it more bits",
			lanes_need(w->rs), lanes_max(&w->rs->host));
	return r == LANES_OK ? CLI_OK : cli_fail(CLI_UNAVAILABLE, "not enough memory");
}

static int running_numbers(const struct cli *c, struct wanted *w, struct arena *arena)
{
	struct out o;
	int exit;

	out_init(&o, w->lanes_text, sizeof(w->lanes_text));
	exit = running_lanes(c, &o);
	if (exit != CLI_OK)
		return exit;
	if (lanes_read(arena, w->rs, out_span(&o), &w->lanes) == LANES_OK)
		return CLI_OK;
	return cli_fail(CLI_UNAVAILABLE, "firewall: the numbers that posternd gives its rules "
					 "cannot be read; perhaps it has just "
					 "got new rules: try again");
}

static int number_lanes(const struct cli *c, struct wanted *w, struct arena *arena)
{
	if (w->rs->host.mode != MODE_MANAGED)
		return CLI_OK;
	return w->runs ? running_numbers(c, w, arena) : fresh_lanes(w, arena);
}

static int make_plan(const struct cli *c, struct wanted *w)
{
	const size_t room = kernel_plan_room(w->rs) + lanes_room(w->rs);
	const bool managed = w->rs->host.mode == MODE_MANAGED;
	struct arena arena;
	int exit, r = links_find(&w->links, w->rs);

	if (r < 0)
		return cli_fail(CLI_UNAVAILABLE,
			"firewall: \"ip\" cannot be run: %s (Debian package iproute2)",
			strerror(-r));
	w->memory = malloc(room);
	if (w->memory == NULL)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	arena_init(&arena, w->memory, room);
	exit = number_lanes(c, w, &arena);
	if (exit != CLI_OK)
		return exit;
	if (kernel_plan(&arena, w->rs, managed ? &w->lanes : NULL,
		    (const char(*)[KERNEL_LINK_MAX])w->links.name, w->links.n,
		    &w->plan) != RULES_OK)
		return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	return CLI_OK;
}

/* Other modes have no kernel rules. */
static bool has_rules(const struct wanted *w)
{
	const enum host_mode mode = w->rs->host.mode;

	return mode == MODE_EXTERNAL || mode == MODE_MANAGED;
}

static int need_rules(const struct cli *c, const struct wanted *w)
{
	if (has_rules(w))
		return CLI_OK;
	return cli_fail(CLI_CONFIG,
		"firewall: kernel rules are for \"mode managed\" and \"mode external\": say one in "
		"%s/postern.conf, "
		"and "
		"\"intercept redirect\" or \"intercept tproxy\"; in \"mode direct\" posternd "
		"listens "
		"on the published addresses itself",
		c->dir);
}

/* In `mode managed` what counts is what posternd has put in force. */
static int find_rules(const struct cli *c, struct wanted *w)
{
	int exit = config_load(c, &w->load);

	if (exit != CLI_OK)
		return exit;
	w->files = *w->load.ruleset;
	w->files.host.mode = config_mode(&w->files.host); /* as posternd takes it */
	w->rs = &w->files;
	w->runs = w->rs->host.mode == MODE_MANAGED && control_there(c);
	if (!w->runs)
		return CLI_OK;
	exit = running_rules(c, &w->running);
	w->rs = w->running.ruleset;
	return exit;
}

/* Return: CLI_OK, then wanted_free() is due; or an exit code after a message. */
static int want(const struct cli *c, struct wanted *w, bool rules)
{
	int exit;

	memset(w, 0, sizeof(*w));
	exit = find_rules(c, w);
	if (exit == CLI_OK && rules)
		exit = need_rules(c, w);
	if (exit == CLI_OK)
		exit = make_plan(c, w);
	if (exit != CLI_OK)
		wanted_free(w);
	return exit;
}

static int need_root(const char *verb)
{
	return geteuid() == 0 ? CLI_OK : cli_fail(CLI_PERMISSION, "firewall %s: needs root", verb);
}

static int read_backend(int *argcp, char **argv, enum backend *backendp)
{
	const char *name = "iptables";
	const int exit = args_value(argcp, argv, "--backend", &name);

	if (exit != CLI_OK)
		return exit;
	*backendp = strcmp(name, "nft") == 0 ? BACKEND_NFT : BACKEND_IPTABLES;
	if (*backendp == BACKEND_IPTABLES && strcmp(name, "iptables") != 0)
		return cli_fail(
			CLI_USAGE, "firewall: no backend \"%s\"; there are iptables and nft", name);
	return CLI_OK;
}

static int no_json(const struct cli *c, const char *verb)
{
	return c->json ? cli_fail(CLI_USAGE, "firewall %s: it has no --json", verb) : CLI_OK;
}

/* ---- render ---- */

struct rendering {
	const struct kernel_plan *plan;
	enum backend backend;
	bool four, six;
};

/* As comments, since iptables-restore cannot do it. */
static void render_routing(struct out *o, const struct kernel_plan *plan, const char *family)
{
	char have[512], commands[1024];
	struct out h, s;

	out_init(&h, have, sizeof(have));
	out_init(&s, commands, sizeof(commands));
	routing_render(&h, plan);
	routing_script(&s, (struct span){ NULL, 0 }, out_span(&h));
	for (struct span rest = out_span(&s); rest.n > 0;) {
		const struct span line = span_sub(rest, 0, span_chr(rest, '\n'));

		out_str(o, "# ip ");
		out_str(o, family);
		out_octet(o, ' ');
		out_bytes(o, line);
		out_octet(o, '\n');
		rest = span_from(rest, line.n + 1);
	}
}

static void render_family(struct out *o, const struct kernel_plan *plan, enum ip_family family)
{
	const struct iptables_seen none = { 0 };
	const size_t room = out_room(o) / 2;
	struct out set;

	out_str(o, family == IP_V4 ? "# IPv4: iptables-restore --noflush, once\n"
				   : "# IPv6: ip6tables-restore --noflush, once\n");
	render_routing(o, plan, family == IP_V4 ? "-4" : "-6");
	if (o->full)
		return;
	/* the set stands in the second half of the block while its script is written into the first
	 */
	out_init(&set, o->p + o->size - room, room);
	iptables_render(&set, plan, family);
	o->size -= room;
	iptables_script(o, out_span(&set), &none, IPTABLES_ALL);
	o->size += room;
	o->full = o->full || set.full;
}

static void print_render(struct out *o, void *context)
{
	const struct rendering *r = context;

	if (r->backend == BACKEND_NFT) {
		out_str(o, "# nft -f\n");
		render_routing(o, r->plan, "-4");
		render_routing(o, r->plan, "-6");
		nft_render(o, r->plan);
		return;
	}
	if (r->four)
		render_family(o, r->plan, IP_V4);
	if (r->six)
		render_family(o, r->plan, IP_V6);
}

static int render(struct cli *c, int argc, char **argv)
{
	struct rendering r = { 0 };
	static struct wanted w; /* large */
	int exit;

	r.four = args_flag(&argc, argv, "-4");
	r.six = args_flag(&argc, argv, "-6");
	if (!r.four && !r.six)
		r.four = r.six = true;
	if (read_backend(&argc, argv, &r.backend) != CLI_OK ||
		args_done(&argc, argv, 1, 1) != CLI_OK || no_json(c, "render") != CLI_OK)
		return CLI_USAGE;
	exit = want(c, &w, true);
	if (exit != CLI_OK)
		return exit;
	r.plan = &w.plan;
	exit = cli_print(print_render, &r);
	wanted_free(&w);
	return exit;
}

/* ---- apply, remove, status ---- */

/* A change is short, and half of one is worse than none; what is run inherits this. */
static void hold_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

/* Nobody else may be at it, neither a second one of us nor postern-kernel. */
static int take_lock(const char *verb, struct netlink *lock)
{
	const int r = lock_take(lock, LOCK_PATIENCE_MS);

	if (r == LOCK_OK)
		return CLI_OK;
	if (r == LOCK_E_HELD)
		fputs(lock_advice, stderr);
	return cli_fail(CLI_UNAVAILABLE, "firewall %s: not done%s%s", verb, r < 0 ? ": " : "",
		r < 0 ? strerror(-r) : "");
}

/* What "mode managed" has besides tables and routing tells something also when all is well. */
static int managed_exit(const char *verb, enum kernel_result result, struct out *text)
{
	if (result != KERNEL_IS_DONE)
		return firewall_exit(verb, APPLY_E_PROGRAM, text);
	fputs(out_cstr(text), stdout);
	return CLI_OK;
}

static int bring_in(const struct wanted *w, enum backend backend, struct out *text)
{
	struct setting_want want[SETTINGS];
	struct managed m = { 0 };
	enum kernel_result result;

	if (backend == BACKEND_NFT)
		return firewall_exit("apply", apply_nft(&w->plan, text), text);
	if (w->rs->host.mode != MODE_MANAGED)
		return firewall_exit("apply", apply_iptables(&w->plan, text), text);
	settings_want(&w->lanes, want);
	result = managed_apply(&m, &w->plan, want, text);
	managed_free(&m);
	return managed_exit("apply", result, text);
}

static int apply(struct cli *c, int argc, char **argv)
{
	char text[WHY_MAX];
	enum backend backend;
	struct netlink lock;
	static struct wanted w; /* large */
	struct out why;
	int exit;

	if (read_backend(&argc, argv, &backend) != CLI_OK ||
		args_done(&argc, argv, 1, 1) != CLI_OK || no_json(c, "apply") != CLI_OK)
		return CLI_USAGE;
	exit = need_root("apply");
	if (exit == CLI_OK)
		exit = want(c, &w, true);
	if (exit != CLI_OK)
		return exit;
	if (w.runs) {
		wanted_free(&w);
		return cli_fail(CLI_USAGE, "firewall apply: posternd runs and keeps these rules "
					   "itself; \"postern apply\" puts "
					   "changed files in force");
	}
	hold_signals();
	out_init(&why, text, sizeof(text) - 1);
	exit = take_lock("apply", &lock);
	if (exit == CLI_OK) {
		exit = bring_in(&w, backend, &why);
		lock_let_go(&lock);
	}
	wanted_free(&w);
	return exit;
}

/* A posternd that runs puts back within two seconds what is taken out: nobody wants that gap. */
static int need_nobody_back(bool force)
{
	if (force || !queue_is_read(KERNEL_QUEUE))
		return CLI_OK;
	return cli_fail(CLI_UNAVAILABLE,
		"firewall remove: posternd runs in \"mode managed\", and would put the rules in "
		"again at once; end it first, as by \"systemctl stop postern\" (--force takes them "
		"out all the same)");
}

/* Reads no file: it must work when they are faulty, and posternd is dead. */
static int take_out(struct cli *c, int argc, char **argv)
{
	const bool force = args_flag(&argc, argv, "--force");
	char text[WHY_MAX];
	struct netlink lock;
	struct out why;
	int exit;

	if (args_done(&argc, argv, 1, 1) != CLI_OK || no_json(c, "remove") != CLI_OK)
		return CLI_USAGE;
	exit = need_root("remove");
	if (exit == CLI_OK)
		exit = need_nobody_back(force);
	if (exit != CLI_OK)
		return exit;
	hold_signals();
	out_init(&why, text, sizeof(text) - 1);
	exit = take_lock("remove", &lock);
	if (exit == CLI_OK) {
		exit = managed_exit("remove", managed_put_back(&why), &why);
		lock_let_go(&lock);
	}
	return exit;
}

static int status(struct cli *c, int argc, char **argv)
{
	const struct kernel_plan *plan;
	enum backend backend;
	static struct wanted w; /* large */
	int exit;

	if (read_backend(&argc, argv, &backend) != CLI_OK || args_done(&argc, argv, 1, 1) != CLI_OK)
		return CLI_USAGE;
	exit = need_root("status");
	if (exit == CLI_OK)
		exit = want(c, &w, false);
	if (exit != CLI_OK)
		return exit;
	plan = has_rules(&w) ? &w.plan : NULL;
	exit = backend == BACKEND_NFT ? firewall_status_nft(c, plan) : firewall_status(c, plan);
	wanted_free(&w);
	return exit;
}

static int differ(const struct wanted *w, bool *differsp, struct out *text)
{
	struct apply_wanted want = { 0 };
	struct apply_seen seen;
	int r = apply_see(&seen, text);

	if (r == APPLY_OK) {
		r = apply_want(&seen, &w->plan, &want);
		if (r == APPLY_OK)
			*differsp = apply_differ(&seen, &want, text);
		apply_wanted_free(&want);
	}
	apply_unsee(&seen);
	return r == APPLY_OK ? CLI_OK : firewall_exit("status", r, text);
}

int firewall_differs(const struct cli *c, bool *differsp, struct out *text)
{
	static struct wanted w; /* large */
	int exit = want(c, &w, true);

	if (exit != CLI_OK)
		return exit;
	exit = differ(&w, differsp, text);
	wanted_free(&w);
	return exit;
}

int cli_firewall(struct cli *c, int argc, char **argv)
{
	static const struct args_word words[] = { { "render", render }, { "apply", apply },
		{ "remove", take_out }, { "status", status } };

	return args_word(c, argc, argv, words, sizeof(words) / sizeof(words[0]));
}
