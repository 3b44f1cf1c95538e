/* SPDX-License-Identifier: ISC */
#include "proxy/inspected.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/dial.h"
#include "proxy/part.h"
#include "proxy/sockets.h"

#define CONNECT_LOOK_MS 500

static void rest(struct inspected *s);

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

/* ---- end ---- */

static void end(struct inspected *s)
{
	struct flow *f = &s->flow;
	struct proxy *p = f->proxy;
	struct log_close close = {
		.by = p->stopping ? LOG_END_SHUTDOWN : s->by,
		.why = s->why,
		.c2s = f->c2s,
		.s2c = f->s2c,
		.duration_ms = p->now_ms - f->opened_ms,
		.commands = s->commands,
		.messages = s->messages,
		.denials = s->denials,
	};
	bool unread = s->why != CODE_COUNT ||
		      s->c_in.n; /* or may be: not so after a QUIT and its reply */
	int client = flow_release(f, &f->client), server = flow_release(f, &f->server);

	if (s->aborted) {
		sockets_reset(server);
		sockets_reset(client);
	} else {
		sockets_close(server);
		if (client >= 0 && (s->c_out.n || (unread && !s->client_eof)))
			part_with(p, client, &s->c_out);
		else
			sockets_close(client);
	}
	held_drop(&p->pool, &s->c_in);
	held_drop(&p->pool, &s->c_out);
	pump_forget_server(s);
	notes_deinit(s);
	flow_free(f, &close);
}

/* ---- the server ---- */

static void on_server(struct ev_loop *loop, ev_io *io, int events);

static void server_failed(struct inspected *s, int dial_result)
{
	struct out *to_client = &s->flow.proxy->to_client;

	if (dial_result == DIAL_E_DESCRIPTORS || dial_result == DIAL_E_NO_SOCKET)
		inspect_cut(&s->inspect, dial_code(dial_result), to_client);
	else if (dial_result != DIAL_OK)
		inspect_server_lost(&s->inspect, dial_code(dial_result), to_client);
}

static void server_lost(struct inspected *s, enum code code)
{
	sockets_close(flow_release(&s->flow, &s->flow.server));
	s->flow.connecting = false;
	pump_forget_server(s);
	inspect_server_lost(&s->inspect, code, &s->flow.proxy->to_client);
}

void inspected_obey(struct inspected *s)
{
	if (s->inspect.want & INSPECT_RESET_SERVER) {
		sockets_reset(flow_release(&s->flow, &s->flow.server));
		s->flow.connecting = false;
		pump_forget_server(s);
		inspect_reset_done(&s->inspect);
	}
	if (s->inspect.want & INSPECT_END || s->flow.wait == WAIT_DELAY)
		return;
	if ((s->inspect.want & INSPECT_DIAL) && s->flow.server.fd < 0)
		server_failed(s, dial_start(&s->flow, on_server, dial_events(s)));
}

/* Only after EV_WRITE: where a PROXY header comes first. */
static void on_connected(struct inspected *s)
{
	int error = dial_check(&s->flow);

	if (error == EINPROGRESS)
		return;
	if (error)
		server_failed(s, dial_next(&s->flow, error, dial_events(s)));
	else
		inspect_dialled(&s->inspect);
}

static void read_server(struct inspected *s)
{
	enum pump_read r = pump_server(s);

	if (r == PUMP_OK)
		return;
	if (s->flow.connecting)
		server_failed(s, dial_next(&s->flow, errno, dial_events(s)));
	else
		server_lost(s, CODE_SERVER_LOST);
	pump(s);
}

static void on_server(struct ev_loop *loop, ev_io *io, int events)
{
	struct inspected *s = io->data;

	(void)loop;
	if (s->flow.connecting && (events & EV_WRITE)) {
		on_connected(s);
		pump(s);
	} else {
		if (events & EV_WRITE) {
			pump_flush_server(s);
			pump(s);
		}
		if ((events & EV_READ) && s->flow.server.fd >= 0)
			read_server(s);
	}
	rest(s);
}

/* ---- the client ---- */

void inspected_client_gone(struct inspected *s)
{
	if (s->flow.client.fd < 0)
		return;
	sockets_close(flow_release(&s->flow, &s->flow.client));
	held_drop(&s->flow.proxy->pool, &s->c_out);
	inspect_client_lost(&s->inspect);
}

