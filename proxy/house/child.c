/* SPDX-License-Identifier: ISC */
#include "proxy/house/child.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

#define REST_FIRST_MS 100

/* The n-th failure in a row, from 0. */
static uint32_t rest_after(unsigned failures)
{
	uint32_t ms = REST_FIRST_MS;

	if (failures == 0)
		return 0;
	while (--failures > 0 && ms < CHILD_REST_MAX)
		ms *= 2;
	return ms < CHILD_REST_MAX ? ms : CHILD_REST_MAX;
}

static void set_timer(struct child *c, uint32_t ms)
{
	ev_timer_stop(c->loop, &c->timer);
	ev_timer_set(&c->timer, ms / 1000.0, 0);
	ev_timer_start(c->loop, &c->timer);
}

static void close_control(struct child *c)
{
	if (c->control < 0)
		return;
	ev_io_stop(c->loop, &c->io);
	close(c->control);
	c->control = -1;
}

/* ---- what it says ---- */

static bool take(struct child *c, const struct msg *m)
{
	struct role_ready ready;

	if (m->type == ROLE_READY && c->state == CHILD_STARTING && m->body.n == sizeof(ready)) {
		memcpy(&ready, m->body.p, sizeof(ready));
		ev_timer_stop(c->loop, &c->timer);
		c->state = CHILD_READY;
		c->layers = ready.layers;
		c->ready_ms = clock_steady_ms();
		c->unheard = 0;
		c->kind->ready(c);
		return true;
	}
	if (m->type == ROLE_PONG && m->body.n == sizeof(c->pong)) {
		memcpy(&c->pong, m->body.p, sizeof(c->pong));
		c->unheard = 0;
		return true;
	}
	c->refused = c->refused || m->type == ROLE_REFUSED;
	return (c->state == CHILD_READY || m->type == ROLE_REFUSED) && c->kind->told != NULL &&
	       c->kind->told(c, m);
}

static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
	static uint8_t block[MSG_HEAD + MSG_BODY_MAX];
	struct child *c = io->data;
	struct msg m;
	int r = msg_recv(c->control, block, sizeof(block), &m);

	(void)loop;
	(void)events;
	if (r == MSG_E_AGAIN)
		return;
	if (r != MSG_OK) {
		if (r != MSG_E_CLOSED)
			child_kill(c, SIGKILL);
		close_control(c);
		return;
	}
	if (!take(c, &m))
		child_kill(c, SIGKILL);
	if (m.fd >= 0)
		close(m.fd); /* who wanted it has a copy */
}

/* ---- beginning and end ---- */

static void on_end(struct ev_loop *loop, ev_child *w, int events)
{
	struct child *c = w->data;
	uint32_t rest_ms;

	(void)events;
	ev_child_stop(loop, w);
	ev_timer_stop(loop, &c->timer);
	if (c->state == CHILD_STARTING && c->control >= 0) /* its last words */
		on_control(loop, &c->io, EV_READ);
	close_control(c);
	if (c->state == CHILD_READY && clock_steady_ms() - c->ready_ms >= CHILD_GOOD_MS)
		c->failures = 0;
	rest_ms = rest_after(c->failures++);
	c->state = CHILD_NONE;
	c->pong = (struct role_pong){ 0 };
	if (!c->kind->ended(c, w->rstatus, rest_ms))
		return; /* which may have freed it */
	c->state = CHILD_RESTING;
	c->hung = false;
	set_timer(c, rest_ms);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
	struct child *c = t->data;

	(void)loop;
	(void)events;
	if (c->state == CHILD_STARTING) {
		c->hung = true;
		child_kill(c, SIGKILL);
	} else if (c->state == CHILD_RESTING) {
		c->restarts++;
		if (child_start(c) < 0) { /* no process, no descriptors: later, perhaps */
			c->state = CHILD_RESTING;
			set_timer(c, rest_after(++c->failures));
		}
	}
}

void child_init(struct child *c, const struct child_kind *kind, struct ev_loop *loop)
{
	*c = (struct child){ .kind = kind, .loop = loop, .control = -1 };
	ev_init(&c->io, on_control);
	ev_init(&c->reaper, on_end);
	ev_init(&c->timer, on_timer);
	c->io.data = c->reaper.data = c->timer.data = c;
}

int child_start(struct child *c)
{
	int pair[2], r = msg_pair(pair);
	pid_t pid;

	if (r < 0)
		return r;
	pid = c->kind->start(c, pair[0]);
	close(pair[0]);
	if (pid < 0) {
		close(pair[1]);
		return (int)pid;
	}
	c->pid = pid;
	c->control = pair[1];
	c->state = CHILD_STARTING;
	c->layers = 0;
	c->refused = c->unwanted = false;
	ev_io_set(&c->io, c->control, EV_READ);
	ev_io_start(c->loop, &c->io);
	ev_child_set(&c->reaper, pid, 0);
	ev_child_start(c->loop, &c->reaper);
	set_timer(c, CHILD_READY_MS);
	return 0;
}

void child_send(struct child *c, uint16_t type, struct span body, int fd)
{
	if (child_lives(c) && c->control >= 0 && msg_send(c->control, type, body, fd) != MSG_OK)
		child_kill(c, SIGKILL); /* it must not go on without knowing */
}

void child_look(struct child *c)
{
	if (c->state != CHILD_READY)
		return;
	if (c->unheard++ >= CHILD_UNHEARD) {
		c->hung = true;
		child_kill(c, SIGKILL);
	} else if (c->control >= 0) {
		msg_send(c->control, ROLE_PING, (struct span){ 0 }, -1);
	}
}

void child_kill(struct child *c, int number)
{
	if (child_lives(c))
		kill(c->pid, number);
}

void child_dismiss(struct child *c)
{
	close_control(c);
	c->unwanted = c->unwanted || c->state == CHILD_STARTING;
	if (c->state == CHILD_RESTING) {
		ev_timer_stop(c->loop, &c->timer);
		c->state = CHILD_NONE;
	}
}

void child_deinit(struct child *c)
{
	if (!c->loop)
		return;
	close_control(c);
	ev_timer_stop(c->loop, &c->timer);
	ev_child_stop(c->loop, &c->reaper);
}
