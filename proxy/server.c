/* SPDX-License-Identifier: ISC */
/* Ends that are sockets: the accepted one, and one that was dialled to an internal server. */
#include <errno.h>
#include <unistd.h>

#include "proxy/dial.h"
#include "proxy/inspected.h"
#include "proxy/part.h"
#include "proxy/sockets.h"

/* ---- octets ---- */

static ssize_t write_pieces(int fd, const struct iovec *pieces, int n)
{
	const struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)pieces,
		.msg_iovlen = (size_t)n };

	return n == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
		      : sendmsg(fd, &m, MSG_NOSIGNAL);
}

static ssize_t client_read(struct inspected *s, void *to, size_t n)
{
	return recv(s->flow.client.fd, to, n, 0);
}

static ssize_t client_write(struct inspected *s, const struct iovec *pieces, int n)
{
	return write_pieces(s->flow.client.fd, pieces, n);
}

static ssize_t server_read(struct inspected *s, void *to, size_t n)
{
	const ssize_t r = recv(s->flow.server.fd, to, n, 0);

	if (s->flow.connecting && r >= 0) { /* readable and no error: so the connection stands */
		dial_stands(&s->flow);
		inspect_dialled(&s->inspect);
	}
	return r;
}

/* Where it was not the server's doing (no memory), it does not close: its connection is ended here,
 * in the middle of whatever it was. */
static ssize_t server_write(struct inspected *s, const struct iovec *pieces, int n)
{
	const ssize_t w = write_pieces(s->flow.server.fd, pieces, n);
	const int error = errno;

	if (w < 0 && error != EAGAIN && error != EINTR && error != EPIPE && error != ECONNRESET)
		shutdown(s->flow.server.fd, SHUT_RDWR);
	errno = error;
	return w;
}

static bool has_server(const struct inspected *s)
{
	return s->flow.server.fd >= 0;
}

/* ---- dialling ---- */

static bool says_proxy_v2(const struct inspected *s)
{
	return flow_rule(&s->flow)->client_address == CLIENT_PROXY_V2;
}

/* The server speaks first, unless it is told something before: then the connection must be seen to
 * stand. */
static int dial_events(const struct inspected *s)
{
	return says_proxy_v2(s) ? EV_WRITE : EV_READ;
}

static void failed(struct inspected *s, int dial_result)
{
	struct out *to_client = &s->flow.proxy->to_client;

	if (dial_result == DIAL_E_DESCRIPTORS || dial_result == DIAL_E_NO_SOCKET)
		inspect_cut(&s->inspect, dial_code(dial_result), to_client);
	else if (dial_result != DIAL_OK)
		inspect_server_lost(&s->inspect, dial_code(dial_result), to_client);
}

static void dial_further(struct inspected *s, int error)
{
	failed(s, dial_next(&s->flow, error, dial_events(s)));
}

/* Only after EV_WRITE: where a PROXY header comes first. */
static void on_connected(struct inspected *s)
{
	const int error = dial_check(&s->flow);

	if (error == 0)
		inspect_dialled(&s->inspect);
	else if (error != EINPROGRESS)
		dial_further(s, error);
	pump(s);
	inspected_rest(s);
}

static void on_server(struct ev_loop *loop, ev_io *io, int events)
{
	struct inspected *s = io->data;

	(void)loop;
	if (s->flow.connecting && (events & EV_WRITE))
		on_connected(s);
	else
		inspected_server_ready(s, events);
}

static void dial(struct inspected *s)
{
	failed(s, dial_start(&s->flow, on_server, dial_events(s)));
}

bool server_stands(struct inspected *s)
{
	if (dial_events(s) != EV_READ || dial_check(&s->flow) != 0)
		return false;
	inspect_dialled(&s->inspect);
	return true;
}

/* ---- ends ---- */

static void reset(struct inspected *s)
{
	sockets_reset(flow_release(&s->flow, &s->flow.server));
	s->flow.connecting = false;
	inspect_reset_done(&s->inspect);
}

static void lose(struct inspected *s, enum code code)
{
	sockets_close(flow_release(&s->flow, &s->flow.server));
	s->flow.connecting = false;
	inspected_server_lost(s, code);
}

static void server_ended(struct inspected *s)
{
	if (s->flow.connecting)
		dial_further(s, errno);
	else
		lose(s, CODE_SERVER_LOST);
}

static void server_late(struct inspected *s, enum code code)
{
	if (code == CODE_SERVER_DOWN)
		dial_further(s, ETIMEDOUT);
	else
		lose(s, code);
}

static void watch(struct inspected *s, int client, int server)
{
	struct flow *f = &s->flow;

	flow_watch(f, &f->client, client);
	flow_watch(f, &f->server, f->connecting ? dial_events(s) : server);
}

static void close_both(struct inspected *s, bool unread)
{
	struct flow *f = &s->flow;
	const int client = flow_release(f, &f->client), server = flow_release(f, &f->server);

	if (s->aborted) {
		sockets_reset(server);
		sockets_reset(client);
		return;
	}
	sockets_close(server);
	if (client >= 0 && (s->c_out.n || unread))
		part_with(f->proxy, client, &s->c_out);
	else
		sockets_close(client);
}

const struct inspected_kind inspected_sockets = {
	.size = sizeof(struct inspected),
	.client_read = client_read,
	.client_write = client_write,
	.server_read = server_read,
	.server_write = server_write,
	.has_server = has_server,
	.dial = dial,
	.reset = reset,
	.server_ended = server_ended,
	.server_late = server_late,
	.watch = watch,
	.close = close_both,
};
