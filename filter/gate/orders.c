/* SPDX-License-Identifier: ISC */
/* What posternd tells the gate: filter/gate/roles.h lists the messages. They come from the process
 * that started this one; they are checked all the same. One that is nonsense, or the end of the
 * pair, ends the gate. */
#include <unistd.h>

#include "filter/gate/gate.h"
#include "filter/gate/roles.h"

static uint8_t block[MSG_HEAD + MSG_BODY_MAX];

static bool answer(struct gate *g, uint16_t type, struct span body, int fd)
{
	/* one that is missing would put those that follow to other questions than theirs */
	return msg_send(g->parent.fd, type, body, fd) == MSG_OK;
}

static bool pong(struct gate *g)
{
	struct role_pong pong = g->counted;

	pong.sessions = g->track.n_open;
	pong.opened = g->track.opened;
	pong.log_dropped = g->log.lost;
	/* no room: posternd has not read for very long, and asks again */
	return msg_send(g->parent.fd, ROLE_PONG, span_of(&pong, sizeof(pong)), -1) != MSG_E_CLOSED;
}

/* ---- packets ---- */

static bool hold(struct gate *g)
{
	queue_hold(g);
	/* what was decided is on its way before it is said that no more comes */
	if (!out_flush(g))
		out_forget(g);
	return answer(g, GATE_HELD, (struct span){ 0 }, -1);
}

static bool take_rules(struct gate *g, const struct msg *m)
{
	const bool first = !g->book.current;
	uint8_t text[4096];
	struct out problem;
	int r;

	out_init(&problem, text, sizeof(text));
	r = m->fd < 0 ? BOOK_E_RULES
		      : book_add(&g->book, m->fd, m->body, &g->shared.tally, &problem);
	if (r < 0 && problem.n == 0)
		out_str(&problem, strerror(-r));
	if (r != BOOK_OK)
		return answer(g, GATE_FAULT, out_span(&problem), -1);
	g->judge.limits.client_prefix = g->book.current->rs->host.client_prefix;
	answers_forget(&g->answers);
	queue_go(g);
	if (first) /* sessions may be open that a gate before this one admitted */
		events_sweep(g, true);
	return answer(g, GATE_RULED, (struct span){ 0 }, -1);
}

static bool go(struct gate *g)
{
	if (g->book.current)
		queue_go(g);
	return true;
}

/* ---- facts ---- */

static bool take_dead(struct gate *g, struct span body)
{
	answers_forget(&g->answers);
	return dead_set(&g->dead, body) == 0;
}

/* Who cannot know who is blocked must not go on letting in. */
static bool take_members(struct gate *g, int fd)
{
	answers_forget(&g->answers);
	return fd >= 0 && book_members(&g->book, fd);
}

static bool tell_sessions(struct gate *g)
{
	const int fd = list_memfd(g);
	const bool told = answer(g, ROLE_SESSIONS, (struct span){ 0 }, fd);

	if (g->book.current && g->now.now_ms >= g->sweep.begun_ms + GATE_LOOK_MS)
		events_sweep(g, false);
	if (fd < 0)
		return told;
	close(fd);
	/* ETOOMANYREFS, as in a proxy: a list that is missing is no reason to end */
	return told || answer(g, ROLE_SESSIONS, (struct span){ 0 }, -1);
}

static bool stop(struct gate *g)
{
	ev_break(g->loop, EVBREAK_ALL);
	return true;
}

/* ---- the pair ---- */

static bool carry_out(struct gate *g, const struct msg *m)
{
	static const uint32_t none;

	switch (m->type) {
	case ROLE_PING: return pong(g);
	case ROLE_STOP: return stop(g);
	case ROLE_MEMBERS: return take_members(g, m->fd);
	case ROLE_ASK_SESSIONS: return tell_sessions(g);
	case ROLE_KILL: return answer(g, ROLE_KILLED, span_of(&none, sizeof(none)), -1);
	case ROLE_FENCE: return answer(g, ROLE_FENCED, (struct span){ 0 }, -1);
	case GATE_HOLD: return hold(g);
	case GATE_RULES: return take_rules(g, m);
	case GATE_GO: return go(g);
	case GATE_DEAD: return take_dead(g, m->body);
	default: return false;
	}
}

static void on_parent(struct ev_loop *loop, ev_io *w, int events)
{
	struct gate *g = w->data;
	struct msg m;
	bool good = true;
	int r;

	(void)events;
	gate_now(g);
	r = msg_recv(w->fd, block, sizeof(block), &m);
	if (r != MSG_E_AGAIN)
		good = r == MSG_OK && carry_out(g, &m);
	if (r == MSG_OK && m.fd >= 0)
		close(m.fd);
	if (!good)
		ev_break(loop, EVBREAK_ALL);
}

void orders_begin(struct gate *g, int fd)
{
	ev_io_init(&g->parent, on_parent, fd, EV_READ);
	g->parent.data = g;
	ev_io_start(g->loop, &g->parent);
}
