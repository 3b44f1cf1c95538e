/* SPDX-License-Identifier: ISC */
#include "proxy/house/server.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/facts.h"
#include "log/place.h"
#include "proxy/house/house.h"
#include "proxy/sockets.h"

#define ROOM  (1 << 20) /* octets of answers under way */
#define GROUP "adm"

/* ---- answers ---- */

static void client_free(struct server_client *c)
{
	struct server *s = c->server;
	struct server_client **at = &s->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->fd >= 0) {
		ev_io_stop(s->house->loop, &c->io);
		close(c->fd);
	}
	s->n_clients--;
	free(c);
}

/* It goes away; while it is served, its request goes on without it. */
static void client_lost(struct server_client *c)
{
	if (c->server->served != c) {
		client_free(c);
		return;
	}
	ev_io_stop(c->server->house->loop, &c->io);
	close(c->fd);
	c->fd = -1;
}

static void answer(struct server *s, uint16_t type, struct span body, int fd)
{
	struct server_client *c = s->served;

	if (c && c->fd >= 0 && msg_send(c->fd, type, body, fd) != MSG_OK)
		client_lost(c);
}

static void send_lines(struct server *s)
{
	if (s->lines.n > 0)
		answer(s, CONTROL_TEXT, out_span(&s->lines), -1);
	out_init(&s->lines, s->block, sizeof(s->block));
}

void server_text(struct server *s, struct span lines)
{
	if (s->lines.n + lines.n > sizeof(s->block))
		send_lines(s);
	out_bytes(&s->lines, lines);
}

void server_file(struct server *s, int fd)
{
	send_lines(s);
	answer(s, CONTROL_FILE, (struct span){ 0 }, fd);
}

void server_done(struct server *s, int exit, struct span text)
{
	uint8_t block[sizeof(struct control_done) + CONTROL_TEXT_MAX];
	struct control_done done = { .exit = (uint32_t)exit };
	struct server_client *c = s->served;
	struct out o;

	out_init(&o, block, sizeof(block));
	out_put(&o, &done, sizeof(done));
	out_bytes(&o, span_sub(text, 0, CONTROL_TEXT_MAX));
	send_lines(s);
	answer(s, CONTROL_DONE, out_span(&o), -1);
	ev_timer_stop(s->house->loop, &s->patience);
	s->awaits = 0;
	s->served = NULL;
	if (c)
		client_free(c);
	for (c = s->clients; c; c = c->next)
		ev_io_start(s->house->loop, &c->io);
}

void server_fail(struct server *s, int exit, const char *why, const char *what)
{
	char text[512];
	struct out o;

	out_init(&o, text, sizeof(text));
	out_str(&o, why);
	out_escaped(&o, span_str(what), 200);
	out_octet(&o, '\n');
	server_done(s, exit, out_span(&o));
}

/* ---- clients ---- */

static void on_client(struct ev_loop *loop, ev_io *io, int events)
{
	static uint8_t block[MSG_HEAD + REQUEST_MAX];
	struct server_client *c = io->data;
	struct server *s = c->server;
	struct msg m;
	int r = msg_recv(c->fd, block, sizeof(block), &m);

	(void)events;
	if (r == MSG_E_AGAIN)
		return;
	if (r == MSG_OK && m.fd >= 0)
		close(m.fd);
	if (r != MSG_OK || s->served == c) { /* nonsense, or more than one request */
		client_lost(c);
		return;
	}
	s->served = c;
	for (struct server_client *other = s->clients; other; other = other->next)
		if (other != c)
			ev_io_stop(loop, &other->io);
	requests_serve(s, &m);
}

