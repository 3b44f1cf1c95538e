/* SPDX-License-Identifier: ISC */
/* postern-proxy: see proxy/roles.h for how it is started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/msg.h"
#include "proxy/clock.h"
#include "proxy/inspected.h"
#include "proxy/listen.h"
#include "proxy/passed.h"
#include "proxy/roles.h"
#include "proxy/ruleset.h"

static int fail(const char *what, int error)
{
	fprintf(stderr, "postern-proxy: %s: %s\n", what, strerror(error));
	return EXIT_UNAVAILABLE;
}

/* ---- rounds ---- */

static void on_round(struct ev_loop *loop, ev_check *w, int events)
{
	(void)loop;
	(void)events;
	((struct proxy *)w->data)->now_ms = clock_steady_ms();
}

/* Before it sleeps: the wheel turns only while something is on it, records are sent in batches. */
static void on_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
	struct proxy *p = w->data;

	(void)events;
	if ((p->wheel.n || p->stopping) && !ev_is_active(&p->tick))
		ev_timer_again(loop, &p->tick);
	if (p->log.n && !ev_is_active(&p->batch))
		ev_timer_start(loop, &p->batch);
	if (p->stopping && !p->flows && !p->partings)
		ev_break(loop, EVBREAK_ALL);
}

static void on_batch(struct ev_loop *loop, ev_timer *t, int events)
{
	struct proxy *p = t->data;

	(void)events;
	log_sender_flush(&p->log, clock_wall_ns());
	ev_timer_stop(loop, t);
	ev_timer_set(t, PROXY_BATCH_S, 0);
}

static void stop_flows(struct proxy *p, bool force)
{
	struct flow *next;

	for (struct flow *f = p->flows; f; f = next) {
		next = f->next; /* a flow's end frees no other */
		if (f->inspected)
			inspected_stop(f, force);
		else
			passed_stop(f, force);
	}
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct proxy *p = t->data;

	(void)events;
	wheel_advance(&p->wheel, p->now_ms);
	if (p->stopping && p->now_ms >= p->stop_ms)
		stop_flows(p, true);
	if (!p->wheel.n && !p->stopping)
		ev_timer_stop(loop, t);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *w, int events)
{
	struct proxy *p = w->data;

	(void)loop;
	(void)events;
	if (p->stopping)
		return;
	p->stopping = true;
	p->stop_ms = p->now_ms + PROXY_DRAIN_MS;
	listen_end(p);
	stop_flows(p, false);
}

