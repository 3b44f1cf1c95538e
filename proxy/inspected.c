/* SPDX-License-Identifier: ISC */
#include "proxy/inspected.h"

#include <errno.h>

#include "base/clock.h"
#include "proxy/sockets.h"

#define CONNECT_LOOK_MS 500

/* ---- end ---- */

static void end(struct inspected *s)
{
	struct flow *f = &s->flow;
	struct proxy *p = f->proxy;
	const struct log_close close = {
		.by = p->stopping ? LOG_END_SHUTDOWN : s->by,
		.why = s->why,
		.c2s = f->c2s,
		.s2c = f->s2c,
		.duration_ms = p->now_ms - f->opened_ms,
		.commands = s->commands,
		.messages = s->messages,
		.denials = s->denials,
	};
	/* or may be: not so after a QUIT and its reply */
	const bool unread = s->why != CODE_COUNT || s->c_in.n;

	s->kind->close(s, unread && !s->client_eof);
	held_drop(&p->pool, &s->c_in);
	held_drop(&p->pool, &s->c_out);
	pump_forget_server(s);
	notes_deinit(s);
	flow_free(f, &close);
}

/* ---- the server ---- */

void inspected_server_lost(struct inspected *s, enum code code)
{
	pump_forget_server(s);
	inspect_server_lost(&s->inspect, code, &s->flow.proxy->to_client);
}

void inspected_obey(struct inspected *s)
{
	if (s->inspect.want & INSPECT_RESET_SERVER) {
		pump_forget_server(s);
		s->kind->reset(s);
	}
	if (s->inspect.want & INSPECT_END || s->flow.wait == WAIT_DELAY)
		return;
	if ((s->inspect.want & INSPECT_DIAL) && !s->kind->has_server(s))
		s->kind->dial(s);
}

void inspected_server_ready(struct inspected *s, int events)
{
	if (events & EV_WRITE) {
		pump_flush_server(s);
		pump(s);
	}
	if ((events & EV_READ) && s->kind->has_server(s) && pump_server(s) != PUMP_OK) {
		s->kind->server_ended(s);
		pump(s);
	}
	inspected_rest(s);
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

/* The client may be talked to. */
static void begin(struct inspected *s)
{
	if (flow_rule(&s->flow)->timeouts.greet_delay) {
		s->flow.wait = WAIT_DELAY;
		return;
	}
	s->flow.wait = WAIT_CONNECT;
	inspected_obey(s);
	if (!s->kind->has_server(s))
		pump(s);
}

/* Its handshake has ended, well or badly. */
static void shaken(struct inspected *s)
{
	if (s->flow.client.fd >= 0 && !s->kind->has_server(s))
		begin(s);
	pump(s);
}

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	struct inspected *s = io->data;

	(void)loop;
	if (s->shaking && !s->c_out.n) {
		s->kind->shake(s);
		if (!s->shaking)
			shaken(s);
		inspected_rest(s);
		return;
	}
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
	inspected_rest(s);
}

/* ---- what it waits for ---- */

static enum wait wait_of(const struct inspected *s)
{
	if (s->c_out.n)
		return WAIT_CLIENT_READS;
	if (s->shaking)
		return WAIT_TLS;
	if (s->s_out.n && !(s->kind->server_ponders && s->kind->server_ponders(s)))
		return WAIT_SERVER_READS;
	switch (inspect_phase(&s->inspect)) {
	case INSPECT_PHASE_DIAL:
		if (s->flow.wait == WAIT_DELAY && !s->kind->has_server(s))
			return WAIT_DELAY;
		return s->flow.connecting ? WAIT_CONNECT : WAIT_GREETING;
	case INSPECT_PHASE_COMMAND: return s->line_open || s->c_in.n ? WAIT_LINE : WAIT_IDLE;
	case INSPECT_PHASE_TEXT: return s->s_out.n ? WAIT_REPLY : WAIT_TEXT;
	case INSPECT_PHASE_DONE: return WAIT_DONE;
	case INSPECT_PHASE_TLS: return WAIT_TLS;
	case INSPECT_PHASE_REPLY:
	case INSPECT_PHASE_END: break;
	}
	return WAIT_REPLY;
}

