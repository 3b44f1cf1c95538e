/* SPDX-License-Identifier: ISC */
#include "log/sender.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "filter/policy/codes.h"
#include "log/batch.h"

#define NOTICE_ROOM 512 /* octets of a PN8001 */
#define SOCKET_ROOM                                                                                \
	(1 << 20) /* octets under way, as far as net.core.wmem_max allows: a burst while the log   \
		     role sleeps */

void log_sender_init(struct log_sender *s, int fd)
{
	const int socket_room = SOCKET_ROOM;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &socket_room, sizeof socket_room); /* less will do */
	s->fd = fd;
	s->dropped = s->lost = 0;
	s->n = 0;
	s->flood = (struct log_flood){ 0 };
}

static void drop(struct log_sender *s, uint64_t records)
{
	s->dropped += records;
	s->lost += records;
}

/* Whole lines from @from on, as many as one packet takes. No line is longer than a packet. */
static size_t batch(const struct log_sender *s, size_t from)
{
	size_t n = s->n - from;
	const uint8_t *end;

	if (n <= LOG_BATCH_MAX)
		return n;
	end = memrchr(s->buffer + from, '\n', LOG_BATCH_MAX);
	return (size_t)(end + 1 - (s->buffer + from));
}

static bool send_batch(const struct log_sender *s, size_t from, size_t n)
{
	ssize_t r;

	do
		r = send(s->fd, s->buffer + from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r >= 0;
}

static bool would_pass(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

static void send_waiting(struct log_sender *s)
{
	size_t sent = 0;

	while (sent < s->n && s->fd >= 0) {
		size_t n = batch(s, sent);

		if (send_batch(s, sent, n)) {
			sent += n;
			continue;
		}
		if (would_pass(errno))
			break;
		drop(s, log_batch_lines(span_of(
				s->buffer + sent, s->n - sent))); /* nobody reads any more */
		sent = s->n;
		s->fd = -1;
	}
	if (sent > 0)
		memmove(s->buffer, s->buffer + sent, s->n - sent);
	s->n -= sent;
}

static bool room(const struct log_sender *s)
{
	return s->fd >= 0 && sizeof s->buffer - s->n >= RECORD_MAX + NOTICE_ROOM;
}

static void tell_dropped(struct log_sender *s, int64_t wall_ns)
{
	char code[7];
	struct record *r = &s->record;

	record_begin(r, s->buffer + s->n, NOTICE_ROOM, wall_ns, code_text(CODE_LOG_DROPPED, code),
		"warning", "log-dropped");
	record_u64(r, "records", s->dropped);
	record_str(r, "by", "sender");
	s->n += record_end(r).n;
	s->dropped = 0;
}

struct record *log_sender_begin(struct log_sender *s, int64_t wall_ns, const char *code,
	const char *severity, const char *event)
{
	if (s->n >= LOG_BATCH_MAX)
		send_waiting(s);
	if (!room(s)) {
		drop(s, 1);
		return NULL;
	}
	if (s->dropped > 0)
		tell_dropped(s, wall_ns);
	record_begin(&s->record, s->buffer + s->n, RECORD_MAX, wall_ns, code, severity, event);
	return &s->record;
}

void log_sender_end(struct log_sender *s)
{
	s->n += record_end(&s->record).n;
}

void log_sender_flush(struct log_sender *s, int64_t wall_ns)
{
	if (s->n > 0)
		send_waiting(s);
	if (s->dropped > 0 && room(s)) {
		tell_dropped(s, wall_ns);
		send_waiting(s);
	}
}

uint64_t log_sender_close(struct log_sender *s, int64_t wall_ns, int patience_ms)
{
	struct pollfd p = { .events = POLLOUT };

	log_sender_flush(s, wall_ns);
	while (s->fd >= 0 && s->n > 0) {
		p.fd = s->fd;
		if (poll(&p, 1, patience_ms) == 0)
			break;
		log_sender_flush(s, wall_ns);
	}
	return s->dropped + log_batch_lines(span_of(s->buffer, s->n));
}
