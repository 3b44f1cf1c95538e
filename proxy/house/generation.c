/* SPDX-License-Identifier: ISC */
#include "proxy/house/generation.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/house/house.h"
#include "proxy/house/relay_texts.h"

/* How many `workers` of postern.conf asks for. */
static unsigned worker_count(const struct hostconf *host)
{
	unsigned n = host->workers;
	cpu_set_t cores; /* those we may run on, which in a container are not all */

	if (n == 0)
		n = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (unsigned)CPU_COUNT(&cores)
								     : 1;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static int fail(const char *what, int error, struct out *why)
{
	out_str(why, what);
	out_str(why, ": ");
	out_str(why, strerror(error));
	out_octet(why, '\n');
	return EXIT_UNAVAILABLE;
}

static bool has_relays(const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].relay)
			return true;
	return false;
}

static int make_workers(struct generation *g, struct out *why)
{
	const unsigned n = worker_count(&g->rules.ruleset->host);
	const unsigned all = has_relays(g->rules.ruleset) ? 2 * n : n;

	g->workers = calloc(all, sizeof(*g->workers));
	if (!g->workers)
		return fail("workers", ENOMEM, why);
	while (g->n_workers < all) {
		unsigned i = g->n_workers++; /* also when it is half made: it will be taken down */
		if (!worker_init(&g->workers[i], g, i >= n, i % n))
			return fail("workers", EUSERS, why);
	}
	return 0;
}

/* Servants, and what is read for them and for relays. Return: 0 or the exit code. */
static int make_servants(struct generation *g, struct out *why)
{
	int exit = 0;

	for (unsigned i = 0; i < SERVANTS; i++)
		servant_init(&g->servants[i], g, (enum servant_id)i);
	if (has_relays(g->rules.ruleset))
		exit = texts_make(g->house->dir, g->rules.ruleset, TEXTS_RELAY, &g->texts, why);
	for (unsigned i = 0; exit == 0 && i < SERVANTS; i++)
		exit = servant_texts(&g->servants[i], why);
	return exit;
}

static int read_rules(struct generation *g, struct out *why)
{
	int r = unbundle(&g->rules, g->bundle);

	if (r == 0)
		return 0;
	out_str(why, "the rules cannot be read back: ");
	unbundle_problem(why, &g->rules, r);
	out_octet(why, '\n');
	return EXIT_CONFIG;
}

/* Numbers for the lanes of `mode managed`; those that the running generation has stay. */
static int number_lanes(struct generation *g, struct out *why)
{
	const struct ruleset *rs = g->rules.ruleset;
	const struct generation *before = g->house->running;
	const size_t room = lanes_room(rs);
	struct arena arena;
	struct out text;
	int r;

	if (rs->host.mode != MODE_MANAGED)
		return 0;
	g->lanes_block = malloc(room + LANES_TEXT_MAX);
	if (!g->lanes_block)
		return fail("lanes", ENOMEM, why);
	arena_init(&arena, (uint8_t *)g->lanes_block + LANES_TEXT_MAX, room);
	r = lanes_assign(
		&arena, rs, before ? before->lanes_text : (struct span){ NULL, 0 }, &g->lanes);
	out_init(&text, g->lanes_block, LANES_TEXT_MAX);
	lanes_print(&text, &g->lanes);
	g->lanes_text = out_span(&text);
	if (r == LANES_OK && !text.full)
		return 0;
	out_str(why, "postern.conf: the rules need ");
	out_u64(why, lanes_need(rs));
	out_str(why, " numbers in \"mode managed\", and \"connection-mark\" has room for ");
	out_u64(why, lanes_max(&rs->host));
	out_str(why, ": give it more bits\n");
	return EXIT_CONFIG;
}

struct generation *generation_new(struct house *h, int bundle, struct out *why, int *exitp)
{
	struct generation *g = calloc(1, sizeof(*g));
	const struct binds *old = h->running ? &h->running->binds : NULL;

	if (!g) {
		close(bundle);
		*exitp = fail("rules", ENOMEM, why);
		return NULL;
	}
	g->house = h;
	g->bundle = bundle;
	g->texts = -1;
	*exitp = read_rules(g, why);
	if (*exitp == 0)
		*exitp = make_workers(g, why);
	if (*exitp == 0)
		*exitp = number_lanes(g, why);
	if (*exitp == 0)
		*exitp = make_servants(g, why);
	if (*exitp == 0)
		*exitp = bind_all(&g->binds, g->rules.ruleset, &g->lanes,
			worker_count(&g->rules.ruleset->host), old, why);
	if (*exitp == 0)
		return g;
	generation_free(g);
	return NULL;
}

void generation_free(struct generation *g)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		worker_deinit(&g->workers[i]);
	for (unsigned i = 0; i < SERVANTS; i++)
		servant_deinit(&g->servants[i]);
	free(g->workers);
	bind_free(&g->binds);
	unbundle_free(&g->rules);
	free(g->lanes_block);
	if (g->texts >= 0)
		close(g->texts);
	close(g->bundle);
	free(g);
}

/* ---- life ---- */

