/* SPDX-License-Identifier: ISC */
#include "proxy/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/dial.h"
#include "proxy/sockets.h"

/* One direction. */
struct way {
	int pipe[2];
	uint32_t n; /* octets in the pipe; 0: there is none */
	bool eof;   /* the source sends no more */
	bool shut;  /* ... and the target was told */
};

struct passed {
	struct flow flow; /* first */
	struct way c2s, s2c;
	enum code why;
	enum log_end_by by;
};

enum moved { MOVED, MOVED_NOTHING, MOVED_FAILED };

/* ---- pipes ---- */

static bool pipes_lend(struct pipes *pipes, int fds[2])
{
	if (pipes->n) {
		memcpy(fds, pipes->spare[--pipes->n], sizeof(pipes->spare[0]));
		return true;
	}
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	fcntl(fds[1], F_SETPIPE_SZ, PASSED_PIPE); /* what we get without it will do */
	return true;
}

/* @n: octets still within; such a pipe is of no use to others. */
static void pipes_return(struct pipes *pipes, int fds[2], size_t n)
{
	if (n == 0 && pipes->n < PIPES_SPARE) {
		memcpy(pipes->spare[pipes->n++], fds, sizeof(pipes->spare[0]));
		return;
	}
	close(fds[0]);
	close(fds[1]);
}

void pipes_deinit(struct pipes *pipes)
{
	while (pipes->n) {
		pipes->n--;
		close(pipes->spare[pipes->n][0]);
		close(pipes->spare[pipes->n][1]);
	}
}

/* ---- octets ---- */

static enum moved way_fill(struct pipes *pipes, struct way *w, int from)
{
	int fds[2];
	ssize_t n;

	if (!pipes_lend(pipes, fds))
		return MOVED_FAILED;
	n = splice(from, NULL, fds[1], NULL, PASSED_PIPE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0) {
		memcpy(w->pipe, fds, sizeof(fds));
		w->n = (uint32_t)n;
		return MOVED;
	}
	pipes_return(pipes, fds, 0);
	if (n == 0)
		w->eof = true;
	return n == 0 || errno == EAGAIN || errno == EINTR ? MOVED_NOTHING : MOVED_FAILED;
}

static enum moved way_drain(struct pipes *pipes, struct way *w, int to, uint64_t *countp)
{
	ssize_t n = splice(w->pipe[0], NULL, to, NULL, w->n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? MOVED_NOTHING : MOVED_FAILED;
	w->n -= (uint32_t)n;
	*countp += (uint64_t)n;
	if (w->n == 0)
		pipes_return(pipes, w->pipe, 0);
	return MOVED;
}

/* Moves what can be moved. False: a side failed. */
static bool way_move(
	struct passed *s, struct way *w, int from, int to, uint64_t *countp, enum activity what)
{
	struct pipes *pipes = &s->flow.proxy->pipes;
	enum moved m = MOVED;

