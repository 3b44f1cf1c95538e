/* SPDX-License-Identifier: ISC */
#include "proxy/house/house.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/facts.h"

#define TICK_S  0.25
#define PING_MS 2000
#define LATE_MS 5000 /* beyond what was allowed, before SIGKILL */

const struct ruleset *house_rules(const struct house *h)
{
	return h->running ? h->running->rules.ruleset : h->coming->rules.ruleset;
}

void house_place(struct house *h, enum role_id role, int folder, int *fds, size_t *np,
	char text[static ROLE_PLACE_TEXT])
{
	struct role_place place = {
		.as_root = h->as_root && h->owner[role].uid != 0,
		.uid = h->owner[role].uid,
		.gid = h->owner[role].gid,
		.folder = -1,
		.required = h->required,
	};
	struct out o;

	if (folder >= 0) {
		place.folder = START_FD + (int)*np;
		fds[(*np)++] = folder;
	}
	out_init(&o, text, ROLE_PLACE_TEXT);
	role_place_print(&o, &place);
	out_cstr(&o);
}

/* ---- failures ---- */

static void failed(struct house *h, const struct child *c, int status, uint32_t rest_ms)
{
	const char *program = role_program(c->kind->role);

	if (c->hung)
		fprintf(stderr, "posternd: %s (process %d) does not answer: killed\n", program,
			(int)c->pid);
	else if (WIFSIGNALED(status))
		fprintf(stderr, "posternd: %s (process %d) ended unexpectedly: signal %d (%s)\n",
			program, (int)c->pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "posternd: %s (process %d) ended unexpectedly: exit %d\n", program,
			(int)c->pid, WEXITSTATUS(status));
	log_role_failed(&h->log, clock_wall_ns(),
		&(struct log_role){ program, (uint64_t)c->pid, status, c->hung, rest_ms });
}

/* ---- generations ---- */

/* Among the living, and with no process left, it is taken out and freed. */
static void remove_dead(struct house *h)
{
	for (struct generation **at = &h->list; *at;) {
		struct generation *g = *at;
		if (g == h->coming || g == h->running || generation_lives(g)) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		generation_free(g);
	}
}

void house_come(struct house *h, struct generation *g)
{
	g->next = h->list;
	h->list = g;
	h->coming = g;
	house_step(h);
}

/* Too many that drain would keep too many processes: the oldest are ended. */
static void bound_draining(struct house *h)
{
	unsigned n = 0;

	for (struct generation *g = h->list; g; g = g->next)
		if (g->state == GENERATION_DRAINING && ++n > HOUSE_GENERATIONS)
			generation_stop(g, false);
}

/* Told on both outputs, for whoever reads the messages and whoever reads the result; once where
 * they are the same file. */
static void say_ready(void)
{
	struct stat out, err;

	if (fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
		(out.st_dev != err.st_dev || out.st_ino != err.st_ino))
		fputs("posternd: ready\n", stderr);
	puts("posternd: ready");
	fflush(stdout);
}

static void run_first(struct house *h, const struct generation *g)
{
	h->ready = true;
	log_config(&h->log, clock_wall_ns(), CODE_CONFIG_STARTED, h->dir, g->rules.ruleset);
	log_sender_flush(&h->log, clock_wall_ns());
	say_ready();
	notify_say(&h->notify, "READY=1\nSTATUS=generation %u", h->number);
}

void house_workers_ready(struct house *h, struct generation *g)
{
	if (h->managed.gate_on)
		managed_bring_in(&h->managed, g);
	else
		house_generation_ready(h, g);
}