static int start_servants(struct generation *g)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < SERVANTS; i++)
		if (g->servants[i].needed)
			r = child_start(&g->servants[i].child);
	return r;
}

int generation_start(struct generation *g)
{
	int r;

	g->state = GENERATION_STARTING;
	r = start_servants(g);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < g->n_workers; i++) {
		r = child_start(&g->workers[i].child);
		if (r < 0)
			return r;
	}
	return 0;
}

void generation_send(struct generation *g, uint16_t type, struct span body, int fd)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		if (g->workers[i].child.state == CHILD_READY)
			child_send(&g->workers[i].child, type, body, fd);
}

void generation_addresses(struct generation *g, const struct addresses *a)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		if (g->workers[i].child.state == CHILD_READY)
			addresses_tell(a, &g->workers[i].child);
	if (g->servants[SERVANT_RESOLVE].child.state == CHILD_READY)
		addresses_tell(a, &g->servants[SERVANT_RESOLVE].child);
}

/* A worker that rests is not started again: who drains starts nothing. */
static void dismiss_resting(struct generation *g)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		if (g->workers[i].child.state == CHILD_RESTING)
			child_dismiss(&g->workers[i].child);
}

void generation_drain(struct generation *g, uint32_t ms)
{
	g->state = GENERATION_DRAINING;
	g->until_ms = clock_steady_ms() + ms;
	dismiss_resting(g);
	for (unsigned i = 0; i < g->n_workers; i++)
		child_send(&g->workers[i].child, ROLE_DRAIN, span_of(&ms, sizeof(ms)), -1);
	bind_free(&g->binds); /* the successor has copies of those it wants */
}

void generation_stop(struct generation *g, bool force)
{
	const uint64_t now = clock_steady_ms();

	if (g->state != GENERATION_DRAINING || g->until_ms > now)
		g->until_ms = now; /* from then on the house waits for what is under way */
	g->state = GENERATION_DRAINING;
	dismiss_resting(g);
	bind_free(&g->binds);
	for (unsigned i = 0; i < g->n_workers; i++)
		if (force)
			child_kill(&g->workers[i].child, SIGKILL);
		else
			child_send(&g->workers[i].child, ROLE_STOP, (struct span){ 0 }, -1);
	for (unsigned i = 0; force && i < SERVANTS; i++)
		child_kill(&g->servants[i].child, SIGKILL);
}

static bool workers_live(const struct generation *g)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		if (g->workers[i].child.state != CHILD_NONE)
			return true;
	return false;
}

bool generation_lives(const struct generation *g)
{
	for (unsigned i = 0; i < SERVANTS; i++)
		if (g->servants[i].child.state != CHILD_NONE)
			return true;
	return workers_live(g);
}

void generation_look(struct generation *g)
{
	if (g->state != GENERATION_DRAINING || workers_live(g))
		return;
	for (unsigned i = 0; i < SERVANTS; i++)
		child_dismiss(&g->servants[i].child);
}

/* ---- its workers and servants ---- */

static void count_ready(struct generation *g)
{
	unsigned all = g->n_workers;

	for (unsigned i = 0; i < SERVANTS; i++)
		all += g->servants[i].needed;
	if (g->state == GENERATION_STARTING && ++g->n_ready == all)
		house_workers_ready(g->house, g);
}

void generation_worker_ready(struct generation *g, struct worker *w)
{
	if (g->state == GENERATION_RUNNING) {
		child_send(&w->child, ROLE_SERVE, (struct span){ 0 }, -1);
		managed_worker_ready(&g->house->managed, w);
	}
	count_ready(g);
}

void generation_servant_ready(struct generation *g)
{
	count_ready(g);
}

static bool child_ended(
	struct generation *g, struct child *c, bool again, int status, uint32_t rest_ms)
{
	if (g->state == GENERATION_RUNNING)
		return house_child_ended(g->house, c, status, rest_ms);
	if (g->state == GENERATION_STARTING)
		house_generation_failed(g->house, g, c, status);
	else if (g->state == GENERATION_DRAINING && status != 0 && !g->failed)
		return house_child_ended(g->house, c, status, again ? rest_ms : 0) && again;
	return false;
}

bool generation_worker_ended(struct generation *g, struct worker *w, int status, uint32_t rest_ms)
{
	return child_ended(g, &w->child, false, status, rest_ms);
}

/* Sessions that end under the old rules need theirs to the last. */
bool generation_servant_ended(
	struct generation *g, struct house_servant *v, int status, uint32_t rest_ms)
{
	return child_ended(g, &v->child, workers_live(g), status, rest_ms);
}

/* shutdown(2) takes a socket off its port's share of clients, listen(2) puts it back. */
void generation_listen(struct generation *g, const struct worker *w, bool on)
{
	for (size_t i = 0; i < g->binds.n; i++) {
		const struct bind_socket *s = &g->binds.sockets[i];
		if (s->worker != w->index || s->relay != w->relay)
			continue;
		if (on)
			listen(s->fd, BIND_BACKLOG); /* nothing, where it listens already */
		else
			shutdown(s->fd, SHUT_RD);
	}
}
