/* SPDX-License-Identifier: ISC */
#include "cli/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/sockets.h"

/* ---- the connection ---- */

static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t n = sizeof(error);
	const int r = poll(&p, 1, TALK_CONNECT_MS);

	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? -errno : -error;
}

static int bind_to(int fd, const struct ip *from)
{
	const struct ip_port self = { .ip = *from };
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(&self, &sa);

	return bind(fd, (const struct sockaddr *)&sa, n) < 0 ? -errno : 0;
}

static int connect_to(int fd, const struct ip_port *to)
{
	struct sockaddr_storage sa;
	const socklen_t n = sockets_to_kernel(to, &sa);

	if (connect(fd, (const struct sockaddr *)&sa, n) == 0)
		return 0;
	return errno == EINPROGRESS ? wait_connected(fd) : -errno;
}

/* From here on each call waits, but not for ever. */
static int settle(struct talk *t)
{
	const struct timeval wait = { .tv_sec = TALK_MS / 1000 };
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);

	if (fcntl(t->fd, F_SETFL, 0) < 0 ||
		setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
		setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
		getsockname(t->fd, (struct sockaddr *)&sa, &n) < 0)
		return -errno;
	t->self = sockets_from_kernel(&sa);
	return 0;
}

int talk_open(struct talk *t, const struct ip_port *to, const struct ip *from)
{
	const int family = to->ip.family == IP_V6 ? AF_INET6 : AF_INET;
	int r;

	*t = (struct talk){ .fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (t->fd < 0)
		return -errno;
	r = from ? bind_to(t->fd, from) : 0;
	if (r == 0)
		r = connect_to(t->fd, to);
	if (r == 0)
		r = settle(t);
	if (r < 0)
		talk_close(t);
	return r;
}

void talk_close(struct talk *t)
{
	SSL_free(t->ssl);
	t->ssl = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* Why an operation of TLS came to @r; the error queue is as it left it. */
static bool has_ended(const struct talk *t, int r)
{
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_ZERO_RETURN:
	case SSL_ERROR_SYSCALL: return true;
	case SSL_ERROR_SSL:
		return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
	default: return false;
	}
}

bool talk_tls(struct talk *t, SSL_CTX *ctx)
{
	int r;

	if (t->fd < 0 || t->n > 0)
		return false;
	t->ssl = SSL_new(ctx);
	r = t->ssl && SSL_set_fd(t->ssl, t->fd) == 1 ? SSL_connect(t->ssl) : -1;
	if (r == 1)
		return true;
	t->ended = t->ssl && has_ended(t, r);
	ERR_clear_error();
	talk_close(t);
	return false;
}

/* ---- octets; what fails ends the connection ---- */

static bool receive(struct talk *t)
{
	const size_t room = sizeof(t->in) - t->n;
	ssize_t n;

	if (t->fd < 0 || room == 0)
		return false;
	n = t->ssl ? SSL_read(t->ssl, t->in + t->n, (int)room) : recv(t->fd, t->in + t->n, room, 0);
	if (n <= 0) {
		t->ended = t->ssl ? has_ended(t, (int)n) : n == 0 || errno == ECONNRESET;
		ERR_clear_error();
		return false;
	}
	t->n += (size_t)n;
	return true;
}

static bool send_all(struct talk *t, struct span octets)
{
	ssize_t n;

	while (octets.n > 0) {
		n = t->fd < 0 ? -1
		    : t->ssl  ? SSL_write(t->ssl, octets.p, (int)octets.n)
			      : send(t->fd, octets.p, octets.n, MSG_NOSIGNAL);
		if (n <= 0) {
			ERR_clear_error();
			return false;
		}
		octets = span_from(octets, (size_t)n);
	}
	return true;
}

/* ---- replies ---- */

static void keep_text(struct talk *t, const struct smtp_reply *reply)
{
	struct span text = { 0 };
	struct out o;
	size_t at = 0;

	t->starttls = false;
	out_init(&o, t->text, sizeof(t->text) - 1);
	while (reply_line(reply, &at, &text))
		t->starttls = t->starttls || span_ieq(text, SPAN("STARTTLS"));
	out_escaped(&o, text, sizeof(t->text) - 1);
	t->text[o.n] = '\0';
}

static unsigned take(struct talk *t, const struct smtp_reply *reply)
{
	t->code = reply->code;
	t->refused += reply->code >= 400;
	keep_text(t, reply);
	t->n -= reply->octets.n;
	memmove(t->in, t->in + reply->octets.n, t->n);
	return t->code;
}

unsigned talk_hear(struct talk *t)
{
	const uint64_t late_ms = clock_steady_ms() + TALK_MS;
	struct reply_reader r;
	struct smtp_reply reply;
	enum smtp_fault fault;

	t->code = 0;
	t->text[0] = '\0';
	reply_init(&r);
	do {
		switch (reply_next(&r, t->in, t->n, &reply, &fault)) {
		case REPLY_WHOLE: return take(t, &reply);
		case REPLY_FAULT: talk_close(t); return 0;
		case REPLY_MORE: break;
		}
	} while (clock_steady_ms() < late_ms && receive(t));
	talk_close(t);
	return 0;
}

unsigned talk_say(struct talk *t, struct span line)
{
	uint8_t block[1024];
	struct out o;

	out_init(&o, block, sizeof(block));
	out_bytes(&o, line);
	out_str(&o, "\r\n");
	if (o.full || !send_all(t, out_span(&o))) {
		talk_close(t);
		t->code = 0;
		return 0;
	}
	return talk_hear(t);
}