static int client_events(const struct inspected *s)
{
	const bool blocked = s->c_out.n || s->s_out.n || s->client_eof ||
			     (s->c_in.n && !inspect_ready(&s->inspect, SMTP_C2S));

	if (s->shaking && !s->c_out.n)
		return s->shaking;
	return (blocked ? 0 : EV_READ) | (s->c_out.n ? EV_WRITE : 0);
}

static int server_events(const struct inspected *s)
{
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

/* The client has what was said to it in clear, so that its handshake can begin. */
static bool may_shake(const struct inspected *s)
{
	return (s->inspect.want & INSPECT_TLS) && !s->shaking && !s->c_out.n &&
	       s->flow.client.fd >= 0;
}

void inspected_rest(struct inspected *s)
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
	if (may_shake(s)) {
		s->kind->shake(s);
		if (!s->shaking) { /* ended at once, which is not asked for again */
			shaken(s);
			inspected_rest(s);
			return;
		}
	}
	flow_waits(f, wait_of(s), s->activity);
	s->activity = 0;
	s->kind->watch(s, client_events(s), server_events(s));
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
	} else if (code == CODE_SERVER_DOWN || code == CODE_SERVER_GREETING ||
		   code == CODE_SERVER_SILENT) {
		s->kind->server_late(s, code);
	} else if (code == CODE_TIMEOUT_CLIENT_READ || code == CODE_C_TLS_FAILED) {
		log_refused(&f->proxy->log, clock_wall_ns(), &f->log, code, 0, 0, NULL);
		s->why = (uint16_t)code;
		s->aborted = true;
	} else {
		inspect_cut(&s->inspect, code, &f->proxy->to_client);
	}
	pump(s);
	inspected_rest(s);
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

	if (s->flow.connecting && server_stands(s)) {
		inspected_rest(s);
		return;
	}
	due = flow_deadline(&s->flow, &code);
	if (due <= s->flow.proxy->now_ms)
		timeout(s, code);
	else if (too_slow(s))
		timeout(s, CODE_LIMIT_SLOW);
	else
		inspected_rest(s);
}

/* ---- beginning ---- */

struct inspected *inspected_new(struct proxy *p, const struct inspected_kind *kind, int client,
	const struct log_session *session, uint32_t counted)
{
	struct inspected *s = (struct inspected *)(void *)flow_new(
		p, kind->size, client, session, counted, on_client, on_time);

	if (!s) {
		log_host(&p->log, clock_wall_ns(), CODE_LIMIT_MEMORY, ENOMEM);
		sockets_reset(client);
		return NULL;
	}
	s->kind = kind;
	s->flow.inspected = true;
	s->why = CODE_COUNT;
	s->by = LOG_END_CLIENT;
	inspect_init(&s->inspect, flow_rule(&s->flow), &inspected_ops, s, &s->flow.log.client);
	return s;
}

void inspected_begin(struct inspected *s)
{
	if (s->shaking)
		s->flow.wait = WAIT_TLS;
	else
		begin(s);
	inspected_rest(s);
}

void inspected_open(
	struct proxy *p, int client, const struct log_session *session, uint32_t counted)
{
	struct inspected *s = inspected_new(p, &inspected_sockets, client, session, counted);

	if (s)
		inspected_begin(s);
}

void inspected_cut(struct flow *f, enum code code)
{
	struct inspected *s = (struct inspected *)(void *)f;

	if (!(s->inspect.want & INSPECT_END)) {
		inspect_cut(&s->inspect, code, &f->proxy->to_client);
		pump(s);
	}
	inspected_rest(s);
}

void inspected_stop(struct flow *f, bool force)
{
	if (force)
		inspected_cut(f, CODE_CONFIG_STOPPED);
	else
		inspected_rest((struct inspected *)(void *)f);
}