static bool says_nothing(const struct server_client *c)
{
	uint8_t octet;

	return recv(c->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* Nobody who only keeps his place keeps others out: the first that says nothing, if any, goes. */
static bool make_room(struct server *s)
{
	struct server_client *idle = NULL;

	if (s->n_clients < SERVER_CLIENTS_MAX)
		return true;
	for (struct server_client *c = s->clients; c; c = c->next) /* newest first */
		if (c != s->served && says_nothing(c))
			idle = c;
	if (idle)
		client_free(idle);
	return idle != NULL;
}

static void on_patience(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	survey_give_up(t->data);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
	struct server *s = io->data;
	int fd = accept4(s->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), room = ROOM;
	struct server_client *c = fd >= 0 && make_room(s) ? calloc(1, sizeof(*c)) : NULL;

	(void)events;
	if (!c) {
		sockets_close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*c = (struct server_client){ .server = s, .next = s->clients, .fd = fd };
	s->clients = c;
	s->n_clients++;
	ev_io_init(&c->io, on_client, fd, EV_READ);
	c->io.data = c;
	if (!s->served)
		ev_io_start(loop, &c->io);
}

/* ---- the socket ---- */

/* Whose group may connect; (gid_t)-1: only the owner's. */
static gid_t group_of(const struct hostconf *host, bool as_root)
{
	const char *name = host->control_group ? host->control_group : as_root ? GROUP : NULL;
	const struct group *g = name ? getgrnam(name) : NULL;

	return g ? g->gr_gid : (gid_t)-1;
}

static int complain(const struct server *s, int error)
{
	fprintf(stderr, "posternd: control socket %s: %s (\"control\" of postern.conf names it)\n",
		s->path, strerror(error));
	return error == EACCES || error == EPERM || error == EROFS ? EXIT_PERMISSION : EXIT_CONFIG;
}

static bool find_place(struct server *s, const struct hostconf *host, const char *dir)
{
	char path[LOG_PLACE_MAX], *slash;
	struct out o;

	out_init(&o, path, sizeof(path));
	log_place_control(&o, host, dir);
	if (o.n >= sizeof(s->path))
		return false;
	strcpy(s->path, out_cstr(&o));
	slash = strrchr(path, '/');
	if (slash && slash != path) {
		*slash = '\0';
		mkdir(path, 0755); /* its folder, such as /run/postern; those above must be there */
	}
	return true;
}

static struct sockaddr_un address_of(const struct server *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	strcpy(sa.sun_path, s->path);
	return sa;
}

static bool is_served(const struct server *s)
{
	const struct sockaddr_un sa = address_of(s);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd >= 0 && (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 ||
					 errno == EAGAIN);

	sockets_close(fd);
	return served;
}

/* The lock is of the state folder: a posternd with another one may have the same socket, and a slip
 * in postern.conf may name any file. Return: 0, or the exit code after a line. */
static int remove_stale(const struct server *s)
{
	struct stat st;

	if (lstat(s->path, &st) < 0)
		return errno == ENOENT ? 0 : complain(s, errno);
	if (!S_ISSOCK(st.st_mode))
		return complain(s, EEXIST);
	if (is_served(s)) {
		fprintf(stderr,
			"posternd: control socket %s: another posternd has it; nothing was "
			"started\n",
			s->path);
		return EXIT_UNAVAILABLE;
	}
	return unlink(s->path) < 0 ? complain(s, errno) : 0;
}

/* Nobody else may connect before its group is known. Return: 0; <0 errno. */
static int bind_socket(struct server *s)
{
	const struct sockaddr_un sa = address_of(s);
	mode_t mask;
	int r;

	s->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->socket < 0)
		return -errno;
	mask = umask(0177);
	r = bind(s->socket, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	umask(mask);
	s->bound = r == 0;
	return r;
}

int server_open(struct server *s, struct house *house)
{
	const struct hostconf *host = &house_rules(house)->host;
	const gid_t group = group_of(host, house->as_root);
	int r;

	*s = (struct server){ .house = house, .socket = -1 };
	out_init(&s->lines, s->block, sizeof(s->block));
	if (!find_place(s, host, house->dir)) {
		fprintf(stderr,
			"posternd: the path of the control socket is longer than 107 octets: "
			"give a shorter \"control\" in postern.conf\n");
		return EXIT_CONFIG;
	}
	if (host->control_group && group == (gid_t)-1) {
		fprintf(stderr, "posternd: no group named \"%s\" (\"control\" of postern.conf)\n",
			host->control_group);
		return EXIT_CONFIG;
	}
	r = remove_stale(s);
	if (r)
		return r;
	r = bind_socket(s);
	if (r == 0 && group != (gid_t)-1 &&
		(chown(s->path, (uid_t)-1, group) < 0 || chmod(s->path, 0660) < 0))
		r = -errno;
	if (r == 0 && listen(s->socket, SERVER_CLIENTS_MAX) < 0)
		r = -errno;
	return r < 0 ? complain(s, -r) : 0;
}

void server_start(struct server *s)
{
	ev_io_init(&s->io, on_connection, s->socket, EV_READ);
	ev_init(&s->patience, on_patience);
	s->io.data = s->patience.data = s;
	ev_io_start(s->house->loop, &s->io);
}

void server_close(struct server *s)
{
	if (!s->house || s->socket < 0)
		return;
	ev_io_stop(s->house->loop, &s->io);
	ev_timer_stop(s->house->loop, &s->patience);
	s->served = NULL;
	while (s->clients)
		client_free(s->clients);
	if (s->bound)
		unlink(s->path);
	close(s->socket);
	s->socket = -1;
}
