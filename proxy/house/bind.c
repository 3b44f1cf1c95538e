/* SPDX-License-Identifier: ISC */
#include "proxy/house/bind.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/roles.h"
#include "proxy/sockets.h"

/* One walk over the rules. */
struct binding {
	struct binds *binds;
	const struct binds *old; /* NULL: none */
	unsigned workers;
	struct out *why;
};

static const char *advice(int error)
{
	switch (error) {
	case EADDRINUSE: return "another program listens there; \"ss -ltnp\" names it";
	case EPERM: return "\"intercept tproxy\" needs root, or CAP_NET_RAW";
	case EACCES:
		return "no right to a port below 1024; start as root, or give CAP_NET_BIND_SERVICE";
	case EADDRNOTAVAIL:
		return "this host has no such address; \"ip address\" lists those it has";
	default: return "see listen(2), bind(2)";
	}
}

static int fail(const struct binding *b, const struct rule_endpoint *e, int error)
{
	out_str(b->why, e->at.file ? e->at.file : "postern.conf");
	if (e->at.line) {
		out_octet(b->why, ':');
		out_u64(b->why, e->at.line);
	}
	out_str(b->why, ": cannot listen on ");
	ip_port_print(b->why, &e->addr);
	out_str(b->why, ": ");
	out_str(b->why, strerror(error));
	out_str(b->why, " (");
	out_str(b->why, advice(error));
	out_str(b->why, ")\n");
	return error == EACCES || error == EPERM ? EXIT_PERMISSION : EXIT_UNAVAILABLE;
}

/* TPROXY brings connections to addresses that are not this host's. */
static bool set_transparent(int fd, int family)
{
	int one = 1;

	return family == AF_INET6
		       ? setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one)) == 0
		       : setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) == 0;
}

/*
 * TCP_NODELAY is inherited by what is accepted: replies are small and must not wait for each other.
 *
 * @alone: nobody may have the address yet. It asks to share it only once it has it: so that a
 * second posternd of the same user meets EADDRINUSE, instead of taking half of the connections.
 */
