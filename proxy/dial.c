/* SPDX-License-Identifier: ISC */
#include "proxy/dial.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/proxyv2.h"
#include "proxy/sockets.h"
#include "rules/view.h"

static bool out_of_memory(int error)
{
	return error == ENOBUFS || error == ENOMEM;
}

/* From the client's address, and a port that connect(2) finds. */
static bool bind_to_client(int fd, const struct ip *client)
{
	struct sockaddr_storage sa;
	socklen_t n = sockets_to_kernel(&(struct ip_port){ *client, 0 }, &sa);

	return bind(fd, (struct sockaddr *)&sa, n) == 0;
}

/* The connection of @fd to @to is under way. Return: 0 or errno. */
static int connect_to(int fd, const struct ip_port *to)
{
	struct sockaddr_storage sa;
	socklen_t n = sockets_to_kernel(to, &sa);

	return connect(fd, (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS ? 0 : errno;
}

/* ---- which internal ---- */

static uint32_t choices(const struct flow *f)
{
	const struct publish *rule = flow_rule(f);

	return rule->internal_original ? 1 : (uint32_t)rule->n_internal;
}

static size_t current(const struct flow *f)
{
	return (f->first + f->place) % choices(f);
}

static struct ip_port server_of(const struct flow *f)
{
	return rule_internal(flow_rule(f), current(f), &f->log.to);
}

/* Can it be shown the client as the rule says? */
static bool suits(const struct flow *f)
{
	return flow_rule(f)->client_address != CLIENT_KEEP ||
	       server_of(f).ip.family == f->log.client.ip.family;
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

	if (!suits(f))
		return false;
	if (f->place < choices(f))
		return s->retry_ms <= f->proxy->now_ms;
	return s->failed_in < f->dial;
}

/* From @place on. False: every internal was tried. */
static bool seek(struct flow *f, uint32_t place)
{
	for (f->place = place; f->place < 2 * choices(f); f->place++)
		if (worth_trying(f))
			return true;
	return false;
}

/* When all failed this very moment: one is asked all the same. False: none suits. */
static bool seek_any(struct flow *f)
{
	for (f->place = 0; f->place < choices(f); f->place++)
		if (suits(f))
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
		log_server(&f->proxy->log, clock_wall_ns(), &f->log, CODE_SERVER_DOWN, error,
			(struct span){ 0 });
	return more;
}

/* This host has no socket to give. */
static int no_socket(struct flow *f, int error)
{
	int r = error == EAGAIN ? DIAL_E_NO_SOCKET : DIAL_E_DESCRIPTORS;

	log_host(&f->proxy->log, clock_wall_ns(), dial_code(r), error);
	return r;
}

/* Return: 0, the connection is under way; errno. */
static int dial_current(struct flow *f, int fd, int events)
{
	int error = 0;

	if (flow_rule(f)->client_address == CLIENT_KEEP && !bind_to_client(fd, &f->log.client.ip))
		error = errno;
	if (error == 0)
		error = connect_to(fd, &f->log.internal);
	if (error) {
		close(fd);
		return error;
	}
	f->connecting = true;
	f->since_ms = f->proxy->now_ms; /* each has the whole `timeout connect` */
	ev_io_set(&f->server, fd, EV_READ);
	flow_watch(f, &f->server, events);
	return 0;
}

static int dial_any(struct flow *f, int events)
{
	int fd, error;

	do {
		f->log.internal = server_of(f);
		fd = spare_take(&f->proxy->spare, f->log.internal.ip.family, f->proxy->now_ms);
		if (fd < 0)
			return no_socket(f, -fd);
		probe(f);
		error = dial_current(f, fd, events);
		if (error == 0)
			return DIAL_OK;
		if (out_of_memory(error))
			return no_socket(f, error);
	} while (failed(f, error));
	return DIAL_E_NONE;
}

/* Nothing was dialled, and nothing will be. */
static int refuse(struct flow *f, int result)
{
	if (!f->inspected) /* as in failed() */
		log_server(&f->proxy->log, clock_wall_ns(), &f->log, dial_code(result), 0,
			(struct span){ 0 });
	return result;
}

int dial_start(struct flow *f, void (*on_server)(struct ev_loop *, ev_io *, int), int events)
{
	struct rule_state *state = &f->proxy->states[flow_rule(f)->number];

	f->dial = ++f->proxy->dials;
	f->first = 0;
	if (flow_rule(f)->balance == BALANCE_ROUND_ROBIN)
		f->first = state->turn++ % choices(f);
	ev_set_cb(&f->server, on_server);
	if (flow_rule(f)->internal_original && own_has(&f->proxy->own, &f->log.to.ip))
		return refuse(f, DIAL_E_OWN);
	if (!seek(f, 0) && !seek_any(f))
		return refuse(f, DIAL_E_FAMILY);
	return dial_any(f, events);
}

enum code dial_code(int result)
{
	switch (result) {
	case DIAL_E_DESCRIPTORS: return CODE_LIMIT_DESCRIPTORS;
	case DIAL_E_NO_SOCKET: return CODE_NO_SOCKET;
	case DIAL_E_FAMILY: return CODE_SERVER_FAMILY;
	case DIAL_E_OWN: return CODE_SERVER_OWN;
	default: return CODE_SERVER_DOWN;
	}
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