void house_generation_ready(struct house *h, struct generation *g)
{
	struct generation *old = h->running;

	g->state = GENERATION_RUNNING;
	g->since_ns = clock_wall_ns();
	h->running = g;
	h->coming = NULL;
	/* a worker of the old one that rested may have taken what both have off the port */
	for (unsigned i = 0; i < g->n_workers; i++)
		generation_listen(g, &g->workers[i], true);
	generation_send(g, ROLE_SERVE, (struct span){ 0 }, -1);
	managed_worker_ready(&h->managed, &g->workers[0]);
	lockout_rules(h);
	if (old)
		generation_drain(old, g->rules.ruleset->host.drain_ms);
	reload_done(h, g);
	g->number = h->number;
	if (old)
		bound_draining(h);
	else
		run_first(h, g);
}

void house_generation_failed(
	struct house *h, struct generation *g, const struct child *c, int status)
{
	if (g != h->coming)
		return;
	const bool config = c && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG;

	g->failed = true;
	if (c && !c->refused)
		failed(h, c, status, 0);
	managed_forget(&h->managed, g);
	if (!h->ready) {
		house_end(h, config ? EXIT_CONFIG : EXIT_UNAVAILABLE);
		return;
	}
	h->coming = NULL;
	generation_stop(g, true);
	reload_failed(h, config ? EXIT_CONFIG : EXIT_UNAVAILABLE);
}

unsigned house_take_seat(struct house *h)
{
	unsigned seat = 0;

	while (seat < SEATS_MAX && h->seats[seat])
		seat++;
	if (seat < SEATS_MAX)
		h->seats[seat] = true;
	return seat;
}

void house_recount(struct house *h, unsigned seat)
{
	const struct ledger *living[SEATS_MAX + 1];
	size_t n = 0;

	if (child_lives(&h->managed.gate))
		living[n++] = &h->managed.ledger;

	for (const struct generation *g = h->list; g; g = g->next)
		for (unsigned i = 0; i < g->n_workers; i++)
			if (child_lives(&g->workers[i].child))
				living[n++] = &g->workers[i].ledger;
	shared_break(&h->shared, seat);
	shared_recount(&h->shared, living, n);
}

/* ---- members of dynamic sets ---- */

bool house_tell_members(struct house *h)
{
	int fd = dynamic_memfd(&h->dynamic);

	h->dynamic.changed = false;
	if (fd < 0) {
		fprintf(stderr, "posternd: members of dynamic sets: %s\n", strerror(-fd));
		h->dynamic.changed = true;
		return false;
	}
	for (struct generation *g = h->list; g; g = g->next)
		generation_send(g, ROLE_MEMBERS, (struct span){ 0 }, fd);
	managed_tell_members(&h->managed, fd);
	close(fd);
	return true;
}

/* ---- roles ---- */

void house_child_ready(struct house *h, struct child *c)
{
	(void)c;
	house_step(h);
}