static int listen_on(const struct ip_port *addr, enum listen_kind kind, bool alone)
{
	struct sockaddr_storage sa;
	socklen_t n = sockets_to_kernel(addr, &sa);
	int one = 1, error;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (!alone)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if ((kind != LISTEN_TPROXY || set_transparent(fd, sa.ss_family)) &&
		bind(fd, (struct sockaddr *)&sa, n) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0 &&
		listen(fd, BIND_BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static bool is_at(const struct bind_socket *s, const struct ip_port *addr)
{
	return s->addr.port == addr->port && ip_eq(&s->addr.ip, &addr->ip);
}

static bool bound(const struct binds *b, const struct ip_port *addr)
{
	for (size_t i = 0; b && i < b->n; i++)
		if (is_at(&b->sockets[i], addr))
			return true;
	return false;
}

static bool is_any(const struct ip *ip)
{
	const struct ip any = { .family = ip->family };

	return ip_eq(ip, &any);
}

/* Do we listen at the address, at all addresses of its family, or, where it stands for those, at
 * one of them? */
static bool in_our_way(const struct binds *b, const struct ip_port *addr)
{
	for (size_t i = 0; b && i < b->n; i++) {
		const struct ip_port *have = &b->sockets[i].addr;
		if (have->port == addr->port && have->ip.family == addr->ip.family &&
			(ip_eq(&have->ip, &addr->ip) || is_any(&have->ip) || is_any(&addr->ip)))
			return true;
	}
	return false;
}

/* @fd is taken over. Return: 0 or errno. */
static int add(struct binds *b, struct bind_socket s)
{
	struct bind_socket *more = realloc(b->sockets, (b->n + 1) * sizeof(*more));

	if (!more) {
		close(s.fd);
		return ENOMEM;
	}
	b->sockets = more;
	b->sockets[b->n++] = s;
	return 0;
}

/* What is to be listened on. */
struct wanted {
	const struct rule_endpoint *at;
	enum listen_kind kind;
	int rule;
	bool relay;
};

/* Copies of those that listen there already: what waits in them is not lost, also when there are
 * fewer workers now. *np: how many. Return: 0 or errno. */
static int inherit(const struct binding *b, const struct wanted *w, unsigned *np)
{
	for (size_t i = 0; b->old && i < b->old->n; i++) {
		const struct bind_socket *s = &b->old->sockets[i];
		int fd, error;

		if (!is_at(s, &w->at->addr) || s->kind != w->kind || s->relay != w->relay)
			continue;
		fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return errno;
		error = add(b->binds, (struct bind_socket){ s->addr, s->kind, w->rule, w->relay,
					      (*np)++ % b->workers, fd });
		if (error)
			return error;
	}
	return 0;
}

static int bind_one(const struct binding *b, const struct wanted *w)
{
	const struct rule_endpoint *e = w->at;
	bool alone = !in_our_way(b->old, &e->addr) && !in_our_way(b->binds, &e->addr);
	unsigned n = 0;
	int error;

	if (bound(b->binds, &e->addr))
		return 0;
	error = inherit(b, w, &n);
	for (; !error && n < b->workers; n++, alone = false) {
		int fd = listen_on(&e->addr, w->kind, alone);
		error = fd < 0 ? -fd
			       : add(b->binds, (struct bind_socket){ e->addr, w->kind, w->rule,
						       w->relay, n, fd });
	}
	return error ? fail(b, e, error) : 0;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sockets_close(fd);
	return fd >= 0;
}

/* At all addresses of both families. */
static int bind_intercept(
	const struct binding *b, const struct hostconf *host, uint16_t port, int rule)
{
	struct rule_endpoint e = {
		.addr = { .ip = { .family = IP_V4 }, .port = port },
		.at = host->intercept_at.line ? host->intercept_at : host->mode_at,
	};
	const struct wanted w = { &e,
		host->intercept == INTERCEPT_TPROXY ? LISTEN_TPROXY : LISTEN_REDIRECT, rule,
		false };
	int r = bind_one(b, &w);

	if (r || !has_ipv6())
		return r;
	e.addr.ip.family = IP_V6;
	return bind_one(b, &w);
}

static int bind_lanes(
	const struct binding *b, const struct hostconf *host, const struct lanes *lanes)
{
	int r = bind_intercept(b, host, lane_port(host, 0), 0);

	for (size_t i = 0; r == 0 && i < lanes->n; i++)
		if (lanes->list[i].kind == LANE_PROXY)
			r = bind_intercept(b, host, lane_port(host, lanes->list[i].number),
				(int)lanes->list[i].rule->number);
	return r;
}

static int bind_published(const struct binding *b, const struct ruleset *rs)
{
	int r = 0;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		for (size_t j = 0; r == 0 && p && j < p->n_external; j++)
			r = bind_one(b, &(struct wanted){ &p->external[j], LISTEN_DIRECT,
						LISTEN_JUDGE, false });
	}
	return r;
}

static int bind_relays(const struct binding *b, const struct ruleset *rs)
{
	int r = 0;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct relay *relay = rs->rules[i].relay;
		for (size_t j = 0; r == 0 && relay && j < relay->n_listen; j++)
			r = bind_one(b, &(struct wanted){ &relay->listen[j].addr, LISTEN_DIRECT,
						LISTEN_JUDGE, true });
	}
	return r;
}

static int bind_for(const struct binding *b, const struct ruleset *rs, const struct lanes *lanes)
{
	if (rs->host.mode == MODE_MANAGED)
		return bind_lanes(b, &rs->host, lanes);
	if (rs->host.mode == MODE_EXTERNAL || rs->host.mode == MODE_SETS_ONLY)
		return bind_intercept(b, &rs->host, lane_port(&rs->host, 0), LISTEN_JUDGE);
	return bind_published(b, rs);
}

int bind_all(struct binds *b, const struct ruleset *rs, const struct lanes *lanes, unsigned workers,
	const struct binds *old, struct out *why)
{
	const struct binding binding = { b, old, workers, why };
	int r;

	assert(workers > 0);
	*b = (struct binds){ 0 };
	r = bind_for(&binding, rs, lanes);
	if (r == 0)
		r = bind_relays(&binding, rs);
	if (r)
		bind_free(b);
	return r;
}

void bind_free(struct binds *b)
{
	for (size_t i = 0; i < b->n; i++)
		sockets_close(b->sockets[i].fd);
	free(b->sockets);
	*b = (struct binds){ 0 };
}
