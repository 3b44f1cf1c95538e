/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Events: libunbound on a loop of libev
 *
 * What libunbound asks of an event base (unbound-event.h), so that it makes neither a thread nor a
 * process: its sockets and timers are watched by our loop.
 *
 * Owns:    nothing but what libunbound asked for and frees.
 * Callers: proxy/relay/resolve/resolver.c.
 * Threads: one.
 */
#include <ev.h>
#include <unbound-event.h>

struct events {
	struct ub_event_base base; /* first: what libunbound knows of it */
	struct ev_loop *loop;
};

/* Outlives every context that was made on it. */
void events_init(struct events *e, struct ev_loop *loop);