/* Whoever talks before the greeting does not wait for replies either: a sign of bulk mailers. */
static void on_early(struct inspected *s)
{
	char octet;
	ssize_t n = recv(s->flow.client.fd, &octet, 1, MSG_PEEK);

	if (n > 0)
		inspect_cut(&s->inspect, CODE_EARLY_TALKER, &s->flow.proxy->to_client);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		inspected_client_gone(s);
}

static void read_client(struct inspected *s)
{
	enum pump_read r = pump_client(s);

	if (r == PUMP_OK)
		return;
	if (r == PUMP_EOF) { /* perhaps only half closed: replies still go out */
		s->client_eof = true;
		inspect_client_lost(&s->inspect);
	} else {
		inspected_client_gone(s);
	}
	pump(s);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct inspected *s = io->data;

	(void)loop;
	if (events & EV_WRITE) {
		pump_flush_client(s);
		pump(s);
	}
	if ((events & EV_READ) && s->flow.client.fd >= 0) {
		if (s->flow.wait == WAIT_DELAY) {
			on_early(s);
			pump(s);
		} else if (!s->client_eof) {
			read_client(s);
		}
	}
	rest(s);
}

/* ---- what it waits for ---- */

static enum wait wait_of(const struct inspected *s)
{
	if (s->c_out.n)
		return WAIT_CLIENT_READS;
	if (s->s_out.n)
		return WAIT_SERVER_READS;
	switch (inspect_phase(&s->inspect)) {
	case INSPECT_PHASE_DIAL:
		if (s->flow.wait == WAIT_DELAY && s->flow.server.fd < 0)
			return WAIT_DELAY;
		return s->flow.connecting ? WAIT_CONNECT : WAIT_GREETING;
	case INSPECT_PHASE_COMMAND: return s->line_open || s->c_in.n ? WAIT_LINE : WAIT_IDLE;
	case INSPECT_PHASE_TEXT: return WAIT_TEXT;
	case INSPECT_PHASE_DONE: return WAIT_DONE;
	case INSPECT_PHASE_REPLY:
	case INSPECT_PHASE_END: break;
	}
	return WAIT_REPLY;
}

static int client_events(const struct inspected *s)
{
	bool blocked = s->c_out.n || s->s_out.n || s->client_eof ||
		       (s->c_in.n && !inspect_ready(&s->inspect, SMTP_C2S));

	return (blocked ? 0 : EV_READ) | (s->c_out.n ? EV_WRITE : 0);
}

static int server_events(const struct inspected *s)
{
	if (s->flow.connecting)
		return dial_events(s);
	return (s->c_out.n || (s->s_in.n && !inspect_ready(&s->inspect, SMTP_S2C)) ? 0 : EV_READ) |
	       (s->s_out.n ? EV_WRITE : 0);
}

/* The period of `limit slow` runs while message text is expected and we do read. Return: its end.
 */
static uint64_t slow_end(struct inspected *s, enum wait before)
{
	const struct rule_limits *limits = &flow_rule(&s->flow)->limits;

	if (!limits->slow_octets || s->flow.wait != WAIT_TEXT)
		return UINT64_MAX;
	if (before != WAIT_TEXT) {
		s->slow_ms = s->flow.proxy->now_ms;
		s->slow_octets = 0;
	}
	return s->slow_ms + limits->slow_ms;
}

/* The last act of every callback: ends, or says what is waited for. */
static void rest(struct inspected *s)
{
	struct flow *f = &s->flow;
	enum wait before = f->wait;
	enum code code;

	if (f->proxy->stopping && inspect_phase(&s->inspect) == INSPECT_PHASE_COMMAND &&
		!(s->inspect.want & INSPECT_END)) {
		inspect_cut(&s->inspect, CODE_CONFIG_STOPPED, &f->proxy->to_client);
		pump(s);
	}
	if (s->inspect.want & INSPECT_RESET_SERVER) { /* wished for while octets were written */
		inspected_obey(s);
		pump(s);
	}
	if (s->aborted)
		inspect_abort(&s->inspect);
	if (s->aborted && s->why == CODE_COUNT)
		log_refused(
			&f->proxy->log, clock_wall_ns(), &f->log, CODE_LIMIT_MEMORY, 0, 0, NULL);
	if (s->aborted || (s->inspect.want & INSPECT_END)) {
		end(s);
		return;
	}
	flow_waits(f, wait_of(s), s->activity);
	s->activity = 0;
	flow_watch(f, &f->client, client_events(s));
	flow_watch(f, &f->server, server_events(s));
	flow_alarm(f, slow_end(s, before));
	if (f->connecting) /* whether it stands is seen by its first octets; else it is looked up */
		flow_alarm(f, f->proxy->now_ms + CONNECT_LOOK_MS);
	flow_alarm(f, flow_deadline(f, &code));
}

