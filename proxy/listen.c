/* SPDX-License-Identifier: ISC */
#include "proxy/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "filter/limits/bans.h"
#include "proxy/inspected.h"
#include "proxy/orders.h"
#include "proxy/part.h"
#include "proxy/passed.h"
#include "proxy/sockets.h"
#include "rules/match.h"
#include "rules/view.h"

#define BATCH_MAX                                                                                  \
	64 /* connections of one listener in one round, so that sessions are served meanwhile */
#define PAUSE_S 0.1 /* without descriptors or memory: the queue of the kernel waits */

/* ---- refusing ---- */

static void say(struct proxy *p, int client, struct smtp_local local)
{
	struct held reply = { 0 };

	smtp_local_print(&p->to_client, &local);
	held_add(&p->pool, &reply, out_span(&p->to_client)); /* without memory nothing is said */
	p->to_client.n = 0;
	part_with(p, client, &reply);
}

static void refuse_unpublished(struct proxy *p, int client, const struct log_session *session)
{
	struct smtp_local local = { .code = p->rules->default_reply.code,
		.text = p->rules->default_reply.text };

	p->counted.refused++;
	if (p->rules->default_action != DEFAULT_REFUSE) {
		log_unpublished(&p->log, clock_wall_ns(), session, p->rules, 0);
		sockets_reset(client);
		return;
	}
	local.incident = ident_incident(&p->ident, INCIDENT_BITS);
	log_unpublished(&p->log, clock_wall_ns(), session, p->rules, local.incident);
	say(p, client, local);
}

static void refuse_limit(struct proxy *p, int client, const struct log_session *session,
	const struct limit_answer *a)
{
	/* whatever it was that there is too much of: in place of a greeting stands no other code */
	struct smtp_local local = { .code = 421, .text = code_info(a->code)->reply_text };

	p->counted.refused++;
	if (a->permanent) /* `then refuse` */
		local = (struct smtp_local){ .code = 554,
			.text = "5.7.0 Too much from your address, come not back" };
	if (!session->rule->pass)
		local.incident = ident_incident(&p->ident, INCIDENT_BITS);
	log_refused(&p->log, clock_wall_ns(), session, a->code, local.code, local.incident, &a->at);
	if (session->rule->pass) /* it may be any protocol */
		sockets_reset(client);
	else
		say(p, client, local);
}

/* ---- accepting ---- */

/* Relay rules are postern-relay's, all others postern-proxy's. */
static bool is_ours(const struct proxy *p, const struct rule *rule)
{
	return (rule->relay != NULL) == (p->relayed_open != NULL);
}

static const struct publish *judge(struct proxy *p, const struct log_session *session)
{
	struct match_facts facts = {
		.client = session->client.ip,
		.to = session->to,
		.now_s = clock_wall_ns() / 1000000000,
		.dynamic = orders_member,
		.context = p,
	};
	const struct rule *rule = ruleset_match(p->rules, &facts, NULL);

	return rule && is_ours(p, rule) ? rule_front(rule) : NULL;
}

static const struct publish *rule_of(
	struct proxy *p, const struct listener *l, const struct log_session *session)
{
	return l->judged ? l->rule : judge(p, session);
}

static void admit(
	struct proxy *p, const struct listener *l, int client, const struct sockaddr_storage *from)
{
	struct log_session session = { .client = sockets_from_kernel(from) };
	struct limit_answer a;
	uint32_t place;

	ident_session(&p->ident, clock_wall_ns(), session.id);
	if (intercept_asked(l->kind, client, &l->addr, &session.to) == INTERCEPT_E_DIRECT) {
		log_refused(&p->log, clock_wall_ns(), &session, CODE_SESSION_DIRECT, 0, 0, NULL);
		sockets_reset(client);
		return;
	}
	session.rule = rule_of(p, l, &session);
	if (!session.rule) {
		refuse_unpublished(p, client, &session);
		return;
	}
	shared_lock(&p->shared);
	a = limits_enter(&p->limits, p->states[session.rule->number].key, &session.rule->limits,
		&session.client.ip, p->now_ms, &place);
	shared_unlock(&p->shared);
	if (a.ban_ms > 0)
		bans_tell(p->parent.fd, session.rule, &session.client.ip, a.ban_by, a.ban_ms);
	if (a.code != CODE_COUNT)
		refuse_limit(p, client, &session, &a);
	else if (p->relayed_open)
		p->relayed_open(p, client, &session, place);
	else if (session.rule->pass)
		passed_open(p, client, &session, place);
	else
		inspected_open(p, client, &session, place);
}

