/* SPDX-License-Identifier: ISC */
/* Asking every proxy of every generation, the gate and postern-kernel for the one client that is
 * served. */
#include "proxy/house/house.h"

#define PATIENCE_S 5.0

typedef void child_visit(struct server *s, struct child *c, void *context);

/* All that are ever asked: who has sessions, and who has bans. */
static void each_child(struct server *s, child_visit *visit, void *context)
{
	for (struct generation *g = s->house->list; g; g = g->next)
		for (unsigned i = 0; i < g->n_workers; i++)
			visit(s, &g->workers[i].child, context);
	if (!s->house->managed.on)
		return;
	visit(s, &s->house->managed.gate, context);
	visit(s, &s->house->managed.kernel, context);
}

static void count_owed(struct server *s, struct child *c, void *context)
{
	(void)s;
	*(unsigned *)context += c->owed;
}

/* The text that waited for the proxies. */
static void say_done(struct server *s)
{
	static uint8_t text[CONTROL_TEXT_MAX];
	const size_t n = s->lines.n;

	memcpy(text, s->lines.p, n);
	s->lines.n = 0;
	server_done(s, 0, span_of(text, n));
}

static void settle(struct server *s)
{
	unsigned owed = 0;

	if (!s->awaits)
		return;
	each_child(s, count_owed, &owed);
	if (owed > 0)
		return;
	if (s->awaits == ROLE_FENCED)
		say_done(s);
	else if (s->awaits != ROLE_KILLED)
		server_done(s, 0, (struct span){ 0 });
	else if (s->killed > 0)
		server_done(s, 0, SPAN("the session is ended\n"));
	else
		server_fail(s, 1, "no such session; \"postern session list\" shows them", "");
}

struct question {
	uint16_t type;
	struct span body;
};

static void ask(struct server *s, struct child *c, void *context)
{
	const struct question *q = context;

	(void)s;
	if (c->state != CHILD_READY || (c->kind->role == ROLE_KERNEL && q->type != ROLE_FENCE))
		return; /* postern-kernel has no sessions */
	c->owed++;
	child_send(c, q->type, q->body, -1);
}

void survey_ask(struct server *s, uint16_t type, struct span body, uint16_t awaits)
{
	struct question q = { type, body };

	s->awaits = awaits;
	s->killed = 0;
	each_child(s, ask, &q);
	ev_timer_set(&s->patience, PATIENCE_S, 0);
	ev_timer_start(s->house->loop, &s->patience);
	settle(s);
}

void survey_done(struct server *s, struct span text)
{
	out_init(&s->lines, s->block, sizeof(s->block));
	out_bytes(&s->lines, span_sub(text, 0, sizeof(s->block)));
	survey_ask(s, ROLE_FENCE, (struct span){ 0 }, ROLE_FENCED);
}

static bool is_answer(const struct msg *m)
{
	if (m->type == ROLE_SESSIONS)
		return m->body.n == 0;
	if (m->type == ROLE_FENCED)
		return m->body.n == 0 && m->fd < 0;
	return m->type == ROLE_KILLED && m->body.n == sizeof(uint32_t) && m->fd < 0;
}

bool survey_answered(struct server *s, struct child *c, const struct msg *m)
{
	uint32_t n;

	if (c->owed == 0 || !is_answer(m))
		return false;
	c->owed--;
	if (!s->awaits || c->owed > 0) /* to a question nobody waits for any more */
		return true;
	if (m->type != s->awaits)
		return false;
	if (m->fd >= 0)
		server_file(s, m->fd);
	if (m->type == ROLE_KILLED) {
		memcpy(&n, m->body.p, sizeof(n));
		s->killed += n != 0;
	}
	settle(s);
	return true;
}

void survey_gone(struct server *s, struct child *c)
{
	c->owed = 0;
	settle(s);
}

void survey_give_up(struct server *s)
{
	if (s->awaits == ROLE_FENCED) /* who is so late is hung, and will be replaced */
		say_done(s);
	else
		server_fail(s, EXIT_UNAVAILABLE, "not every proxy answered in time", "");
}
