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

/* ---- which internal ---- */

static size_t current(const struct flow *f)
{
	return (f->first + f->place) % flow_rule(f)->n_internal;
}

static struct server_state *state_of(const struct flow *f)
{
	return &f->proxy->states[flow_rule(f)->number].servers[current(f)];
}

/* First those that do not rest, then those passed over. What failed since this dialling began, by
 * whomever it was tried, is not tried again. */
static bool worth_trying(const struct flow *f)
{
	const struct server_state *s = state_of(f);

	if (f->place < flow_rule(f)->n_internal)
		return s->retry_ms <= f->proxy->now_ms;
	return s->failed_in < f->dial;
}

/* From @place on. False: every internal was tried. */
static bool seek(struct flow *f, uint32_t place)
{
	for (f->place = place; f->place < 2 * flow_rule(f)->n_internal; f->place++)
		if (worth_trying(f))
			return true;
	return false;
}

static uint32_t longer(uint32_t rest_ms)
{
	if (rest_ms == 0)
		return DIAL_REST_MIN_MS;
	return rest_ms < DIAL_REST_MAX_MS / 2 ? 2 * rest_ms : DIAL_REST_MAX_MS;
}

/* The rest is over: this session finds out, and until it has, the others go elsewhere. */
static void probe(struct flow *f)
{
	struct server_state *s = state_of(f);

	if (s->rest_ms == 0 || s->retry_ms > f->proxy->now_ms)
		return;
	s->rest_ms = longer(s->rest_ms);
	s->retry_ms = f->proxy->now_ms + s->rest_ms;
}

static void note_failure(struct flow *f)
{
	struct server_state *s = state_of(f);

	s->failed_in = f->proxy->dials;
	if (s->retry_ms > f->proxy->now_ms) /* others met it at the same time */
		return;
	if (s->rest_ms == 0)
		s->rest_ms = longer(0);
	s->retry_ms = f->proxy->now_ms + s->rest_ms;
}

void dial_stands(struct flow *f)
{
	f->connecting = false;
	*state_of(f) = (struct server_state){ 0 };
}

/* ---- dialling ---- */

/* The next internal is due. False: there is none. */
static bool failed(struct flow *f, int error)
{
	bool more;

	note_failure(f);
	more = seek(f, f->place + 1);
	if (more || !f->inspected) /* else nobody tells: a passed session has no notes */
		log_server(&f->proxy->log, clock_wall_ns(), &f->log, CODE_SERVER_DOWN, 0, error);
	return more;
}

static int dial_any(struct flow *f, int events)
{
	int fd;

	do {
		f->log.internal = flow_rule(f)->internal[current(f)].addr;
		probe(f);
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
	} while (failed(f, -fd));
	return DIAL_E_NONE;
}

int dial_start(struct flow *f, void (*on_server)(struct ev_loop *, ev_io *, int), int events)
{
	struct rule_state *state = &f->proxy->states[flow_rule(f)->number];

	f->dial = ++f->proxy->dials;
	f->first = 0;
	if (flow_rule(f)->balance == BALANCE_ROUND_ROBIN)
		f->first = (uint32_t)(state->turn++ % flow_rule(f)->n_internal);
	ev_set_cb(&f->server, on_server);
	if (!seek(f, 0))
		f->place = 0; /* all failed this very moment: one is asked all the same */
	return dial_any(f, events);
}

int dial_next(struct flow *f, int error, int events)
{
	sockets_close(flow_release(f, &f->server));
	f->connecting = false;
	return failed(f, error) ? dial_any(f, events) : DIAL_E_NONE;
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
	if (!error)
		dial_stands(f);
	return error;
}