static void pause_all(struct proxy *p)
{
	for (size_t i = 0; i < p->n_listeners; i++)
		ev_io_stop(p->loop, &p->listeners[i].io);
	ev_timer_set(&p->rest, PAUSE_S, 0);
	ev_timer_start(p->loop, &p->rest);
}

void listen_serve(struct proxy *p)
{
	for (size_t i = 0; i < p->n_listeners; i++)
		ev_io_start(p->loop, &p->listeners[i].io);
}

static void on_rested(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	listen_serve(t->data); /* none is left when it stops or drains */
}

/* No descriptor left: the one kept for this answers the clients that wait, then all listeners rest.
 */
static void answer_with_reserve(struct proxy *p, const struct listener *l)
{
	struct smtp_local local = { .code = code_info(CODE_LIMIT_DESCRIPTORS)->reply,
		.text = code_info(CODE_LIMIT_DESCRIPTORS)->reply_text };
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);
	int client;

	sockets_close(p->reserve);
	client = accept4(l->io.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client >= 0) {
		struct log_session session = { .client = sockets_from_kernel(&from) };
		ident_session(&p->ident, clock_wall_ns(), session.id);
		if (intercept_asked(l->kind, client, &l->addr, &session.to) == INTERCEPT_OK)
			session.rule = rule_of(p, l, &session);
		if (session.rule && !session.rule->pass) {
			local.incident = ident_incident(&p->ident, INCIDENT_BITS);
			smtp_local_print(&p->to_client, &local);
			send(client, p->to_client.p, p->to_client.n, MSG_NOSIGNAL);
			p->to_client.n = 0;
		}
		log_refused(&p->log, clock_wall_ns(), &session, CODE_LIMIT_DESCRIPTORS, 0,
			local.incident, NULL);
		close(client);
	}
	p->reserve = fcntl(p->parent.fd, F_DUPFD_CLOEXEC, 0);
}

/* False: no more in this round. */
static bool accept_one(struct proxy *p, struct listener *l)
{
	struct sockaddr_storage from;
	socklen_t n = sizeof(from);
	int client = accept4(l->io.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (client >= 0) {
		admit(p, l, client, &from);
		return true;
	}
	if (errno == EAGAIN)
		return false;
	if (errno == EMFILE || errno == ENFILE) {
		answer_with_reserve(p, l);
	} else if (errno != ENOBUFS && errno != ENOMEM) {
		return true; /* ECONNABORTED and what else accept(2) reports of a connection that is
				gone */
	}
	pause_all(p);
	return false;
}

/* One client is the usual case and costs one call; when the queue was not empty then, more are
 * taken next time. */
static void on_listener(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = io->data;
	unsigned taken = 0;

	(void)loop;
	(void)events;
	while (taken < l->batch && accept_one(l->proxy, l))
		taken++;
	if (taken < l->batch)
		l->batch = 1;
	else if (l->batch < BATCH_MAX)
		l->batch *= 2;
}

static const struct publish *numbered(const struct ruleset *rs, unsigned number)
{
	return number > 0 && number <= rs->n_rules ? rs->rules[number - 1].publish : NULL;
}

int listen_begin(struct proxy *p, struct listener *l, int fd, enum listen_kind kind, int rule)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		return -errno;
	*l = (struct listener){ .proxy = p,
		.kind = kind,
		.judged = rule >= 0,
		.rule = rule > 0 ? numbered(p->rules, (unsigned)rule) : NULL,
		.addr = sockets_from_kernel(&sa),
		.batch = 1 };
	if (rule > 0 && !l->rule)
		return -EINVAL;
	ev_io_init(&l->io, on_listener, fd, EV_READ);
	l->io.data = l;
	ev_init(&p->rest, on_rested);
	p->rest.data = p;
	return 0;
}

void listen_end(struct proxy *p)
{
	ev_timer_stop(p->loop, &p->rest);
	for (size_t i = 0; i < p->n_listeners; i++) {
		ev_io_stop(p->loop, &p->listeners[i].io);
		sockets_close(p->listeners[i].io.fd);
	}
	p->n_listeners = 0;
}