	if (w->n == 0 && !w->eof)
		m = way_fill(pipes, w, from);
	if (m != MOVED_FAILED && w->n) {
		m = way_drain(pipes, w, to, countp);
		if (m == MOVED)
			flow_waits(&s->flow, WAIT_PASSED, what);
	}
	if (m == MOVED_FAILED)
		return false;
	if (w->eof && w->n == 0 && !w->shut) {
		w->shut = true;
		return shutdown(to, SHUT_WR) == 0;
	}
	return true;
}

/* ---- end ---- */

static void way_deinit(struct pipes *pipes, struct way *w)
{
	if (w->n)
		pipes_return(pipes, w->pipe, w->n);
}

static void end(struct passed *s, void (*how)(int fd))
{
	struct flow *f = &s->flow;
	struct proxy *p = f->proxy;
	struct log_close close = {
		.by = p->stopping ? LOG_END_SHUTDOWN : s->by,
		.why = s->why,
		.c2s = f->c2s,
		.s2c = f->s2c,
		.duration_ms = p->now_ms - f->opened_ms,
	};

	how(flow_release(f, &f->client));
	how(flow_release(f, &f->server));
	way_deinit(&p->pipes, &s->c2s);
	way_deinit(&p->pipes, &s->s2c);
	flow_free(f, &close);
}

/* ---- callbacks ---- */

static void rest(struct passed *s)
{
	struct flow *f = &s->flow;
	enum code code;

	if (f->connecting) {
		flow_watch(f, &f->client, 0); /* nothing is read that cannot be handed on yet */
		flow_watch(f, &f->server, EV_WRITE);
	} else {
		flow_watch(f, &f->client,
			(s->c2s.n || s->c2s.eof ? 0 : EV_READ) | (s->s2c.n ? EV_WRITE : 0));
		flow_watch(f, &f->server,
			(s->s2c.n || s->s2c.eof ? 0 : EV_READ) | (s->c2s.n ? EV_WRITE : 0));
	}
	flow_alarm(f, flow_deadline(f, &code));
}

static void failed(struct passed *s, enum code why, enum log_end_by by)
{
	s->why = why;
	s->by = by;
	end(s, sockets_reset);
}

static void on_server(struct ev_loop *loop, ev_io *io, int events);

static void dial_failed(struct passed *s, int result)
{
	if (result == DIAL_OK)
		rest(s);
	else
		failed(s, dial_code(result),
			result == DIAL_E_NONE ? LOG_END_SERVER : LOG_END_FILTER);
}

static void on_connected(struct passed *s)
{
	int error = dial_check(&s->flow);

	if (error == EINPROGRESS)
		return;
	if (error) {
		dial_failed(s, dial_next(&s->flow, error, EV_WRITE));
		return;
	}
	flow_waits(&s->flow, WAIT_PASSED, 0);
	rest(s);
}

/* The directions that may have become possible are tried; the other one has its own event. */
static void on_ready(struct passed *s, bool c2s, bool s2c)
{
	struct flow *f = &s->flow;

	if ((c2s && !way_move(s, &s->c2s, f->client.fd, f->server.fd, &f->c2s, ACT_C_OCTETS)) ||
		(s2c && !way_move(s, &s->s2c, f->server.fd, f->client.fd, &f->s2c, ACT_S_OCTETS)))
		failed(s, CODE_COUNT, s->by);
	else if (s->c2s.shut && s->s2c.shut)
		end(s, sockets_close);
	else
		rest(s);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct passed *s = io->data;

	(void)loop;
	if (!s->c2s.eof && !s->s2c.eof)
		s->by = LOG_END_CLIENT; /* whoever begins to end it is met first */
	on_ready(s, events & EV_READ, events & EV_WRITE);
}

static void on_server(struct ev_loop *loop, ev_io *io, int events)
{
	struct passed *s = io->data;

	(void)loop;
	if (s->flow.connecting) {
		on_connected(s);
		return;
	}
	if (!s->c2s.eof && !s->s2c.eof)
		s->by = LOG_END_SERVER;
	on_ready(s, events & EV_WRITE, events & EV_READ);
}

static void on_time(struct wheel_entry *e)
{
	struct passed *s =
		(struct passed *)(void *)((char *)e - offsetof(struct passed, flow.timer));
	struct flow *f = &s->flow;
	enum code code;

	if (flow_deadline(f, &code) > f->proxy->now_ms) {
		rest(s);
	} else if (code == CODE_SERVER_DOWN) {
		dial_failed(s, dial_next(f, ETIMEDOUT, EV_WRITE));
	} else {
		log_refused(&f->proxy->log, clock_wall_ns(), &f->log, code, 0, 0, NULL);
		failed(s, code, LOG_END_FILTER);
	}
}

/* ---- beginning ---- */

void passed_open(struct proxy *p, int client, const struct log_session *session, uint32_t counted)
{
	struct passed *s = (struct passed *)(void *)flow_new(
		p, sizeof(*s), client, session, counted, on_client, on_time);

	if (!s) {
		log_host(&p->log, clock_wall_ns(), CODE_LIMIT_MEMORY, ENOMEM);
		sockets_reset(client);
		return;
	}
	s->why = CODE_COUNT;
	s->by = LOG_END_CLIENT;
	s->flow.wait = WAIT_CONNECT;
	dial_failed(s, dial_start(&s->flow, on_server, EV_WRITE));
}

void passed_cut(struct flow *f, enum code code)
{
	failed((struct passed *)(void *)f, code, LOG_END_FILTER);
}

void passed_stop(struct flow *f, bool force)
{
	if (force)
		end((struct passed *)(void *)f, sockets_reset);
}
