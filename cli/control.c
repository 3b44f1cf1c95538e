/* SPDX-License-Identifier: ISC */
#include "cli/control.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/memfd.h"
#include "cli/config.h"
#include "cli/json.h"
#include "log/place.h"

#define ANSWERS_MAX 65536 /* of one request; who sends more never ends */
#define GROUP_MAX   256

struct asking {
	int fd;
	struct sockaddr_un address;
	char group[GROUP_MAX]; /* of postern.conf, or empty */
	uint8_t block[MSG_HEAD + MSG_BODY_MAX];
};

/* ---- where it is ---- */

static void keep_group(struct asking *a, const struct hostconf *host)
{
	struct out o;

	out_init(&o, a->group, sizeof(a->group) - 1);
	out_str(&o, host->control_group);
	a->group[o.n] = '\0';
}

static int find_socket(struct asking *a, const struct cli *c)
{
	char place[LOG_PLACE_MAX];
	struct hostconf host;
	struct load l;
	struct out o;
	int r = config_host(c, &l, &host);

	if (r != CLI_OK)
		return r;
	out_init(&o, place, sizeof(place));
	log_place_control(&o, &host, c->dir);
	out_cstr(&o);
	keep_group(a, &host);
	load_free(&l);
	a->address.sun_family = AF_UNIX;
	if (o.full || o.n >= sizeof(a->address.sun_path))
		return cli_fail(CLI_CONFIG,
			"the path of the control socket is longer than %zu octets: %s; \"control\" "
			"of postern.conf gives it a shorter one",
			sizeof(a->address.sun_path) - 1, o.full ? c->dir : place);
	memcpy(a->address.sun_path, place, o.n + 1);
	return CLI_OK;
}

/* ---- connecting ---- */

/* Who may connect is said by the socket's group, or where it cannot be seen, by postern.conf. */
static int may_not(const struct asking *a)
{
	const char *path = a->address.sun_path, *name = a->group[0] != '\0' ? a->group : NULL;
	struct group *group;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP) != 0) {
		group = getgrgid(st.st_gid);
		if (group != NULL)
			name = group->gr_name;
	}
	if (name == NULL)
		return cli_fail(CLI_PERMISSION,
			"%s: permission denied; be root, or say in postern.conf which group may: "
			"control \"%s\" group NAME",
			path, path);
	return cli_fail(CLI_PERMISSION,
		"%s: permission denied; be root, or join the group %s (usermod -aG %s USER, then "
		"log in again)",
		path, name, name);
}

static int another_version(const struct asking *a)
{
	return cli_fail(CLI_UNAVAILABLE,
		"%s: what answers there does not speak as this postern (" POSTERN_VERSION
		") does; is a posternd of another version running? Restart it",
		a->address.sun_path);
}

static int cannot_connect(const struct asking *a, int error)
{
	const char *path = a->address.sun_path;

	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED: /* the file is left over, or no socket */
		return cli_fail(CLI_UNAVAILABLE,
			"posternd does not run, or DIR is not its folder (-c); socket %s", path);
	case EACCES:
	case EPERM: return may_not(a);
	case EPROTOTYPE: return another_version(a);
	case EAGAIN:
		return cli_fail(
			CLI_UNAVAILABLE, "%s: posternd takes no requests at the moment", path);
	}
	return cli_fail(CLI_UNAVAILABLE, "%s: %s", path, strerror(error));
}

static int connect_to(struct asking *a)
{
	const struct timeval patience = { .tv_sec = CONTROL_ANSWER_MS / 1000 };
	int r;

	a->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return cli_fail(CLI_UNAVAILABLE, "socket: %s", strerror(errno));
	/* A full queue of connections would hold us without end. */
	setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	do
		r = connect(a->fd, (const struct sockaddr *)&a->address, sizeof(a->address));
	while (r < 0 && errno == EINTR);
	return r == 0 ? CLI_OK : cannot_connect(a, errno);
}

/* ---- answers ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket is ready for @events. */
static int await(const struct asking *a, short events)
{
	const int64_t deadline = now_ms() + CONTROL_ANSWER_MS;

	for (;;) {
		struct pollfd p = { .fd = a->fd, .events = events };
		const int64_t left = deadline - now_ms();
		const int r = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (r > 0)
			return CLI_OK;
		if (r == 0)
			return cli_fail(CLI_UNAVAILABLE,
				"%s: posternd gave no answer for %d s; what was asked may still "
				"be done",
				a->address.sun_path, CONTROL_ANSWER_MS / 1000);
		if (errno != EINTR)
			return cli_fail(CLI_UNAVAILABLE, "poll: %s", strerror(errno));
	}
}

static int hung_up(const struct asking *a)
{
	return cli_fail(CLI_UNAVAILABLE,
		"%s: posternd closed the connection before it had answered; its log may tell why",
		a->address.sun_path);
}

static int send_request(const struct asking *a, enum control_request request, struct span body)
{
	for (;;) {
		const int r = msg_send(a->fd, (uint16_t)request, body, -1);
		int exit;

		if (r == MSG_OK)
			return CLI_OK;
		if (r == MSG_E_CLOSED)
			return hung_up(a);
		if (r < 0)
			return cli_fail(
				CLI_UNAVAILABLE, "%s: %s", a->address.sun_path, strerror(-r));
		exit = await(a, POLLOUT);
		if (exit != CLI_OK)
			return exit;
	}
}

