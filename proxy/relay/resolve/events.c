/* SPDX-License-Identifier: ISC */
#include "proxy/relay/resolve/events.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

struct event {
	struct ub_event ub; /* first */
	struct ev_loop *loop;
	ev_io io;
	ev_timer timer;
	int fd;
	short bits;
	void (*fire)(int fd, short bits, void *context);
	void *context;
};

static struct event *event_of(struct ub_event *e)
{
	return (struct event *)(void *)e;
}

static void rest(struct event *e)
{
	ev_io_stop(e->loop, &e->io);
	ev_timer_stop(e->loop, &e->timer);
}

/* ---- what the loop tells ---- */

/* It is taken off first where it was for once; its owner may free it in what he is told. */
static void happen(struct event *e, short what)
{
	if (!(e->bits & UB_EV_PERSIST))
		rest(e);
	else if (e->timer.repeat > 0)
		ev_timer_again(e->loop, &e->timer);
	e->fire(e->fd, what, e->context);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	happen(w->data, (short)((events & EV_READ ? UB_EV_READ : 0) |
				(events & EV_WRITE ? UB_EV_WRITE : 0)));
}

static void on_time(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	happen(w->data, UB_EV_TIMEOUT);
}

/* ---- what libunbound asks of an event ---- */

static void add_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits |= bits;
}

static void del_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits &= (short)~bits;
}

static void set_fd(struct ub_event *ub, int fd)
{
	event_of(ub)->fd = fd;
}

static void event_free(struct ub_event *ub)
{
	rest(event_of(ub));
	free(event_of(ub));
}

static void start_timer(struct event *e, const struct timeval *in)
{
	const double s = (double)in->tv_sec + (double)in->tv_usec / 1e6;

	ev_timer_stop(e->loop, &e->timer);
	e->timer.repeat = s > 0 ? s : 1e-6; /* libev takes 0 for none */
	ev_timer_again(e->loop, &e->timer);
}

static int add(struct ub_event *ub, struct timeval *in)
{
	struct event *e = event_of(ub);
	const int wanted =
		(e->bits & UB_EV_READ ? EV_READ : 0) | (e->bits & UB_EV_WRITE ? EV_WRITE : 0);

	ev_io_stop(e->loop, &e->io);
	if (wanted && e->fd >= 0) {
		ev_io_set(&e->io, e->fd, wanted);
		ev_io_start(e->loop, &e->io);
	}
	if (in)
		start_timer(e, in);
	return 0;
}

static int del(struct ub_event *ub)
{
	rest(event_of(ub));
	event_of(ub)->timer.repeat = 0;
	return 0;
}

static int add_timer(struct ub_event *ub, struct ub_event_base *base,
	void (*fire)(int, short, void *), void *context, struct timeval *in)
{
	struct event *e = event_of(ub);

	(void)base;
	e->fire = fire;
	e->context = context;
	e->bits = UB_EV_TIMEOUT;
	start_timer(e, in);
	return 0;
}

static int no_signal(struct ub_event *ub, struct timeval *in)
{
	(void)ub;
	(void)in;
	return -1;
}

static int no_signal_more(struct ub_event *ub)
{
	(void)ub;
	return -1;
}

static struct ub_event_vmt event_table = {
	.add_bits = add_bits,
	.del_bits = del_bits,
	.set_fd = set_fd,
	.free = event_free,
	.add = add,
	.del = del,
	.add_timer = add_timer,
	.del_timer = del,
	.add_signal = no_signal,
	.del_signal = no_signal_more,
};

/* ---- ... and of the base ---- */

static struct ub_event *new_event(struct ub_event_base *base, int fd, short bits,
	void (*fire)(int, short, void *), void *context)
{
	struct event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct event){
		.ub = { UB_EVENT_MAGIC, &event_table },
		.loop = ((struct events *)(void *)base)->loop,
		.fd = fd,
		.bits = bits,
		.fire = fire,
		.context = context,
	};
	ev_io_init(&e->io, on_io, -1, EV_READ);
	ev_init(&e->timer, on_time);
	e->io.data = e->timer.data = e;
	return &e->ub;
}

/* libunbound has no signals of its own; without one it goes on all the same. */
static struct ub_event *new_signal(
	struct ub_event_base *base, int signal, void (*fire)(int, short, void *), void *context)
{
	(void)base;
	(void)signal;
	(void)fire;
	(void)context;
	return NULL;
}

static void base_free(struct ub_event_base *base)
{
	(void)base;
}

static int dispatch(struct ub_event_base *base)
{
	(void)base;
	return 0;
}

static int loop_exit(struct ub_event_base *base, struct timeval *in)
{
	(void)base;
	(void)in;
	return 0;
}

static struct ub_event_base_vmt base_table = {
	.free = base_free,
	.dispatch = dispatch,
	.loopexit = loop_exit,
	.new_event = new_event,
	.new_signal = new_signal,
};

void events_init(struct events *e, struct ev_loop *loop)
{
	*e = (struct events){ .base = { UB_EVENT_MAGIC, &base_table }, .loop = loop };
}