/* Where it never began: what the log role says of its file is posternd's own exit code. */
static int exit_of(const struct house *h, const struct child *c, int status)
{
	if (c == &h->logger.child && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	return EXIT_UNAVAILABLE;
}

bool house_child_ended(struct house *h, struct child *c, int status, uint32_t rest_ms)
{
	house_look(h);
	if (h->stopping) {
		const bool well = status == 0 || c->unwanted;
		if (!well)
			failed(h, c, status, rest_ms);
		return !well && c == &h->logger.child; /* what waits is to be written */
	}
	if (!h->ready) {
		if (!WIFEXITED(status)) /* else it has said why itself */
			failed(h, c, status, 0);
		house_end(h, exit_of(h, c, status));
		return false;
	}
	failed(h, c, status, rest_ms);
	return true;
}

void house_step(struct house *h)
{
	int r = 0;

	/* Only the beginning waits for those who serve: later their successors find what was sent
	 * meanwhile, and new rules need not wait out a rest of theirs. */
	const bool log = h->ready || h->logger.child.state == CHILD_READY;
	const bool sockets = h->ready || !h->as_root || h->supplier.child.state == CHILD_READY;
	const bool gate = h->ready || managed_ready(&h->managed);

	if (h->stopping || !log)
		return;
	if (h->as_root && h->supplier.child.state == CHILD_NONE)
		r = supplier_start(&h->supplier);
	else if (!gate && sockets)
		r = managed_start(&h->managed);
	else if (h->coming && h->coming->state == GENERATION_WAITING && sockets)
		r = generation_start(h->coming);
	if (r == 0)
		return;
	fprintf(stderr, "posternd: a role cannot be started: %s\n", strerror(-r));
	if (!h->ready)
		house_end(h, EXIT_UNAVAILABLE);
	else if (h->coming && h->coming->state == GENERATION_STARTING)
		house_generation_failed(h, h->coming, NULL, 0);
}

/* ---- end ---- */

static bool generations_live(const struct house *h)
{
	for (const struct generation *g = h->list; g; g = g->next)
		if (generation_lives(g))
			return true;
	return false;
}

static void stop_generations(struct house *h, bool force)
{
	for (struct generation *g = h->list; g; g = g->next)
		generation_stop(g, force);
}

/* What was sent to one that is gone is its successor's to write. */
static bool log_will_come(const struct house *h)
{
	return h->logger.child.state == CHILD_STARTING || h->logger.child.state == CHILD_RESTING;
}

/* The generations first, then who served them. */
static void stop_look(struct house *h)
{
	const uint64_t now = clock_steady_ms();

	if (generations_live(h)) {
		if (now >= h->stop_ms)
			stop_generations(h, true);
		return;
	}
	child_dismiss(&h->supplier.child);
	if (managed_lives(&h->managed)) {
		if (now >= h->stop_ms)
			managed_kill(&h->managed);
		return;
	}
	if (h->log_end >= 0) {
		log_config(&h->log, clock_wall_ns(), CODE_CONFIG_STOPPED, h->dir, house_rules(h));
		log_sender_close(&h->log, clock_wall_ns(), LATE_MS);
		close(h->log.fd);
		h->log.fd = -1;
		logger_remove(&h->logger, h->log_end);
		h->log_end = -1;
		h->stop_ms = now + LATE_MS;
	}
	if (log_will_come(h) && now < h->stop_ms)
		return;
	child_dismiss(&h->logger.child); /* it ends when it has read all there is */
	if (!child_lives(&h->logger.child) && !child_lives(&h->supplier.child))
		ev_break(h->loop, EVBREAK_ALL);
	else if (now >= h->stop_ms) {
		child_kill(&h->logger.child, SIGKILL);
		child_kill(&h->supplier.child, SIGKILL);
	}
}

void house_end(struct house *h, int exit)
{
	uint32_t patience_ms = house_rules(h)->host.drain_ms;

	if (h->stopping)
		return;
	h->stopping = true;
	h->exit = exit;
	if (patience_ms > HOUSE_STOP_MS)
		patience_ms = HOUSE_STOP_MS;
	h->stop_ms = clock_steady_ms() + (exit ? 0 : patience_ms + LATE_MS);
	notify_say(&h->notify, "STOPPING=1\nSTATUS=ending sessions");
	managed_stop(&h->managed);
	stop_generations(h, false);
}

/* ---- signals and the clock ---- */

static void on_stop(struct ev_loop *loop, ev_signal *w, int events)
{
	struct house *h = w->data;

	(void)loop;
	(void)events;
	if (h->stopping) /* somebody is in a hurry */
		stop_generations(h, true);
	house_end(h, 0);
}

static void on_hup(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)loop;
	(void)events;
	reload_signal(w->data);
}

/* Who rotates the log knows us; which process writes it is our affair. */
static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	struct house *h = w->data;

	(void)loop;
	(void)events;
	logger_reopen(&h->logger);
}

static void look_at_children(struct house *h)
{
	child_look(&h->logger.child);
	child_look(&h->supplier.child);
	managed_look(&h->managed);
	for (struct generation *g = h->list; g; g = g->next) {
		for (unsigned i = 0; i < g->n_workers; i++)
			child_look(&g->workers[i].child);
		for (unsigned i = 0; i < SERVANTS; i++)
			child_look(&g->servants[i].child);
	}
}

