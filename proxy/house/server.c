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

#include "log/facts.h"
#include "log/place.h"
#include "proxy/clock.h"
#include "proxy/house/house.h"
#include "proxy/sockets.h"

#define PATIENCE_S  5.0
#define ROOM        (1 << 20) /* octets of answers under way */
#define REQUEST_MAX 4096
#define WORDS_MAX   3
#define CONFIRM_MAX 86400
#define GROUP       "adm"

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

static void fail(struct server *s, int exit, const char *why, const char *what)
{
	char text[512];
	struct out o;

	out_init(&o, text, sizeof(text));
	out_str(&o, why);
	out_escaped(&o, span_str(what), 200);
	out_octet(&o, '\n');
	server_done(s, exit, out_span(&o));
}

/* ---- asking the proxies ---- */

typedef void worker_visit(struct server *s, struct worker *w, void *context);

static void each_worker(struct server *s, worker_visit *visit, void *context)
{
	for (struct generation *g = s->house->list; g; g = g->next)
		for (unsigned i = 0; i < g->n_workers; i++)
			visit(s, &g->workers[i], context);
}

static void count_owed(struct server *s, struct worker *w, void *context)
{
	(void)s;
	*(unsigned *)context += w->owed;
}

static void settle(struct server *s)
{
	unsigned owed = 0;

	if (!s->awaits)
		return;
	each_worker(s, count_owed, &owed);
	if (owed > 0)
		return;
	if (s->awaits != ROLE_KILLED)
		server_done(s, 0, (struct span){ 0 });
	else if (s->killed > 0)
		server_done(s, 0, SPAN("the session is ended\n"));
	else
		fail(s, 1, "no such session; \"postern session list\" shows them", "");
}

struct question {
	uint16_t type;
	struct span body;
};

static void ask(struct server *s, struct worker *w, void *context)
{
	const struct question *q = context;

	(void)s;
	if (w->child.state != CHILD_READY)
		return;
	w->owed++;
	child_send(&w->child, q->type, q->body, -1);
}

static void ask_all(struct server *s, struct question q, uint16_t awaits)
{
	s->awaits = awaits;
	s->killed = 0;
	each_worker(s, ask, &q);
	ev_timer_set(&s->patience, PATIENCE_S, 0);
	ev_timer_start(s->house->loop, &s->patience);
	settle(s);
}

static bool is_answer(const struct msg *m)
{
	if (m->type == ROLE_SESSIONS)
		return m->body.n == 0;
	return m->type == ROLE_KILLED && m->body.n == sizeof(uint32_t) && m->fd < 0;
}

bool server_answered(struct server *s, struct worker *w, const struct msg *m)
{
	uint32_t n;

	if (w->owed == 0 || !is_answer(m))
		return false;
	w->owed--;
	if (!s->awaits || w->owed > 0) /* to a question nobody waits for any more */
		return true;
	if (m->type != s->awaits)
		return false;
	if (m->fd >= 0)
		server_file(s, m->fd);
	if (m->type == ROLE_KILLED) {
		memcpy(&n, m->body.p, sizeof(n));
		s->killed += n != 0;
	}
	settle(s);
	return true;
}

void server_worker_gone(struct server *s, struct worker *w)
{
	w->owed = 0;
	settle(s);
}

static void on_patience(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	fail(t->data, EXIT_UNAVAILABLE, "not every proxy answered in time", "");
}

/* ---- requests ---- */

/* The words of a body, separated by NUL; each becomes a string. False: not so many. */
static bool words_of(
	struct span body, char block[static REQUEST_MAX], char *words[WORDS_MAX], size_t n)
{
	size_t at = 0;

	if (body.n >= REQUEST_MAX)
		return false;
	if (body.n > 0)
		memcpy(block, body.p, body.n);
	block[body.n] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (at > body.n)
			return false;
		words[i] = block + at;
		at += strlen(words[i]) + 1;
	}
	return at == body.n + 1;
}

static bool seconds(const char *text, uint64_t max, uint64_t *np)
{
	return span_u64(span_str(text), max, np);
}

static const struct rule_set *dynamic_set(struct server *s, const char *name)
{
	const struct ruleset *rs = house_rules(s->house);

	for (size_t i = 0; i < rs->n_sets; i++)
		if (strcmp(rs->sets[i]->name, name) == 0) {
			if (rs->sets[i]->dynamic && rs->sets[i]->kind == SET_ADDRESSES)
				return rs->sets[i];
			fail(s, EXIT_USAGE,
				"not a dynamic set of addresses; rules.conf must say \"dynamic\": ",
				name);
			return NULL;
		}
	fail(s, EXIT_USAGE, "no such set: ", name);
	return NULL;
}

static bool prefix_of(struct server *s, const char *text, struct ip_prefix *prefixp)
{
	if (ip_prefix_parse(span_str(text), prefixp))
		return true;
	fail(s, EXIT_USAGE, "no address or prefix, as in 192.0.2.1 or 192.0.2.0/24: ", text);
	return false;
}

/* Told to the proxies at once: the answer means that it is in force. @prefix NULL: all members. */
static void set_changed(
	struct server *s, const char *set, const struct ip_prefix *prefix, const char *what)
{
	char text[256];
	struct out o;

