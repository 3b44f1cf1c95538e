/* SPDX-License-Identifier: ISC */
#include "proxy/begin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/listen.h"
#include "proxy/orders.h"
#include "proxy/passed.h"
#include "proxy/roles.h"
#include "proxy/ruleset.h"
#include "proxy/sockets.h"
#include "rules/view.h"

static int fail(const struct worker_kind *k, const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", role_program(k->role), what, strerror(error));
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
	if ((p->wheel.n || p->stopping || p->draining) && !ev_is_active(&p->tick))
		ev_timer_again(loop, &p->tick);
	if ((p->log.n || log_flood_holds(&p->log.flood)) && !ev_is_active(&p->batch))
		ev_timer_start(loop, &p->batch);
	if (orders_done(p))
		ev_break(loop, EVBREAK_ALL);
}

static void on_batch(struct ev_loop *loop, ev_timer *t, int events)
{
	struct proxy *p = t->data;

	(void)events;
	log_flood_tell(&p->log, clock_wall_ns());
	log_sender_flush(&p->log, clock_wall_ns());
	ev_timer_stop(loop, t);
	ev_timer_set(t, PROXY_BATCH_S, 0);
}

static void on_tick(struct ev_loop *loop, ev_timer *t, int events)
{
	struct proxy *p = t->data;

	(void)events;
	wheel_advance(&p->wheel, p->now_ms);
	orders_look(p);
	if (!p->wheel.n && !p->stopping && !p->draining)
		ev_timer_stop(loop, t);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)loop;
	(void)events;
	orders_stop(w->data);
}

/* ---- beginning and end ---- */

/* The arguments. */
struct start {
	const struct worker_kind *kind;
	struct role_place place;
	unsigned seat;
	int fds[START_FDS_MAX];                /* -1: none */
	enum listen_kind kinds[START_FDS_MAX]; /* of listeners */
	int rules[START_FDS_MAX];
	size_t n_fds;
};

/* Cuts ":RULE" off. */
static bool read_rule(struct span *text, int *rulep)
{
	const size_t colon = span_chr(*text, ':');
	uint64_t n = 0;

	*rulep = LISTEN_JUDGE;
	if (colon == text->n)
		return true;
	if (!span_u64(span_from(*text, colon + 1), INT_MAX, &n))
		return false;
	*rulep = (int)n;
	*text = span_sub(*text, 0, colon);
	return true;
}

static bool read_fd(struct start *s, const char *text)
{
	const size_t i = s->n_fds++;
	struct span fd;
	uint64_t n;

	if (i >= FD_SPARE4 && i < s->kind->fds && strcmp(text, "-") == 0) {
		s->fds[i] = -1;
		return true;
	}
	if (i >= s->kind->fds && (*text == 'r' || *text == 't'))
		s->kinds[i] = *text++ == 'r' ? LISTEN_REDIRECT : LISTEN_TPROXY;
	fd = span_str(text);
	if (i >= s->kind->fds && !read_rule(&fd, &s->rules[i]))
		return false;
	if (!span_u64(fd, 65535, &n))
		return false;
	s->fds[i] = (int)n;
	return fcntl(s->fds[i], F_SETFD, FD_CLOEXEC) == 0;
}

static bool read_start(struct start *s, int argc, char **argv)
{
	uint64_t n;

	if (argc < 3 + (int)s->kind->fds || argc > 3 + START_FDS_MAX ||
		!role_place_parse(span_str(argv[1]), &s->place) ||
		!span_u64(span_str(argv[2]), SEATS_MAX - 1, &n))
		return false;
	s->seat = (unsigned)n;
	for (int i = 3; i < argc; i++)
		if (!read_fd(s, argv[i]))
			return false;
	return true;
}

static void watch(struct proxy *p)
{
	ev_check_init(&p->round, on_round);
	ev_prepare_init(&p->sleep, on_sleep);
	ev_init(&p->tick, on_tick);
	p->tick.repeat = WHEEL_TICK_MS / 1000.0;
	ev_timer_init(&p->batch, on_batch, PROXY_BATCH_S, 0);
	ev_signal_init(&p->sigterm, on_sigterm, SIGTERM);
	p->round.data = p->sleep.data = p->tick.data = p->batch.data = p->sigterm.data = p;
	ev_check_start(p->loop, &p->round);
	ev_prepare_start(p->loop, &p->sleep);
	ev_signal_start(p->loop, &p->sigterm);
}

