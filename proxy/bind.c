/* SPDX-License-Identifier: ISC */
#include "proxy/bind.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/roles.h"
#include "proxy/sockets.h"

#define BACKLOG 4096 /* the kernel's somaxconn bounds it */

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

static int fail(const struct rule_endpoint *e, int error)
{
	char text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_port_print(&o, &e->addr);
	fprintf(stderr, "posternd: %s:%u: cannot listen on %s: %s (%s)\n", e->at.file, e->at.line,
		out_cstr(&o), strerror(error), advice(error));
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
 * The first socket of an address asks to share it only once it has it: so that a second posternd of
 * the same user meets EADDRINUSE, instead of taking half of the connections.
 */
static int listen_on(const struct ip_port *addr, enum listen_kind kind, bool first, bool share)
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
	if (share && !first)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if ((kind != LISTEN_TPROXY || set_transparent(fd, sa.ss_family)) &&
		bind(fd, (struct sockaddr *)&sa, n) == 0 &&
		(!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0) &&
		listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static bool bound(const struct binds *b, const struct ip_port *addr)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->sockets[i].addr.port == addr->port &&
			ip_eq(&b->sockets[i].addr.ip, &addr->ip))
			return true;
	return false;
}

static int bind_one(
	struct binds *b, const struct rule_endpoint *e, enum listen_kind kind, unsigned workers)
{
	struct bind_socket *more;

	assert(workers > 0);
	if (bound(b, &e->addr))
		return 0;
	more = realloc(b->sockets, (b->n + workers) * sizeof(*more));
	if (!more)
		return fail(e, ENOMEM);
	b->sockets = more;
	for (unsigned w = 0; w < workers; w++) {
		int fd = listen_on(&e->addr, kind, w == 0, workers > 1);
		if (fd < 0)
			return fail(e, -fd);
		b->sockets[b->n++] = (struct bind_socket){ e->addr, kind, w, fd };
	}
	return 0;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sockets_close(fd);
	return fd >= 0;
}

static int bind_intercept(struct binds *b, const struct hostconf *host, unsigned workers)
{
	const enum listen_kind kind =
		host->intercept == INTERCEPT_TPROXY ? LISTEN_TPROXY : LISTEN_REDIRECT;
	struct rule_endpoint e = {
		.addr = { .ip = { .family = IP_V4 }, .port = (uint16_t)host->intercept_port },
		.at = host->intercept_at.line ? host->intercept_at : host->mode_at,
	};
	int r = bind_one(b, &e, kind, workers);

	if (r || !has_ipv6())
		return r;
	e.addr.ip.family = IP_V6;
	return bind_one(b, &e, kind, workers);
}

static int bind_published(struct binds *b, const struct ruleset *rs, unsigned workers)
{
	int r = 0;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;
		for (size_t j = 0; r == 0 && p && j < p->n_external; j++)
			r = bind_one(b, &p->external[j], LISTEN_DIRECT, workers);
	}
	return r;
}

int bind_all(struct binds *b, const struct ruleset *rs, unsigned workers)
{
	int r;

	*b = (struct binds){ 0 };
	r = rs->host.mode == MODE_EXTERNAL ? bind_intercept(b, &rs->host, workers)
					   : bind_published(b, rs, workers);
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
