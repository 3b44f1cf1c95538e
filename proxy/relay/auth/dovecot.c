/* SPDX-License-Identifier: ISC */
/*
 * Dovecot's authentication protocol, the client's side, version 1.1: lines of fields parted by
 * tabs. One connection serves all exchanges; when it is lost they fail for now, and the next one
 * asks posternd for another.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "filter/smtp/sasl.h"
#include "proxy/relay/auth/exchange.h"
#include "proxy/relay/roles.h"

#define LINE_SIZE 16384 /* octets of Dovecot's longest line: a challenge, a user's fields */
#define OUT_SIZE  65536
#define REST_MS   1000

enum link { LINK_NONE, LINK_ASKED, LINK_GREETED, LINK_READY };

struct dovecot {
	struct auths *auths;
	uint32_t place, next_id;
	enum link link;
	uint64_t rest_ms; /* steady; no connection is asked for before */
	ev_io io;
	size_t in_n, out_n;
	uint8_t in[LINE_SIZE], out[OUT_SIZE];
};

/* ---- lines ---- */

static struct span next_field(struct span *line)
{
	const size_t n = span_chr(*line, '\t');
	const struct span field = span_sub(*line, 0, n);

	*line = span_from(*line, n + 1);
	return field;
}

/* The value of "@name=VALUE" among the fields; empty: there is none. */
static struct span value_of(struct span fields, const char *name)
{
	const struct span head = span_str(name);

	while (fields.n) {
		const struct span field = next_field(&fields);

		if (field.n > head.n && span_eq(span_sub(field, 0, head.n), head) &&
			field.p[head.n] == '=')
			return span_from(field, head.n + 1);
	}
	return (struct span){ 0 };
}

static bool has_field(struct span fields, const char *name)
{
	while (fields.n)
		if (span_eq(next_field(&fields), span_str(name)))
			return true;
	return false;
}

/* ---- the connection ---- */

static void fail_all(struct dovecot *d)
{
	struct exchange *next;

	for (struct exchange *e = d->auths->list; e; e = next) {
		next = e->next;
		if (e->place != d->place || !e->id)
			continue;
		e->id = 0;
		exchange_checked(e, AUTH_TEMPFAIL, (struct span){ 0 });
	}
}

static void lose(struct dovecot *d)
{
	if (d->io.fd >= 0) {
		ev_io_stop(d->auths->servant->loop, &d->io);
		close(d->io.fd);
		d->io.fd = -1;
	}
	explicit_bzero(d->in, sizeof(d->in));
	explicit_bzero(d->out, sizeof(d->out));
	d->in_n = d->out_n = 0;
	d->link = LINK_NONE;
	d->rest_ms = clock_steady_ms() + REST_MS;
	fail_all(d);
}

static void watch(struct dovecot *d)
{
	struct ev_loop *loop = d->auths->servant->loop;

	ev_io_stop(loop, &d->io);
	ev_io_modify(&d->io, EV_READ | (d->out_n && d->link == LINK_READY ? EV_WRITE : 0));
	ev_io_start(loop, &d->io);
}

