/* SPDX-License-Identifier: ISC */
/* postern-socket: keeps the proxies in transparent sockets, which they may not make themselves. It
 * reads from none of them. See proxy/roles.h for how it is started. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/role.h"
#include "proxy/channel.h"
#include "proxy/roles.h"

#define CHANNELS_MAX (2 * SEATS_MAX)
#define REST_MS      200 /* after an error: it will not be gone at once */

struct factory {
	int control;
	struct role_place place;
	uint32_t mark;
	uint64_t rest_ms; /* channels that failed are tried again then; 0: none did */
	int told;         /* errno of the last error told */
	struct channel channels[CHANNELS_MAX];
	struct pollfd polled[1 + CHANNELS_MAX]; /* control, then the channels */
	size_t n;
};

/* Once for each reason in a row: it goes on until an administrator acts. */
static void tell(struct factory *f, const char *what, int error)
{
	if (error == f->told)
		return;
	f->told = error;
	fprintf(stderr, "postern-socket: %s: %s\n", what, strerror(error));
}

/* ---- channels ---- */

static void drop(struct factory *f, size_t i)
{
	channel_deinit(&f->channels[i]);
	f->n--;
	f->channels[i] = f->channels[f->n];
	f->polled[1 + i] = f->polled[1 + f->n];
}

static void supply(struct factory *f, size_t i)
{
	int r = channel_send(&f->channels[i], f->mark);

	if (r == CHANNEL_E_GONE) {
		drop(f, i);
	} else if (r < 0) {
		f->polled[1 + i].events = 0;
		if (r == -EAFNOSUPPORT) /* a host without IPv6 will not have it soon */
			return;
		f->rest_ms = clock_steady_ms() + REST_MS;
		tell(f, "cannot give sockets", -r);
	}
}

/* From the last on: one that is dropped is replaced by one that was looked at. */
static void supply_ready(struct factory *f)
{
	for (size_t i = f->n; i-- > 0;) {
		if (f->polled[1 + i].revents & (POLLHUP | POLLERR | POLLNVAL))
			drop(f, i);
		else if (f->polled[1 + i].revents & POLLOUT)
			supply(f, i);
	}
}

/* ---- posternd ---- */

static void add(struct factory *f, const struct msg *m)
{
	uint32_t family = 0;

	if (m->body.n == sizeof(family))
		memcpy(&family, m->body.p, sizeof(family));
	if (m->fd < 0 || (family != IP_V4 && family != IP_V6) || f->n == CHANNELS_MAX) {
		tell(f, "a channel that is none, or one too many", EINVAL);
		if (m->fd >= 0)
			close(m->fd);
		return;
	}
	if (channel_init(&f->channels[f->n], m->fd, (enum ip_family)family) < 0)
		return; /* not a socket: whoever gave it notices */
	f->polled[1 + f->n] = (struct pollfd){ .fd = m->fd, .events = POLLOUT };
	f->n++;
}

static void obey(struct factory *f, const struct msg *m)
{
	const struct role_pong pong = { 0 };

	if (m->type == ROLE_ADD) {
		add(f, m);
		return;
	}
	if (m->fd >= 0)
		close(m->fd);
	if (m->type == ROLE_PING)
		msg_send(f->control, ROLE_PONG, span_of((const uint8_t *)&pong, sizeof(pong)), -1);
}

/* False: posternd is gone. */
static bool listen_to_posternd(struct factory *f)
{
	uint8_t block[MSG_HEAD + 64];
	struct msg m;
	int r;

	while ((r = msg_recv(f->control, block, sizeof(block), &m)) == MSG_OK || r == MSG_E_BAD)
		if (r == MSG_OK)
			obey(f, &m);
	return r == MSG_E_AGAIN;
}

/* ---- the whole ---- */

/* Those that failed may find now what they lacked. */
static void wake(struct factory *f)
{
	f->rest_ms = 0;
	for (size_t i = 0; i < f->n; i++)
		f->polled[1 + i].events = POLLOUT;
}

static void run(struct factory *f)
{
	for (;;) {
		if (poll(f->polled, 1 + f->n, f->rest_ms ? REST_MS : -1) < 0 && errno != EINTR)
			return;
		if (f->rest_ms && clock_steady_ms() >= f->rest_ms)
			wake(f);
		supply_ready(f);
		if (f->polled[0].revents && !listen_to_posternd(f))
			return;
	}
}

static bool read_start(struct factory *f, int argc, char **argv)
{
	unsigned long mark;
	uint64_t control;
	char *end;

	if (argc != 4 || !role_place_parse(span_str(argv[1]), &f->place) ||
		!span_u64(span_str(argv[3]), INT_MAX, &control))
		return false;
	errno = 0;
	mark = strtoul(argv[2], &end, 16);
	if (errno || end == argv[2] || *end || mark > UINT32_MAX)
		return false;
	f->mark = (uint32_t)mark;
	f->control = (int)control;
	f->polled[0] = (struct pollfd){ .fd = f->control, .events = POLLIN };
	return fcntl(f->control, F_SETFD, FD_CLOEXEC) == 0;
}

int main(int argc, char **argv)
{
	static struct factory f;
	struct role_ready ready = { 0 };

	role_close_strays();
	if (!read_start(&f, argc, argv)) {
		fputs("postern-socket is started by posternd(8)\n", stderr);
		return EXIT_USAGE;
	}
	signal(SIGTERM, SIG_IGN); /* it is needed to the end: posternd says when */
	signal(SIGPIPE, SIG_IGN);
	if (role_enter(ROLE_SOCKET, &f.place, &ready.layers) < 0)
		return EXIT_UNAVAILABLE;
	if (msg_send(f.control, ROLE_READY, span_of((const uint8_t *)&ready, sizeof(ready)), -1))
		return EXIT_UNAVAILABLE;
	run(&f);
	return 0;
}