/* posternd says nothing on this pair: what is readable is its end. */
static void on_parent(struct ev_loop *loop, ev_io *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* ---- beginning and end ---- */

/* The arguments. */
struct start {
	unsigned worker;
	int fds[START_FDS_MAX];
	size_t n_fds;
};

static bool read_start(struct start *s, int argc, char **argv)
{
	uint64_t n;

	if (argc < 3 + FD_LISTENERS || argc > 2 + START_FDS_MAX ||
		!span_u64(span_str(argv[1]), WORKERS_MAX - 1, &n))
		return false;
	s->worker = (unsigned)n;
	for (int i = 2; i < argc; i++) {
		if (!span_u64(span_str(argv[i]), 65535, &n) ||
			fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0)
			return false;
		s->fds[s->n_fds++] = (int)n;
	}
	return true;
}

static void watch(struct proxy *p, int control)
{
	ev_check_init(&p->round, on_round);
	ev_prepare_init(&p->sleep, on_sleep);
	ev_init(&p->tick, on_tick);
	p->tick.repeat = WHEEL_TICK_MS / 1000.0;
	ev_timer_init(&p->batch, on_batch, PROXY_BATCH_S, 0);
	ev_signal_init(&p->sigterm, on_sigterm, SIGTERM);
	ev_io_init(&p->parent, on_parent, control, EV_READ);
	p->round.data = p->sleep.data = p->tick.data = p->batch.data = p->sigterm.data = p;
	ev_check_start(p->loop, &p->round);
	ev_prepare_start(p->loop, &p->sleep);
	ev_signal_start(p->loop, &p->sigterm);
	ev_io_start(p->loop, &p->parent);
}

static bool states_init(struct proxy *p, unsigned worker)
{
	for (size_t i = 0; i < p->rules->n_rules; i++) {
		const struct publish *rule = p->rules->rules[i].publish;
		struct rule_state *state;
		if (!rule)
			continue; /* a relay rule, for others */
		state = &p->states[rule->number];
		state->key = tally_rule(&p->shared.tally, span_str(rule->name));
		state->turn = worker; /* not all workers begin with the same internal */
		state->servers = calloc(rule->n_internal, sizeof(*state->servers));
		if (!state->servers)
			return false;
	}
	return true;
}

/* Return: 0 or errno. */
static int proxy_init(struct proxy *p, unsigned worker, const int *fds)
{
	size_t size;
	int r = ident_init(&p->ident, worker);

	if (r == 0)
		r = shared_map(&p->shared, fds[FD_COUNTS], worker);
	if (r == 0)
		r = ledger_map(&p->ledger, fds[FD_LEDGER]);
	if (r)
		return r < 0 ? -r : EINVAL;
	p->limits = (struct limits){ &p->shared.tally, &p->ledger, p->rules->host.client_prefix };
	pool_init(&p->pool, POOL_MAX);
	p->states = calloc(p->rules->n_rules + 1, sizeof(*p->states));
	p->scratch = pool_lend(&p->pool, POOL_LARGE, &size);
	p->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!p->states || !p->scratch || !p->loop)
		return ENOMEM;
	if (!states_init(p, worker))
		return ENOMEM;
	out_init(&p->to_client, p->out_blocks[0], PROXY_OUT_SIZE);
	out_init(&p->to_server, p->out_blocks[1], PROXY_OUT_SIZE);
	p->now_ms = clock_steady_ms();
	wheel_init(&p->wheel, p->now_ms);
	p->reserve = fcntl(fds[FD_CONTROL], F_DUPFD_CLOEXEC, 0);
	log_sender_init(&p->log, fds[FD_LOG]);
	watch(p, fds[FD_CONTROL]);
	return 0;
}

static int listen_all(struct proxy *p, const int *fds, size_t n)
{
	p->listeners = calloc(n, sizeof(*p->listeners));
	if (!p->listeners)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = listen_begin(p, &p->listeners[i], fds[i]);
		if (r < 0)
			return -r;
		p->n_listeners++;
	}
	return 0;
}

/* Only what a leak checker would miss: the process ends. */
static void proxy_deinit(struct proxy *p)
{
	log_sender_close(&p->log, clock_wall_ns(), 1000);
	pipes_deinit(&p->pipes);
	pool_return(&p->pool, p->scratch, POOL_LARGE);
	pool_deinit(&p->pool);
	ev_loop_destroy(p->loop);
	free(p->listeners);
	for (size_t i = 0; i <= p->rules->n_rules; i++)
		free(p->states[i].servers);
	free(p->states);
	ledger_unmap(&p->ledger);
	shared_unmap(&p->shared);
}

int main(int argc, char **argv)
{
	static struct proxy p;
	struct start s = { 0 };
	int r;

	if (!read_start(&s, argc, argv)) {
		fputs("postern-proxy is started by posternd(8)\n", stderr);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	p.rules = ruleset_from_bundle(s.fds[FD_BUNDLE]);
	if (!p.rules)
		return EXIT_CONFIG;
	r = proxy_init(&p, s.worker, s.fds);
	if (!r)
		r = listen_all(&p, s.fds + FD_LISTENERS, s.n_fds - FD_LISTENERS);
	if (r)
		return fail("cannot start", r);
	r = msg_send(s.fds[FD_CONTROL], ROLE_READY, (struct span){ 0 }, -1);
	if (r)
		return fail("posternd is gone", r < 0 ? -r : EPIPE);
	ev_run(p.loop, 0);
	listen_end(&p);
	proxy_deinit(&p);
	return 0;
}