static bool states_init(struct proxy *p, unsigned seat)
{
	for (size_t i = 0; i < p->rules->n_rules; i++) {
		const struct publish *rule = rule_front(&p->rules->rules[i]);
		struct rule_state *state = &p->states[rule->number];
		state->key = tally_rule(&p->shared.tally, span_str(rule->name));
		state->turn = seat; /* not all workers begin with the same internal */
		state->servers =
			calloc(rule->n_internal + rule->internal_original, sizeof(*state->servers));
		if (!state->servers)
			return false;
	}
	return true;
}

/* Return: 0 or errno. */
static int proxy_init(struct proxy *p, unsigned seat, const int *fds)
{
	size_t size;
	int r = ident_init(&p->ident, seat);

	if (r == 0)
		r = shared_map(&p->shared, fds[FD_COUNTS], seat);
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
	if (!states_init(p, seat))
		return ENOMEM;
	out_init(&p->to_client, p->out_blocks[0], PROXY_OUT_SIZE);
	out_init(&p->to_server, p->out_blocks[1], PROXY_OUT_SIZE);
	p->now_ms = clock_steady_ms();
	wheel_init(&p->wheel, p->now_ms);
	p->reserve = fcntl(fds[FD_CONTROL], F_DUPFD_CLOEXEC, 0);
	log_sender_init(&p->log, fds[FD_LOG]);
	spare_init(&p->spare, fds[FD_SPARE4], fds[FD_SPARE6]);
	watch(p);
	orders_begin(p, fds[FD_CONTROL]);
	return 0;
}

static int listen_all(struct proxy *p, const struct start *s)
{
	const size_t n = s->n_fds - s->kind->fds;

	p->listeners = calloc(n + 1, sizeof(*p->listeners));
	if (!p->listeners)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = listen_begin(p, &p->listeners[i], s->fds[s->kind->fds + i],
			s->kinds[s->kind->fds + i], s->rules[s->kind->fds + i]);
		if (r < 0)
			return -r;
		p->n_listeners++;
	}
	return 0;
}

/* Only what a leak checker would miss: the process ends. */
static void proxy_deinit(struct proxy *p)
{
	log_flood_tell(&p->log, INT64_MAX);
	log_sender_close(&p->log, clock_wall_ns(), 1000);
	pipes_deinit(&p->pipes);
	spare_deinit(&p->spare);
	own_deinit(&p->own);
	pool_return(&p->pool, p->scratch, POOL_LARGE);
	pool_deinit(&p->pool);
	ev_loop_destroy(p->loop);
	free(p->listeners);
	for (size_t i = 0; i <= p->rules->n_rules; i++)
		free(p->states[i].servers);
	free(p->states);
	orders_end(p);
	ledger_unmap(&p->ledger);
	shared_unmap(&p->shared);
}

int worker_main(const struct worker_kind *kind, int argc, char **argv)
{
	static struct proxy p;
	static struct start s;
	struct role_ready ready = { 0 };
	int r;

	role_close_strays();
	s.kind = kind;
	if (!read_start(&s, argc, argv)) {
		fprintf(stderr, "%s is started by posternd(8)\n", role_program(kind->role));
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	p.rules = ruleset_from_bundle(s.fds[FD_BUNDLE]);
	if (!p.rules)
		return EXIT_CONFIG;
	r = proxy_init(&p, s.seat, s.fds);
	if (!r && kind->open)
		r = kind->open(&p, s.fds);
	if (!r)
		r = listen_all(&p, &s);
	if (r)
		return fail(kind, "cannot start", r);
	spare_await(&p.spare, PROXY_SPARE_MS);
	if (role_enter(kind->role, &s.place, &ready.layers) < 0)
		return EXIT_UNAVAILABLE;
	r = msg_send(s.fds[FD_CONTROL], ROLE_READY, span_of(&ready, sizeof(ready)), -1);
	if (r)
		return fail(kind, "posternd is gone", r < 0 ? -r : EPIPE);
	ev_run(p.loop, 0);
	listen_end(&p);
	if (kind->close)
		kind->close(&p);
	proxy_deinit(&p);
	return 0;
}
