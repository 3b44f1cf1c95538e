/* SPDX-License-Identifier: ISC */
/* postern-gate: see filter/gate/roles.h for how it is started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/role.h"
#include "filter/gate/gate.h"
#include "filter/gate/roles.h"

static int fail(const char *what, int error)
{
	fprintf(stderr, "postern-gate: %s: %s\n", what, strerror(error));
	return EX_UNAVAILABLE;
}

void gate_now(struct gate *g)
{
	g->now = (struct track_time){ clock_steady_ms(), clock_wall_ns() };
}

/* ---- what was lost, told once a tick ---- */

static void tell(struct gate *g, enum code code, const char *what, uint64_t *np)
{
	if (*np > 0)
		log_gate(&g->log, g->now.wall_ns, code, what, *np, 0);
	*np = 0;
}

/* An overrun whose packets are not missed yet, since no later one came, is at least one. */
static void tell_lost(struct gate *g)
{
	if (g->lost.packets < g->lost.overruns)
		g->lost.packets = g->lost.overruns;
	g->lost.overruns = 0;
	tell(g, CODE_GATE_LOST, "packets", &g->lost.packets);
	tell(g, CODE_GATE_LOST, "verdicts", &g->lost.verdicts);
	tell(g, CODE_GATE_COPIES_LOST, NULL, &g->lost.copies);
	tell(g, CODE_GATE_EVENTS_LOST, NULL, &g->lost.events);
	tell(g, CODE_GATE_MALFORMED, NULL, &g->lost.malformed);
	tell(g, CODE_GATE_FULL, NULL, &g->track.full);
}

static bool has_lost(const struct gate *g)
{
	return g->lost.packets || g->lost.overruns || g->lost.verdicts || g->lost.events ||
	       g->lost.malformed || g->lost.copies || g->track.full;
}

/* ---- rounds ---- */

static bool tick_needed(const struct gate *g)
{
	return has_lost(g) || events_wait(g) || g->track.first_ended ||
	       (g->queue.begun && g->queue.older_id != g->queue.last_id);
}

/* Before it sleeps: it ticks only while there is something to do. */
static void on_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
	struct gate *g = w->data;

	(void)events;
	if (!ev_is_active(&g->tick) && tick_needed(g))
		ev_timer_again(loop, &g->tick);
	if ((g->log.n || log_flood_holds(&g->log.flood)) && !ev_is_active(&g->batch))
		ev_timer_start(loop, &g->batch);
}

static void on_batch(struct ev_loop *loop, ev_timer *t, int events)
{
	struct gate *g = t->data;

	(void)events;
	gate_now(g);
	log_flood_tell(&g->log, g->now.wall_ns);
	log_sender_flush(&g->log, g->now.wall_ns);
	ev_timer_stop(loop, t);
	ev_timer_set(t, GATE_BATCH_S, 0);
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct gate *g = t->data;

	(void)events;
	gate_now(g);
	queue_tick(g);
	events_tick(g);
	track_expire(&g->track, g->now);
	tell_lost(g);
	book_tidy(&g->book);
	if (!tick_needed(g))
		ev_timer_stop(loop, t);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void watch(struct gate *g)
{
	ev_prepare_init(&g->sleep, on_sleep);
	ev_timer_init(&g->batch, on_batch, GATE_BATCH_S, 0);
	ev_init(&g->tick, on_tick);
	g->tick.repeat = GATE_TICK_S;
	ev_signal_init(&g->sigterm, on_sigterm, SIGTERM);
	g->sleep.data = g->batch.data = g->tick.data = g->sigterm.data = g;
	ev_prepare_start(g->loop, &g->sleep);
	ev_signal_start(g->loop, &g->sigterm);
}

/* ---- beginning and end ---- */

struct start {
	struct role_place place;
	unsigned seat;
	int fds[GATE_FDS];
};

static bool read_start(struct start *s, int argc, char **argv)
{
	uint64_t n;

	if (argc != 3 + GATE_FDS || !role_place_parse(span_str(argv[1]), &s->place) ||
		!span_u64(span_str(argv[2]), IDENT_WORKERS - 1, &n))
		return false;
	s->seat = (unsigned)n;
	for (int i = 0; i < GATE_FDS; i++) {
		if (!span_u64(span_str(argv[3 + i]), 65535, &n))
			return false;
		s->fds[i] = (int)n;
		if (fcntl(s->fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return false;
	}
	return true;
}

/* Return: 0 or errno. */
static int counts_init(struct gate *g, const struct start *s)
{
	int r = shared_map(&g->shared, s->fds[GATE_FD_COUNTS], s->seat);

	if (r == 0)
		r = ledger_map(&g->ledger, s->fds[GATE_FD_LEDGER]);
	close(s->fds[GATE_FD_COUNTS]);
	close(s->fds[GATE_FD_LEDGER]);
	g->judge = (struct judge){ .dead = &g->dead,
		.shared = &g->shared,
		.limits = { &g->shared.tally, &g->ledger, 64 } };
	return r < 0 ? -r : r ? EINVAL : 0;
}

/* Return: 0 or errno. */
static int gate_init(struct gate *g, const struct start *s)
{
	int r = counts_init(g, s);

	if (r)
		return r;
	r = ident_init(&g->ident, s->seat);
	if (r == 0 && getrandom(g->answers.seed, sizeof(g->answers.seed), 0) < 0)
		r = -errno;
	g->track = (struct track){ .control = s->fds[GATE_FD_CONTROL],
		.book = &g->book,
		.shared = &g->shared,
		.limits = &g->judge.limits,
		.log = &g->log,
		.ident = &g->ident };
	if (r == 0)
		r = track_init(&g->track);
	if (r)
		return -r;
	g->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!g->loop)
		return ENOMEM;
	log_sender_init(&g->log, s->fds[GATE_FD_LOG]);
	gate_now(g);
	watch(g);
	queue_begin(g, s->fds[GATE_FD_QUEUE]);
	events_begin(g, s->fds[GATE_FD_TRACK]);
	copies_begin(g, s->fds[GATE_FD_COPIES]);
	out_begin(g, s->fds[GATE_FD_VERDICTS]);
	orders_begin(g, s->fds[GATE_FD_CONTROL]);
	return 0;
}

/* Sessions that are open go on, and a gate that comes after this one finds them. */
static void gate_deinit(struct gate *g)
{
	gate_now(g);
	tell_lost(g);
	log_flood_tell(&g->log, INT64_MAX);
	log_sender_close(&g->log, g->now.wall_ns, 1000);
	track_deinit(&g->track);
	book_deinit(&g->book);
	dead_deinit(&g->dead);
	ledger_unmap(&g->ledger);
	shared_unmap(&g->shared);
	ev_loop_destroy(g->loop);
}

int main(int argc, char **argv)
{
	static struct gate g;
	static struct start s;
	struct role_ready ready = { 0 };
	int r;

	role_close_strays();
	if (!read_start(&s, argc, argv)) {
		fputs("postern-gate is started by posternd(8)\n", stderr);
		return EX_USAGE;
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	r = gate_init(&g, &s);
	if (r)
		return fail("cannot start", r);
	if (role_enter(ROLE_GATE, &s.place, &ready.layers) < 0)
		return EX_UNAVAILABLE;
	r = msg_send(s.fds[GATE_FD_CONTROL], ROLE_READY, span_of(&ready, sizeof(ready)), -1);
	if (r)
		return fail("posternd is gone", r < 0 ? -r : EPIPE);
	ev_run(g.loop, 0);
	gate_deinit(&g);
	return 0;
}
