/* SPDX-License-Identifier: ISC */
#include "proxy/probe.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/proxy.h"
#include "proxy/sockets.h"
#include "rules/view.h"

/* ---- whom to ask ---- */

static void add(struct probes *ps, struct proxy *p, const struct ip_port *to)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->list[i].to.port == to->port && ip_eq(&ps->list[i].to.ip, &to->ip))
			return;
	if (ps->n < PROBES_MAX)
		ps->list[ps->n++] = (struct probe){ .proxy = p, .to = *to };
}

/* Else a proxy dials, and learns by it. */
static bool is_carried_by_the_kernel(const struct publish *rule)
{
	return rule->pass && !rule->internal_original && rule->client_address != CLIENT_PROXY_V2;
}

/* Among those of its family, since the kernel does not translate between them. */
static bool has_a_choice(const struct publish *rule, enum ip_family family)
{
	size_t n = 0;

	for (size_t i = 0; i < rule->n_internal; i++)
		n += rule->internal[i].addr.ip.family == family;
	return n > 1;
}

/* An internal without a port has that of each external. */
static void add_rule(struct probes *ps, struct proxy *p, const struct publish *rule)
{
	for (size_t i = 0; i < rule->n_internal; i++) {
		if (!has_a_choice(rule, rule->internal[i].addr.ip.family))
			continue;
		for (size_t j = 0; j < rule->n_external; j++) {
			const struct ip_port to = rule_internal(rule, i, &rule->external[j].addr);
			add(ps, p, &to);
		}
	}
}

/* ---- asking ---- */

static void finish(struct probe *probe, bool dead)
{
	ev_io_stop(probe->proxy->loop, &probe->io);
	sockets_reset(probe->io.fd);
	if (probe->dead != dead)
		probe->proxy->probes.news = true;
	probe->dead = dead;
}

static void on_answer(struct ev_loop *loop, ev_io *io, int events)
{
	struct probe *probe = io->data;
	socklen_t n = sizeof(int);
	int error = 0;

	(void)loop;
	(void)events;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	finish(probe, error != 0);
}

/* Without a socket nothing is learned. */
static void ask(struct probe *probe)
{
	struct proxy *p = probe->proxy;
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(&probe->to, &sa);
	const int fd = spare_take(&p->spare, probe->to.ip.family, p->now_ms);

	if (fd < 0)
		return;
	ev_io_init(&probe->io, on_answer, fd, EV_WRITE);
	probe->io.data = probe;
	if (connect(fd, (struct sockaddr *)&sa, n) < 0 && errno != EINPROGRESS)
		finish(probe, true);
	else
		ev_io_start(p->loop, &probe->io);
}

static void tell(struct proxy *p)
{
	struct probes *ps = &p->probes;
	struct ip_port dead[PROBES_MAX];
	size_t n = 0;

	ps->news = false;
	for (size_t i = 0; i < ps->n; i++)
		if (ps->list[i].dead)
			dead[n++] = ps->list[i].to;
	ps->changed(p, dead, n);
}

static void on_turn(struct ev_loop *loop, ev_timer *t, int events)
{
	struct proxy *p = t->data;

	(void)loop;
	(void)events;
	for (size_t i = 0; i < p->probes.n; i++)
		if (ev_is_active(&p->probes.list[i].io))
			finish(&p->probes.list[i], true); /* it had its time */
	if (p->probes.asked && p->probes.news)
		tell(p);
	p->probes.asked = true;
	for (size_t i = 0; i < p->probes.n; i++)
		ask(&p->probes.list[i]);
}

/* ---- the whole ---- */

int probes_begin(
	struct proxy *p, void (*changed)(struct proxy *p, const struct ip_port *dead, size_t n))
{
	struct probes *ps = &p->probes;

	if (ps->list)
		return 0;
	ps->list = calloc(PROBES_MAX, sizeof(*ps->list));
	if (!ps->list)
		return -ENOMEM;
	ps->changed = changed;
	ps->news = true;
	for (size_t i = 0; i < p->rules->n_rules; i++)
		if (p->rules->rules[i].publish &&
			is_carried_by_the_kernel(p->rules->rules[i].publish))
			add_rule(ps, p, p->rules->rules[i].publish);
	ev_timer_init(&ps->turn, on_turn, 0, PROBE_EVERY_S);
	ps->turn.data = p;
	if (ps->n > 0)
		ev_timer_start(p->loop, &ps->turn);
	return 0;
}

void probes_end(struct proxy *p)
{
	struct probes *ps = &p->probes;

	if (!ps->list)
		return;
	ev_timer_stop(p->loop, &ps->turn);
	for (size_t i = 0; i < ps->n; i++)
		if (ev_is_active(&ps->list[i].io))
			finish(&ps->list[i], false);
	free(ps->list);
	*ps = (struct probes){ 0 };
}
