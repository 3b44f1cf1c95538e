/* SPDX-License-Identifier: ISC */
#include "proxy/flow.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "filter/limits/bans.h"

/* posternd is told of a ban that has begun. */
static void tell_ban(const struct flow *f, enum tally_what by, uint64_t ban_ms)
{
	if (ban_ms > 0)
		bans_tell(f->proxy->parent.fd, flow_rule(f), &f->log.client.ip, by, ban_ms);
}

static void leave(struct proxy *p, uint32_t counted)
{
	shared_lock(&p->shared);
	limits_leave(&p->limits, counted);
	shared_unlock(&p->shared);
}

struct flow *flow_new(struct proxy *p, size_t size, int client, const struct log_session *session,
	uint32_t counted, void (*on_client)(struct ev_loop *, ev_io *, int),
	void (*fire)(struct wheel_entry *))
{
	struct flow *f = calloc(1, size);

	if (!f) {
		leave(p, counted);
		return NULL;
	}
	f->proxy = p;
	f->log = *session;
	f->counted = counted;
	f->opened_ms = f->since_ms = p->now_ms;
	f->timer.fire = fire;
	ev_io_init(&f->client, on_client, client, EV_READ);
	ev_io_init(&f->server, NULL, -1, EV_READ);
	f->client.data = f->server.data = f;
	ev_set_priority(&f->server, 1); /* of one round: a reply, or its end, comes before what the
					   client goes on with */
	f->next = p->flows;
	f->pprev = &p->flows;
	if (f->next)
		f->next->pprev = &f->next;
	p->flows = f;
	p->n_flows++;
	p->counted.opened++;
	log_open(&p->log, clock_wall_ns(), &f->log);
	return f;
}

void flow_free(struct flow *f, const struct log_close *close)
{
	struct proxy *p = f->proxy;

	assert(f->client.fd < 0 && f->server.fd < 0);
	log_close(&p->log, clock_wall_ns(), &f->log, close);
	leave(p, f->counted);
	wheel_cancel(&p->wheel, &f->timer);
	*f->pprev = f->next;
	if (f->next)
		f->next->pprev = f->pprev;
	p->n_flows--;
	free(f);
}

/* ---- what it brings ---- */

struct limit_answer flow_room(struct flow *f, enum tally_what what, uint64_t n, bool take)
{
	struct proxy *p = f->proxy;
	struct limit_answer a;

	shared_lock(&p->shared);
	a = limits_room(&p->limits, f->counted, &flow_rule(f)->limits, what, n, take, p->now_ms);
	shared_unlock(&p->shared);
	tell_ban(f, a.ban_by, a.ban_ms);
	return a;
}

void flow_count(struct flow *f, enum tally_what what, uint64_t n)
{
	struct proxy *p = f->proxy;

	shared_lock(&p->shared);
	limits_count(&p->limits, f->counted, &flow_rule(f)->limits, what, n, p->now_ms);
	shared_unlock(&p->shared);
}

void flow_session_over(struct flow *f)
{
	struct proxy *p = f->proxy;
	uint64_t ban_ms;

	shared_lock(&p->shared);
	ban_ms = limits_session_over(&p->limits, f->counted, &flow_rule(f)->limits, p->now_ms);
	shared_unlock(&p->shared);
	tell_ban(f, TALLY_ERRORS, ban_ms);
}

/* ---- watching and waiting ---- */

void flow_watch(struct flow *f, ev_io *io, int events)
{
	if (io->fd < 0 || (ev_is_active(io) ? io->events & (EV_READ | EV_WRITE) : 0) == events)
		return;
	ev_io_stop(f->proxy->loop, io);
	if (!events)
		return;
	ev_io_modify(io, events);
	ev_io_start(f->proxy->loop, io);
}

int flow_release(struct flow *f, ev_io *io)
{
	int fd = io->fd;

	if (fd < 0)
		return -1;
	ev_io_stop(f->proxy->loop, io);
	ev_io_set(io, -1, EV_READ);
	return fd;
}

void flow_waits(struct flow *f, enum wait wait, unsigned activity)
{
	if (wait == f->wait && !(activity & wait_renewed_by(wait)))
		return;
	f->wait = (uint8_t)wait;
	f->since_ms = f->proxy->now_ms;
}

uint64_t flow_deadline(const struct flow *f, enum code *codep)
{
	const struct rule_timeouts *t = &flow_rule(f)->timeouts;
	uint32_t ms = wait_ms(t, f->wait);
	uint64_t due = ms || f->wait == WAIT_DELAY ? f->since_ms + ms : UINT64_MAX;

	*codep = wait_code(f->wait);
	if (t->total && f->opened_ms + t->total < due) {
		due = f->opened_ms + t->total;
		*codep = CODE_TIMEOUT_TOTAL;
	}
	return due;
}

void flow_alarm(struct flow *f, uint64_t due_ms)
{
	if (due_ms != UINT64_MAX)
		wheel_set_earlier(&f->proxy->wheel, &f->timer, due_ms);
}
