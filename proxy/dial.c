/* SPDX-License-Identifier: ISC */
#include "proxy/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "proxy/clock.h"
#include "proxy/proxyv2.h"
#include "proxy/sockets.h"

static bool out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* A connection under way to @to. Return: the descriptor; <0 errno. */
static int connect_to(const struct ip_port *to)
{
	struct sockaddr_storage sa;
	socklen_t n = sockets_to_kernel(to, &sa);
	int one = 1, error;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Another internal is tried, or nobody else will tell: a passed session has no notes. */
static void log_failed(struct flow *f, int error)
{
	if (!f->inspected || f->tried < flow_rule(f)->n_internal)
		log_server(&f->proxy->log, clock_wall_ns(), &f->log, CODE_SERVER_DOWN, 0, error);
}

static int dial_any(struct flow *f, int events)
{
	const struct publish *rule = flow_rule(f);

	while (f->tried < rule->n_internal) {
		int fd;
		f->log.internal = rule->internal[(f->first + f->tried) % rule->n_internal].addr;
		f->tried++;
		fd = connect_to(&f->log.internal);
		if (fd >= 0) {
			f->connecting = true;
			f->since_ms = f->proxy->now_ms; /* each has the whole `timeout connect` */
			ev_io_set(&f->server, fd, EV_READ);
			flow_watch(f, &f->server, events);
			return DIAL_OK;
		}
		if (out_of_descriptors(-fd)) {
			log_host(&f->proxy->log, clock_wall_ns(), CODE_LIMIT_DESCRIPTORS, -fd);
			return DIAL_E_DESCRIPTORS;
		}
		log_failed(f, -fd);
	}
	return DIAL_E_NONE;
}

int dial_start(struct flow *f, void (*on_server)(struct ev_loop *, ev_io *, int), int events)
{
	struct rule_state *state = &f->proxy->states[flow_rule(f)->number];

	f->tried = 0;
	f->first = 0;
	if (flow_rule(f)->balance == BALANCE_ROUND_ROBIN)
		f->first = (uint16_t)(state->turn++ % flow_rule(f)->n_internal);
	ev_set_cb(&f->server, on_server);
	return dial_any(f, events);
}

int dial_next(struct flow *f, int error, int events)
{
	sockets_close(flow_release(f, &f->server));
	f->connecting = false;
	log_failed(f, error);
	return dial_any(f, events);
}

/* The first octets of a connection: they always fit. */
static int write_header(struct flow *f)
{
	uint8_t header[PROXYV2_MAX];
	size_t n = proxyv2_print(header, &f->log.client, &f->log.to);
	ssize_t w = send(f->server.fd, header, n, MSG_NOSIGNAL);

	if (w == (ssize_t)n)
		return 0;
	return w < 0 ? errno : ECONNABORTED;
}

int dial_check(struct flow *f)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(int);
	int error = 0;

	if (getsockopt(f->server.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error)
		return error;
	n = sizeof(sa);
	if (getpeername(f->server.fd, (struct sockaddr *)&sa, &n) < 0)
		return errno == ENOTCONN ? EINPROGRESS : errno;
	if (flow_rule(f)->client_address == CLIENT_PROXY_V2)
		error = write_header(f);
	f->connecting = error != 0;
	return error;
}