/* False: the connection is lost. */
static bool flush(struct dovecot *d)
{
	ssize_t n;

	if (d->link != LINK_READY || !d->out_n)
		return true;
	n = send(d->io.fd, d->out, d->out_n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (n > 0) {
		memmove(d->out, d->out + n, d->out_n - (size_t)n);
		explicit_bzero(d->out + d->out_n - (size_t)n, (size_t)n);
		d->out_n -= (size_t)n;
	}
	watch(d);
	return true;
}

/* False: there is none to be had now, and every exchange of @d has ended. */
static bool want_link(struct dovecot *d)
{
	if (d->link != LINK_NONE)
		return true;
	if (clock_steady_ms() < d->rest_ms ||
		msg_send(d->auths->servant->control, AUTH_CONNECT,
			span_of(&d->place, sizeof(d->place)), -1) != MSG_OK) {
		fail_all(d);
		return false;
	}
	d->link = LINK_ASKED;
	return true;
}

/* ---- what it says ---- */

static struct exchange *find(const struct dovecot *d, struct span id)
{
	struct exchange *e = d->auths->list;
	uint64_t n;

	if (!span_u64(id, UINT32_MAX, &n) || n == 0)
		return NULL;
	while (e && (e->place != d->place || e->id != n))
		e = e->next;
	return e;
}

static void settle(struct exchange *e, enum auth_result result, struct span user)
{
	e->id = 0;
	exchange_checked(e, result, user);
}

/* False: it speaks another protocol. */
static bool greet(struct dovecot *d, struct span line)
{
	const struct span word = next_field(&line);

	if (span_eq(word, SPAN("VERSION")))
		return span_eq(next_field(&line), SPAN("1"));
	if (span_eq(word, SPAN("DONE"))) {
		d->link = LINK_READY;
		return flush(d);
	}
	return true; /* MECH, SPID, CUID, COOKIE: the rule says which mechanisms */
}

static bool obey(struct dovecot *d, struct span line)
{
	const struct span word = next_field(&line), id = next_field(&line);
	struct exchange *e = find(d, id);

	if (!e) /* of one that was cancelled, or nothing of ours */
		return true;
	if (span_eq(word, SPAN("CONT"))) {
		const struct span challenge = next_field(&line);

		if (challenge.n && !sasl_base64(challenge))
			return false;
		e->state = EXCHANGE_DOVECOT;
		exchange_challenge(e, challenge);
	} else if (span_eq(word, SPAN("OK"))) {
		settle(e, AUTH_OK, value_of(line, "user"));
	} else if (span_eq(word, SPAN("FAIL"))) {
		settle(e, has_field(line, "temp") ? AUTH_TEMPFAIL : AUTH_WRONG,
			value_of(line, "user"));
	}
	return true;
}

/* Whole lines are carried out. False: the connection is lost. */
static bool take_lines(struct dovecot *d)
{
	size_t at = 0;

	for (;;) {
		const struct span rest = span_of(d->in + at, d->in_n - at);
		const size_t n = span_chr(rest, '\n');
		const struct span line = span_sub(rest, 0, n);

		if (n == rest.n)
			break;
		if (!(d->link == LINK_READY ? obey(d, line) : greet(d, line)))
			return false;
		at += n + 1;
	}
	memmove(d->in, d->in + at, d->in_n - at);
	d->in_n -= at;
	return d->in_n < sizeof(d->in); /* no line is that long */
}

static void on_event(struct ev_loop *loop, ev_io *w, int events)
{
	struct dovecot *d = w->data;
	ssize_t n;

	(void)loop;
	if ((events & EV_WRITE) && !flush(d)) {
		lose(d);
		return;
	}
	if (!(events & EV_READ))
		return;
	n = recv(d->io.fd, d->in + d->in_n, sizeof(d->in) - d->in_n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	d->in_n += n > 0 ? (size_t)n : 0;
	if (n <= 0 || !take_lines(d))
		lose(d);
}

/* Whatever exchanges came meanwhile wait behind this. */
static void greet_it(struct dovecot *d)
{
	static uint32_t connections;
	uint8_t waiting[OUT_SIZE];
	const size_t n = d->out_n;
	struct out o;

	memcpy(waiting, d->out, n);
	out_init(&o, d->out, sizeof(d->out));
	out_str(&o, "VERSION\t1\t1\nCPID\t");
	out_u64(&o, ((uint64_t)getpid() % 32768) << 16 | (++connections % 65536));
	out_octet(&o, '\n');
	out_put(&o, waiting, n);
	d->out_n = o.n;
	explicit_bzero(waiting, n);
}

void dovecot_connected(struct dovecot *d, int fd)
{
	if (fd < 0 || d->link != LINK_ASKED) {
		if (fd >= 0)
			close(fd);
		else
			lose(d);
		return;
	}
	ev_io_set(&d->io, fd, EV_READ);
	d->link = LINK_GREETED;
	greet_it(d);
	watch(d);
}

/* ---- what we say ---- */

/* What does not fit is not said at all. */
static bool say(struct dovecot *d, const struct out *line)
{
	const struct span text = out_span(line);

	if (line->full || text.n > sizeof(d->out) - 256 - d->out_n)
		return false;
	memcpy(d->out + d->out_n, text.p, text.n);
	d->out_n += text.n;
	if (!flush(d))
		lose(d);
	return true;
}

static void begin_line(struct out *o, const char *word, const struct exchange *e)
{
	out_str(o, word);
	out_octet(o, '\t');
	out_u64(o, e->id);
	out_octet(o, '\t');
}

/* Base64 without a tab or an end of line: the filter saw to it; here it is made sure. */
static void put_base64(struct out *o, struct span base64)
{
	if (span_eq(base64, SPAN("=")))
		return;
	for (size_t i = 0; i < base64.n; i++)
		if (base64.p[i] <= ' ')
			o->full = true;
	out_bytes(o, base64);
}

static void give(struct dovecot *d, struct exchange *e, struct out *line)
{
	const bool said = say(d, line);

	explicit_bzero(line->p, line->n);
	if (!said && e->id)
		settle(e, AUTH_TEMPFAIL, (struct span){ 0 });
}

void dovecot_begin(struct dovecot *d, struct exchange *e, struct span mechanism, bool has_initial,
	struct span initial)
{
	uint8_t block[AUTH_RESPONSE_MAX + 256];
	struct out o;

	e->id = ++d->next_id ? d->next_id : ++d->next_id;
	e->state = EXCHANGE_CHECKED;
	out_init(&o, block, sizeof(block));
	begin_line(&o, "AUTH", e);
	out_bytes(&o, mechanism);
	out_str(&o, "\tservice=smtp\tsecured\trip=");
	ip_print(&o, &e->client);
	if (has_initial) {
		out_str(&o, "\tresp=");
		put_base64(&o, initial);
	}
	out_octet(&o, '\n');
	if (want_link(d))
		give(d, e, &o);
	explicit_bzero(block, sizeof(block));
}

void dovecot_more(struct dovecot *d, struct exchange *e, struct span response)
{
	uint8_t block[AUTH_RESPONSE_MAX + 64];
	struct out o;

	e->state = EXCHANGE_CHECKED;
	e->began_ms = clock_steady_ms();
	out_init(&o, block, sizeof(block));
	begin_line(&o, "CONT", e);
	put_base64(&o, response);
	out_octet(&o, '\n');
	give(d, e, &o);
	explicit_bzero(block, sizeof(block));
}

void dovecot_forget(struct dovecot *d, struct exchange *e)
{
	uint8_t block[64];
	struct out o;

	out_init(&o, block, sizeof(block));
	begin_line(&o, "CANCEL", e);
	o.n--; /* no field behind the number */
	out_octet(&o, '\n');
	e->id = 0;
	if (d->link != LINK_NONE)
		say(d, &o);
}

/* ---- the whole ---- */

struct dovecot *dovecot_new(struct auths *a, uint32_t place)
{
	struct dovecot *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->auths = a;
	d->place = place;
	ev_io_init(&d->io, on_event, -1, EV_READ);
	d->io.data = d;
	return d;
}

void dovecot_free(struct dovecot *d)
{
	if (!d)
		return;
	lose(d);
	free(d);
}
