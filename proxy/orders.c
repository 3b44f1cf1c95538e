/* SPDX-License-Identifier: ISC */
#include "proxy/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memfd.h"
#include "proxy/inspected.h"
#include "proxy/listen.h"
#include "proxy/passed.h"
#include "proxy/roles.h"
#include "proxy/sessions.h"
#include "proxy/sockets.h"

#define STOP_MS 30000 /* at most, after SIGTERM */

/* Down, the largest is the list of addresses. */
static uint8_t block[MSG_HEAD + MSG_BODY_MAX];

static bool answer(struct proxy *p, uint16_t type, struct span body, int fd)
{
	/* one that is missing would put those that follow to other questions than theirs */
	return msg_send(p->parent.fd, type, body, fd) == MSG_OK;
}

/* ---- ends ---- */

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

void orders_stop(struct proxy *p)
{
	uint32_t ms = p->rules->host.drain_ms;

	if (p->stopping)
		return;
	p->stopping = true;
	p->stop_ms = p->now_ms + (ms < STOP_MS ? ms : STOP_MS);
	listen_end(p);
	probes_end(p);
	if (p->relayed_drain)
		p->relayed_drain(p);
	stop_flows(p, false);
}

static bool drain(struct proxy *p, struct span body)
{
	uint32_t ms;

	if (body.n != sizeof(ms))
		return false;
	memcpy(&ms, body.p, sizeof(ms));
	listen_end(p);
	probes_end(p);
	if (p->relayed_drain)
		p->relayed_drain(p);
	p->draining = true;
	p->drain_ms = p->now_ms + ms;
	return true;
}

void orders_look(struct proxy *p)
{
	if (p->stopping && p->now_ms >= p->stop_ms)
		stop_flows(p, true);
	else if (p->draining && !p->stopping && p->now_ms >= p->drain_ms)
		orders_stop(p);
}

bool orders_done(const struct proxy *p)
{
	return (p->stopping || p->draining) && !p->flows && !p->partings;
}

/* ---- facts ---- */

static bool pong(struct proxy *p)
{
	struct role_pong pong = p->counted;

	pong.sessions = p->n_flows;
	pong.log_dropped = p->log.lost;
	pong.lent_octets = p->pool.lent;
	/* no room: posternd has not read for very long, and asks again */
	return msg_send(p->parent.fd, ROLE_PONG, span_of(&pong, sizeof(pong)), -1) != MSG_E_CLOSED;
}

/* Who cannot know who is blocked must not go on letting in: false ends the proxy. */
static bool take_members(struct proxy *p, int fd)
{
	struct span text;
	int r;

	if (fd < 0 || memfd_map(fd, MEMBERS_TEXT_MAX, &text) != 0)
		return false;
	r = dynamic_sets_read(&p->members, text, p->rules);
	memfd_unmap(text);
	return r == 0;
}

bool orders_member(void *proxy, const struct rule_set *set, const struct ip *ip)
{
	return dynamic_sets_have(&((struct proxy *)proxy)->members, set, ip);
}

static bool tell_sessions(struct proxy *p)
{
	int fd = sessions_memfd(p);
	bool told = answer(p, ROLE_SESSIONS, (struct span){ 0 }, fd);

	if (fd < 0)
		return told;
	close(fd);
	/* ETOOMANYREFS: the kernel bounds what a user's programs together have under way. A list
	 * that is missing is no reason to end the sessions it would have told of. */
	return told || answer(p, ROLE_SESSIONS, (struct span){ 0 }, -1);
}

static bool kill_session(struct proxy *p, struct span id)
{
	struct flow *f = sessions_find(p, id);
	uint32_t n = f != NULL;

	if (f && f->inspected)
		inspected_cut(f, CODE_SESSION_KILLED);
	else if (f)
		passed_cut(f, CODE_SESSION_KILLED);
	return answer(p, ROLE_KILLED, span_of(&n, sizeof(n)), -1);
}

static void tell_dead(struct proxy *p, const struct ip_port *dead, size_t n)
{
	answer(p, ROLE_DEAD, span_of(dead, n * sizeof(*dead)), -1);
}

static bool probe(struct proxy *p)
{
	return probes_begin(p, tell_dead) == 0;
}

/* ---- the pair ---- */

static bool carry_out(struct proxy *p, const struct msg *m)
{
	switch (m->type) {
	case ROLE_PING: return pong(p);
	case ROLE_FENCE: return answer(p, ROLE_FENCED, (struct span){ 0 }, -1);
	case ROLE_SERVE: listen_serve(p); return true;
	case ROLE_STOP: orders_stop(p); return true;
	case ROLE_DRAIN: return drain(p, m->body);
	case ROLE_MEMBERS: return take_members(p, m->fd);
	case ROLE_ADDRESSES: return own_set(&p->own, m->body);
	case ROLE_ASK_SESSIONS: return tell_sessions(p);
	case ROLE_KILL: return kill_session(p, m->body);
	case ROLE_PROBE: return probe(p);
	default: return false;
	}
}

static void on_parent(struct ev_loop *loop, ev_io *w, int events)
{
	struct proxy *p = w->data;
	struct msg m;
	bool good = true;
	int r;

	(void)events;
	/* An order may bring a descriptor, an answer may need one, and clients may have taken all
	 * others. */
	sockets_close(p->reserve);
	r = msg_recv(w->fd, block, sizeof(block), &m);
	if (r != MSG_E_AGAIN)
		good = r == MSG_OK && carry_out(p, &m);
	if (r == MSG_OK && m.fd >= 0)
		close(m.fd);
	p->reserve = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	if (!good)
		ev_break(loop, EVBREAK_ALL);
}

void orders_begin(struct proxy *p, int control)
{
	ev_io_init(&p->parent, on_parent, control, EV_READ);
	p->parent.data = p;
	ev_io_start(p->loop, &p->parent);
}

void orders_end(struct proxy *p)
{
	probes_end(p);
	dynamic_sets_free(&p->members);
}