static int receive(struct asking *a, struct msg *m)
{
	for (;;) {
		const int exit = await(a, POLLIN);
		int r;

		if (exit != CLI_OK)
			return exit;
		r = msg_recv(a->fd, a->block, sizeof(a->block), m);
		switch (r) {
		case MSG_OK: return CLI_OK;
		case MSG_E_AGAIN: continue;
		case MSG_E_CLOSED: return hung_up(a);
		case MSG_E_BAD: return another_version(a);
		}
		return cli_fail(CLI_UNAVAILABLE, "%s: %s", a->address.sun_path, strerror(-r));
	}
}

static int take_file(const struct asking *a, const struct control_take *take, int fd)
{
	struct span content;
	int r = memfd_map(fd, CONTROL_FILE_MAX, &content);

	if (r == MEMFD_E_UNSEALED || r == MEMFD_E_SIZE)
		return another_version(a);
	if (r < 0)
		return cli_fail(
			CLI_UNAVAILABLE, "what posternd sent cannot be mapped: %s", strerror(-r));
	r = take->file(take->context, content);
	memfd_unmap(content);
	return r;
}

static int take_one(const struct asking *a, const struct control_take *take, const struct msg *m)
{
	if (m->type == CONTROL_TEXT && take != NULL && take->text != NULL && m->fd < 0 &&
		m->body.n <= CONTROL_TEXT_MAX)
		return take->text(take->context, m->body);
	if (m->type != CONTROL_FILE || take == NULL || m->fd < 0)
		return another_version(a);
	if (take->fd != NULL)
		return take->fd(take->context, m->fd);
	return take->file != NULL ? take_file(a, take, m->fd) : another_version(a);
}

/* The exit codes that a daemon of this version sends. */
static bool is_exit(uint32_t exit)
{
	switch (exit) {
	case CLI_OK:
	case CLI_FAULTS:
	case CLI_USAGE:
	case CLI_UNAVAILABLE:
	case CLI_PERMISSION:
	case CLI_CONFIG: return true;
	}
	return false;
}

static void print_failure(struct out *o, void *context)
{
	const struct control_end *end = context;

	out_str(o, "postern: ");
	cli_plain(o, end->n > 0 ? span_of(end->text, end->n) : SPAN("posternd refused"));
}

static int take_end(const struct asking *a, const struct msg *m, struct control_end *end)
{
	struct control_done done;
	struct span text = span_from(m->body, sizeof(done));

	if (m->fd >= 0 || m->body.n < sizeof(done) || text.n > sizeof(end->text))
		return another_version(a);
	memcpy(&done, m->body.p, sizeof(done));
	if (!is_exit(done.exit))
		return another_version(a);
	end->n = text.n;
	if (text.n > 0)
		memcpy(end->text, text.p, text.n);
	if (done.exit != CLI_OK)
		cli_print_to(stderr, print_failure, end);
	return (int)done.exit;
}

static int take_all(struct asking *a, const struct control_take *take, struct control_end *end)
{
	for (unsigned n = 0; n < ANSWERS_MAX; n++) {
		struct msg m;
		int r = receive(a, &m);

		if (r != CLI_OK)
			return r;
		if (m.type == CONTROL_DONE)
			r = take_end(a, &m, end);
		else
			r = take_one(a, take, &m);
		if (m.fd >= 0)
			close(m.fd);
		if (m.type == CONTROL_DONE || r != CLI_OK)
			return r;
	}
	return another_version(a);
}

bool control_there(const struct cli *c)
{
	static struct asking a;
	bool there;

	memset(&a, 0, sizeof(a));
	if (find_socket(&a, c) != CLI_OK)
		return false;
	a.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	there = a.fd >= 0 &&
		connect(a.fd, (const struct sockaddr *)&a.address, sizeof(a.address)) == 0;
	if (a.fd >= 0)
		close(a.fd);
	return there;
}

int control_ask(const struct cli *c, enum control_request request, struct span body,
	const struct control_take *take, struct control_end *end)
{
	static struct asking a;
	int r;

	if (body.n > CONTROL_BODY_MAX)
		return cli_fail(CLI_USAGE, "the arguments are too long");
	a.fd = -1;
	r = find_socket(&a, c);
	if (r == CLI_OK)
		r = connect_to(&a);
	if (r == CLI_OK)
		r = send_request(&a, request, body);
	if (r == CLI_OK)
		r = take_all(&a, take, end);
	if (a.fd >= 0)
		close(a.fd);
	return r;
}

/* ---- last words ---- */

static void print_end(struct out *o, void *context)
{
	const struct control_end *end = context;

	cli_plain(o, span_of(end->text, end->n));
}

static void print_end_json(struct out *o, void *context)
{
	const struct control_end *end = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	json_span(&j, "result", span_of(end->text, end->n));
	json_close(&j, '}');
	out_octet(o, '\n');
}

int control_tell(const struct cli *c, const struct control_end *end)
{
	return cli_print(c->json ? print_end_json : print_end, (void *)(uintptr_t)end);
}

int control_do(const struct cli *c, enum control_request request, struct span body)
{
	static struct control_end end;
	const int r = control_ask(c, request, body, NULL, &end);

	return r == CLI_OK ? control_tell(c, &end) : r;
}
