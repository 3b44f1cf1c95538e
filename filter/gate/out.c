/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>

#include "filter/gate/gate.h"

/* There is no gate without a writer's pair: posternd holds both ends. */
static void gone(struct gate *g, int error)
{
	fprintf(stderr, "postern-gate: no way to the writer of verdicts: %s\n", strerror(error));
	ev_break(g->loop, EVBREAK_ALL);
}

static void wait_for_room(struct gate *g)
{
	ev_io_stop(g->loop, &g->packets);
	ev_io_start(g->loop, &g->writer);
}

bool out_flush(struct gate *g)
{
	ssize_t r;

	if (g->n_verdicts == 0)
		return true;
	do
		r = send(g->writer.fd, g->verdicts, g->n_verdicts * sizeof(g->verdicts[0]),
			MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r >= 0) {
		g->n_verdicts = 0;
		return true;
	}
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
		wait_for_room(g);
	else
		gone(g, errno);
	return false;
}

void out_forget(struct gate *g)
{
	g->lost.verdicts += g->n_verdicts;
	g->n_verdicts = 0;
	ev_io_stop(g->loop, &g->writer);
}

/* More than one round brings, and no room either: that packet stays without an answer until its
 * successors are told of (VERDICT_OLDER). */
void out_verdict(struct gate *g, const struct gate_verdict *v)
{
	if (g->n_verdicts == VERDICTS_MAX && !out_flush(g)) {
		g->lost.verdicts++;
		return;
	}
	g->verdicts[g->n_verdicts++] = *v;
}

static void on_room(struct ev_loop *loop, ev_io *w, int events)
{
	struct gate *g = w->data;

	(void)events;
	gate_now(g);
	if (!out_flush(g))
		return;
	ev_io_stop(loop, w);
	if (!g->held)
		ev_io_start(loop, &g->packets);
}

void out_begin(struct gate *g, int fd)
{
	ev_io_init(&g->writer, on_room, fd, EV_WRITE);
	g->writer.data = g;
}