/* ---- time ---- */

static void timeout(struct inspected *s, enum code code)
{
	struct flow *f = &s->flow;

	if (code == CODE_COUNT) { /* the delay is over and nobody talked */
		f->wait = WAIT_CONNECT;
		inspected_obey(s);
	} else if (code == CODE_SERVER_DOWN) {
		server_failed(s, dial_next(f, ETIMEDOUT, dial_events(s)));
	} else if (code == CODE_SERVER_GREETING || code == CODE_SERVER_SILENT) {
		server_lost(s, code);
	} else if (code == CODE_TIMEOUT_CLIENT_READ) {
		log_refused(&f->proxy->log, clock_wall_ns(), &f->log, code, 0, 0, NULL);
		s->why = (uint16_t)code;
		s->aborted = true;
	} else {
		inspect_cut(&s->inspect, code, &f->proxy->to_client);
	}
	pump(s);
	rest(s);
}

static bool too_slow(struct inspected *s)
{
	const struct rule_limits *limits = &flow_rule(&s->flow)->limits;
	uint64_t end_ms = slow_end(s, s->flow.wait);
	bool slow = end_ms <= s->flow.proxy->now_ms && s->slow_octets < limits->slow_octets;

	if (end_ms <= s->flow.proxy->now_ms) { /* the next period */
		s->slow_ms = s->flow.proxy->now_ms;
		s->slow_octets = 0;
	}
	return slow;
}

static void on_time(struct wheel_entry *e)
{
	struct inspected *s =
		(struct inspected *)(void *)((char *)e - offsetof(struct inspected, flow.timer));
	enum code code;
	uint64_t due;

	if (s->flow.connecting && dial_events(s) == EV_READ && dial_check(&s->flow) == 0) {
		inspect_dialled(&s->inspect); /* it stands, and says nothing yet */
		rest(s);
		return;
	}
	due = flow_deadline(&s->flow, &code);
	if (due <= s->flow.proxy->now_ms)
		timeout(s, code);
	else if (too_slow(s))
		timeout(s, CODE_LIMIT_SLOW);
	else
		rest(s);
}

/* ---- beginning ---- */

void inspected_open(
	struct proxy *p, int client, const struct log_session *session, uint32_t counted)
{
	struct inspected *s = (struct inspected *)(void *)flow_new(
		p, sizeof(*s), client, session, counted, on_client, on_time);

	if (!s) {
		log_host(&p->log, clock_wall_ns(), CODE_LIMIT_MEMORY, ENOMEM);
		sockets_reset(client);
		return;
	}
	s->flow.inspected = true;
	s->why = CODE_COUNT;
	s->by = LOG_END_CLIENT;
	inspect_init(&s->inspect, flow_rule(&s->flow), &inspected_ops, s, &s->flow.log.client);
	if (flow_rule(&s->flow)->timeouts.greet_delay) {
		s->flow.wait = WAIT_DELAY;
	} else {
		s->flow.wait = WAIT_CONNECT;
		inspected_obey(s);
		if (s->flow.server.fd < 0)
			pump(s);
	}
	rest(s);
}

void inspected_cut(struct flow *f, enum code code)
{
	struct inspected *s = (struct inspected *)(void *)f;

	if (!(s->inspect.want & INSPECT_END)) {
		inspect_cut(&s->inspect, code, &f->proxy->to_client);
		pump(s);
	}
	rest(s);
}

void inspected_stop(struct flow *f, bool force)
{
	if (force)
		inspected_cut(f, CODE_CONFIG_STOPPED);
	else
		rest((struct inspected *)(void *)f);
}