	if (!house_tell_members(s->house)) {
		fail(s, EXIT_UNAVAILABLE, "the proxies cannot be told yet, which is tried again",
			"");
		return;
	}
	log_member(&s->house->log, clock_wall_ns(), set, prefix, what);
	out_init(&o, text, sizeof(text));
	out_str(&o, "set ");
	out_str(&o, set);
	out_str(&o, ": ");
	if (prefix)
		ip_prefix_print(&o, prefix);
	else
		out_str(&o, "all members");
	out_octet(&o, ' ');
	out_str(&o, what);
	out_octet(&o, '\n');
	server_done(s, 0, out_span(&o));
}

static void set_add(struct server *s, char *words[])
{
	const struct rule_set *set = dynamic_set(s, words[0]);
	struct ip_prefix prefix;
	uint64_t s_for;
	int r;

	if (!set || !prefix_of(s, words[1], &prefix))
		return;
	if (!seconds(words[2], UINT32_MAX, &s_for)) {
		fail(s, EXIT_USAGE, "no number of seconds: ", words[2]);
		return;
	}
	if (s_for == 0)
		s_for = set->timeout_s;
	r = dynamic_add(&s->house->dynamic, set->name, &prefix,
		s_for ? clock_steady_ms() + s_for * 1000 : 0);
	if (r)
		fail(s, EXIT_UNAVAILABLE, r > 0 ? "the dynamic sets are full" : strerror(-r), "");
	else
		set_changed(s, set->name, &prefix, "added");
}

static void set_del(struct server *s, char *words[])
{
	const struct rule_set *set = dynamic_set(s, words[0]);
	struct ip_prefix prefix;

	if (!set || !prefix_of(s, words[1], &prefix))
		return;
	if (dynamic_del(&s->house->dynamic, set->name, &prefix))
		fail(s, 1, "not a member added at run time: ", words[1]);
	else
		set_changed(s, set->name, &prefix, "deleted");
}

static void set_flush(struct server *s, char *words[])
{
	const struct rule_set *set = dynamic_set(s, words[0]);

	if (!set)
		return;
	dynamic_flush(&s->house->dynamic, set->name);
	set_changed(s, set->name, NULL, "flushed");
}

static void apply(struct server *s, char *words[])
{
	uint64_t n;

	if (seconds(words[0], CONFIRM_MAX, &n))
		reload_apply(s->house, (uint32_t)n, true);
	else
		fail(s, EXIT_USAGE, "no time of at most a day: ", words[0]);
}

static void rollback(struct server *s, char *words[])
{
	uint64_t n;

	if (seconds(words[0], INT32_MAX, &n))
		reload_back(s->house, (unsigned)n, true);
	else
		fail(s, EXIT_USAGE, "no number of a generation: ", words[0]);
}

static void confirm(struct server *s, char *words[])
{
	(void)words;
	reload_confirm(s->house);
}

static void tell_status(struct server *s, char *words[])
{
	(void)words;
	status_tell(s);
	server_done(s, 0, (struct span){ 0 });
}

static void tell_sets(struct server *s, char *words[])
{
	int r;
	if (words[0][0] && !dynamic_set(s, words[0]))
		return;
	r = status_sets(s, words[0]);
	if (r < 0)
		fail(s, EXIT_UNAVAILABLE, strerror(-r), "");
	else
		server_done(s, 0, (struct span){ 0 });
}

static void tell_sessions(struct server *s, char *words[])
{
	(void)words;
	ask_all(s, (struct question){ .type = ROLE_ASK_SESSIONS }, ROLE_SESSIONS);
}

static void kill_session(struct server *s, char *words[])
{
	ask_all(s, (struct question){ ROLE_KILL, span_str(words[0]) }, ROLE_KILLED);
}

static void tell_rules(struct server *s, char *words[])
{
	(void)words;
	server_file(s, s->house->running->bundle);
	server_done(s, 0, (struct span){ 0 });
}

static const struct {
	size_t words; /* an empty body is one empty word */
	void (*carry_out)(struct server *s, char *words[]);
} requests[] = {
	[CONTROL_STATUS] = { 1, tell_status },
	[CONTROL_SESSIONS] = { 1, tell_sessions },
	[CONTROL_KILL] = { 1, kill_session },
	[CONTROL_SETS] = { 1, tell_sets },
	[CONTROL_SET_ADD] = { 3, set_add },
	[CONTROL_SET_DEL] = { 2, set_del },
	[CONTROL_SET_FLUSH] = { 1, set_flush },
	[CONTROL_APPLY] = { 1, apply },
	[CONTROL_CONFIRM] = { 1, confirm },
	[CONTROL_ROLLBACK] = { 1, rollback },
	[CONTROL_RULES] = { 1, tell_rules },
};
#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

static void serve(struct server *s, const struct msg *m)
{
	char block[REQUEST_MAX], *words[WORDS_MAX];

	if (m->type >= N_REQUESTS || !requests[m->type].carry_out)
		fail(s, EXIT_USAGE, "unknown request: the tool is of another version", "");
	else if (!words_of(m->body, block, words, requests[m->type].words))
		fail(s, EXIT_USAGE, "malformed request: the tool is of another version", "");
	else if (!s->house->running)
		fail(s, EXIT_UNAVAILABLE, "it is only just starting; try again", "");
	else
		requests[m->type].carry_out(s, words);
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
	serve(s, &m);
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