static void look_at_draining(struct house *h, uint64_t now)
{
	for (struct generation *g = h->list; g; g = g->next) {
		generation_look(g);
		if (g->state == GENERATION_DRAINING && generation_lives(g) &&
			now >= g->until_ms + HOUSE_STOP_MS + LATE_MS)
			generation_stop(g, true);
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct house *h = t->data;
	const uint64_t now = clock_steady_ms();

	(void)loop;
	(void)events;
	if (now >= h->next_ping_ms) {
		h->next_ping_ms = now + PING_MS;
		look_at_children(h);
	}
	if (h->notify.watchdog_ms && now >= h->next_watchdog_ms) {
		h->next_watchdog_ms = now + h->notify.watchdog_ms;
		notify_say(&h->notify, "WATCHDOG=1");
	}
	look_at_draining(h, now);
	remove_dead(h);
	logger_look(&h->logger);
	if (h->log_end >= 0)
		log_sender_flush(&h->log, clock_wall_ns());
	if (h->stopping) {
		stop_look(h);
		return;
	}
	if (h->running)
		dynamic_look(&h->dynamic, house_rules(h), now);
	if (h->dynamic.changed)
		house_tell_members(h);
	lockout_look(h, now);
	keep_look(h, now);
	reload_look(h);
}

void house_look(struct house *h)
{
	ev_feed_event(h->loop, &h->tick, EV_TIMER);
}

static void watch_signal(
	struct house *h, ev_signal *w, int number, void (*act)(struct ev_loop *, ev_signal *, int))
{
	ev_signal_init(w, act, number);
	w->data = h;
	ev_signal_start(h->loop, w);
}

static void watch(struct house *h)
{
	signal(SIGPIPE, SIG_IGN);
	watch_signal(h, &h->sigterm, SIGTERM, on_stop);
	watch_signal(h, &h->sigint, SIGINT, on_stop);
	watch_signal(h, &h->sighup, SIGHUP, on_hup);
	watch_signal(h, &h->sigusr1, SIGUSR1, on_usr1);
	ev_timer_init(&h->tick, on_tick, TICK_S, TICK_S);
	h->tick.data = h;
	ev_timer_start(h->loop, &h->tick);
}

/* ---- the whole ---- */

/* Return: 0, or the exit code. */
static int begin(struct house *h)
{
	int fd, r;

	h->log_end = logger_add(&h->logger, &fd);
	r = h->log_end < 0 ? h->log_end : logger_start(&h->logger);
	if (r < 0) {
		fprintf(stderr, "posternd: postern-log cannot be started: %s\n", strerror(-r));
		return EXIT_UNAVAILABLE;
	}
	log_sender_init(&h->log, fd);
	watch(h);
	server_start(&h->server);
	addresses_init(&h->addresses, h);
	return 0;
}

int house_run(struct house *h)
{
	int r;

	h->since_ns = clock_wall_ns();
	logger_init(&h->logger, h);
	supplier_init(&h->supplier, h);
	r = managed_init(&h->managed, h);
	if (r < 0) {
		fprintf(stderr, "posternd: the gate: %s\n", strerror(-r));
		return EXIT_UNAVAILABLE;
	}
	r = begin(h);
	if (r)
		return r;
	ev_run(h->loop, 0);
	keep_end(h);
	return h->exit;
}

void house_close(struct house *h)
{
	server_close(&h->server);
	addresses_deinit(&h->addresses);
	while (h->list) {
		struct generation *g = h->list;
		h->list = g->next;
		generation_free(g);
	}
	managed_deinit(&h->managed);
	supplier_deinit(&h->supplier);
	logger_deinit(&h->logger);
	dynamic_deinit(&h->dynamic);
	bans_deinit(&h->bans);
	history_close(&h->history);
	reload_deinit(&h->reload);
	notify_deinit(&h->notify);
}
