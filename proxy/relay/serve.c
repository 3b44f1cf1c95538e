/* SPDX-License-Identifier: ISC */
#include "proxy/relay/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/roles.h"

/* ---- who asks ---- */

static void forget(struct servant_client *c)
{
	struct servant *s = c->servant;
	struct servant_client **at = &s->clients;

	if (s->kind->gone)
		s->kind->gone(s, c);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	ev_io_stop(s->loop, &c->io);
	close(c->io.fd);
	free(c);
}

/* One message a turn: nobody has the loop to himself. */
static void on_asked(struct ev_loop *loop, ev_io *w, int events)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct servant_client *c = w->data;
	struct msg m;
	int r = msg_recv(w->fd, block, sizeof(block), &m);

	(void)loop;
	(void)events;
	if (r == MSG_E_AGAIN)
		return;
	if (r == MSG_OK && m.fd >= 0) {
		close(m.fd);
		r = MSG_E_BAD;
	}
	if (r != MSG_OK || !c->servant->kind->asked(c->servant, c, &m))
		forget(c);
	explicit_bzero(block, sizeof(block));
}

bool servant_answer(struct servant_client *c, uint16_t type, struct span body)
{
	return msg_send(c->io.fd, type, body, -1) == MSG_OK;
}

static bool add(struct servant *s, int fd)
{
	struct servant_client *c = calloc(1, sizeof(*c));

	if (!c)
		return false;
	c->servant = s;
	c->next = s->clients;
	s->clients = c;
	ev_io_init(&c->io, on_asked, fd, EV_READ);
	c->io.data = c;
	ev_io_start(s->loop, &c->io);
	return true;
}

/* ---- posternd ---- */

/* False: nonsense. */
static bool obey(struct servant *s, const struct msg *m)
{
	const struct role_pong pong = { 0 };

	switch (m->type) {
	case ROLE_PING: msg_send(s->control, ROLE_PONG, span_of(&pong, sizeof(pong)), -1); break;
	case ROLE_STOP: ev_break(s->loop, EVBREAK_ALL); break;
	case ROLE_ADD:
		if (m->fd >= 0 && m->body.n == 0)
			return add(s, m->fd);
		return false;
	default: return s->kind->told && s->kind->told(s, m);
	}
	return m->fd < 0;
}

static void on_control(struct ev_loop *loop, ev_io *w, int events)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX]; /* a host may have many addresses */
	struct servant *s = w->data;
	struct msg m;
	int r = msg_recv(w->fd, block, sizeof(block), &m);

	(void)events;
	if (r == MSG_E_AGAIN)
		return;
	if (r != MSG_OK) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	if (!obey(s, &m) && m.fd >= 0)
		close(m.fd);
}

static void on_sigterm(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* ---- beginning and end ---- */

struct start {
	struct role_place place;
	int fds[1 + SERVE_FDS_MAX]; /* CONTROL first; -1: none */
};

static bool read_start(struct start *t, const struct servant_kind *kind, int argc, char **argv)
{
	if (argc != 3 + (int)kind->fds || !role_place_parse(span_str(argv[1]), &t->place))
		return false;
	for (int i = 0; i <= (int)kind->fds; i++) {
		uint64_t n;

		t->fds[i] = -1;
		if (i > 0 && strcmp(argv[2 + i], "-") == 0)
			continue;
		if (!span_u64(span_str(argv[2 + i]), 65535, &n))
			return false;
		t->fds[i] = (int)n;
		if (fcntl(t->fds[i], F_SETFD, FD_CLOEXEC) < 0)
			return false;
	}
	return true;
}

static int fail(const struct servant_kind *kind, const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", role_program(kind->role), what, strerror(error));
	return EXIT_UNAVAILABLE;
}

static void watch(struct servant *s)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	ev_io_init(&s->io, on_control, s->control, EV_READ);
	s->io.data = s;
	ev_signal_init(&s->sigterm, on_sigterm, SIGTERM);
	ev_io_start(s->loop, &s->io);
	ev_signal_start(s->loop, &s->sigterm);
}

static int begin(struct servant *s, const int *fds)
{
	char why[1024];
	struct out o;
	int r;

	out_init(&o, why, sizeof(why));
	r = s->kind->open ? s->kind->open(s, fds, &o) : 0;
	if (r && o.n)
		msg_send(s->control, ROLE_REFUSED, out_span(&o), -1);
	return r;
}

static int run(struct servant *s, const struct role_place *place)
{
	struct role_ready ready = { 0 };
	int r;

	if (role_enter(s->kind->role, place, &ready.layers) < 0)
		return EXIT_UNAVAILABLE;
	r = msg_send(s->control, ROLE_READY, span_of(&ready, sizeof(ready)), -1);
	if (r)
		return fail(s->kind, "posternd is gone", r < 0 ? -r : EPIPE);
	ev_run(s->loop, 0);
	return 0;
}

int servant_main(const struct servant_kind *kind, int argc, char **argv)
{
	struct servant s = { .kind = kind };
	struct start t;
	int r;

	role_close_strays();
	if (!read_start(&t, kind, argc, argv)) {
		fprintf(stderr, "%s is started by posternd(8)\n", role_program(kind->role));
		return EXIT_USAGE;
	}
	s.control = t.fds[0];
	s.loop = ev_default_loop(EVBACKEND_EPOLL | EVFLAG_NOENV); /* which tells of children */
	if (!s.loop)
		return fail(kind, "cannot start", ENOMEM);
	watch(&s);
	r = begin(&s, t.fds + 1);
	if (r == 0)
		r = run(&s, &t.place);
	while (s.clients)
		forget(s.clients);
	if (kind->close)
		kind->close(&s);
	ev_loop_destroy(s.loop);
	return r;
}
