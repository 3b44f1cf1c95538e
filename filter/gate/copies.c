/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>

#include "filter/gate/copied.h"
#include "filter/gate/gate.h"

#define PACKETS 16   /* at a call */
#define EACH    8192 /* octets: KERNEL_COPY of a packet and what is said of it */
#define CALLS   64   /* at a time: others are to get their turn */

static _Alignas(struct nlmsghdr) uint8_t room[PACKETS][EACH];

/* What cannot be read tells nothing, and nothing hangs on it. */
static void on_message(void *context, const struct nlmsghdr *m)
{
	struct gate *g = context;
	struct span octets;
	struct packet p;

	if (copied_read(m, &octets) == COPIED_OK && packet_read(octets, &p) == PACKET_OK)
		track_copy(&g->track, &p);
}

/* The log tells less from now on; that is no reason to end. */
static void give_up(struct gate *g, int error)
{
	fprintf(stderr,
		"postern-gate: copies of packets cannot be read, \"log tls\" tells nothing more: "
		"%s\n",
		strerror(error));
	ev_io_stop(g->loop, &g->copies.watch);
}

/* The beginning of a session is told before its first octets are copied, its end after the last:
 * so what the copies need is in the events that have come by now, and no session is forgotten
 * before its copies are read, since its counters are asked for after this. XXX but one that ends
 * while a sweep is under way, whose answers bring the counters unasked: it may be told without its
 * name. */
bool copies_read(struct gate *g)
{
	for (unsigned i = 0; i < CALLS && ev_is_active(&g->copies.watch); i++) {
		unsigned n;
		const int r = inbox_fill(&g->copies.inbox, g->copies.watch.fd, &n);

		if (r < 0)
			give_up(g, -r);
		if (r == 0 && n == 0)
			return true;
		g->lost.copies += r == INBOX_E_OVERRUN;
		events_read(g);
		for (unsigned j = 0; j < n; j++)
			inbox_each(&g->copies.inbox, j, on_message, g);
	}
	return !ev_is_active(&g->copies.watch);
}

static void on_copies(struct ev_loop *loop, ev_io *w, int events)
{
	struct gate *g = w->data;

	(void)loop;
	(void)events;
	gate_now(g);
	if (copies_read(g))
		events_ask(g);
}

void copies_begin(struct gate *g, int fd)
{
	inbox_init(&g->copies.inbox, room, EACH, PACKETS);
	ev_io_init(&g->copies.watch, on_copies, fd, EV_READ);
	g->copies.watch.data = g;
	ev_io_start(g->loop, &g->copies.watch);
}
