/* SPDX-License-Identifier: ISC */
#include "proxy/house/servant.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/house/house.h"
#include "proxy/house/relay_texts.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/roles.h"

static struct house_servant *servant_of(struct child *c)
{
	return (struct house_servant *)(void *)((char *)c - offsetof(struct house_servant, child));
}

static struct house_servant *sibling(const struct house_servant *v, enum servant_id id)
{
	return &v->generation->servants[id];
}

/* ---- who is needed ---- */

static bool speaks_tls(const struct relay *r)
{
	for (size_t i = 0; i < r->n_listen; i++)
		if (r->listen[i].tls != LISTEN_CLEAR)
			return true;
	return false;
}

static bool asks_dns(const struct relay *r)
{
	for (size_t i = 0; i < r->n_deliver; i++) {
		const struct route *route = r->deliver[i];

		if (route->mx)
			return true;
		for (size_t j = 0; j < route->n_hops; j++)
			if (route->hops[j].name)
				return true;
	}
	return false;
}

static bool is_needed_by(enum servant_id id, const struct relay *r)
{
	switch (id) {
	case SERVANT_KEY: return speaks_tls(r);
	case SERVANT_AUTH: return r->auth != NULL;
	case SERVANT_PAM: return r->auth && r->auth->via == AUTH_PAM;
	case SERVANT_RESOLVE: return asks_dns(r);
	case SERVANTS: break;
	}
	return false;
}

static bool is_needed(enum servant_id id, const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].relay && is_needed_by(id, rs->rules[i].relay))
			return true;
	return false;
}

/* ---- what it is started with ---- */

struct arguments {
	char text[SERVANT_FDS][12], sandbox[ROLE_PLACE_TEXT], name[24];
	char *argv[3 + SERVANT_FDS];
	int fds[SERVANT_FDS + 1]; /* and the sandbox's folder */
	size_t n, n_fds;
};

static void put_fd(struct arguments *a, int fd)
{
	if (fd < 0)
		snprintf(a->text[a->n], sizeof(a->text[0]), "-");
	else
		snprintf(a->text[a->n], sizeof(a->text[0]), "%u", START_FD + (unsigned)a->n_fds);
	if (fd >= 0)
		a->fds[a->n_fds++] = fd;
	a->argv[2 + a->n] = a->text[a->n];
	a->n++;
}

/* As proxy/relay/roles.h says. @pam: postern-auth's end of its pair with postern-pam. */
static pid_t execute(struct house_servant *v, int control, int pam)
{
	struct house *h = v->generation->house;
	static const char *const folders[SERVANTS] = { "relay/key", "relay/auth", "relay/auth",
		"relay/resolve" };
	const enum role_id role = v->child.kind->role;
	struct arguments a = { .n = 0 };
	struct start s = { .program = role_program(role),
		.folder = folders[v->id],
		.argv = a.argv,
		.fds = a.fds };

	snprintf(a.name, sizeof(a.name), "%s", s.program);
	a.argv[0] = a.name;
	a.argv[1] = a.sandbox;
	put_fd(&a, control);
	if (v->id == SERVANT_AUTH || v->id == SERVANT_RESOLVE)
		put_fd(&a, v->generation->bundle);
	if (v->id != SERVANT_PAM)
		put_fd(&a, v->texts);
	if (v->id == SERVANT_AUTH) {
		put_fd(&a, h->lockouts);
		put_fd(&a, pam);
	}
	house_place(h, role, h->empty_folder, a.fds, &a.n_fds, a.sandbox);
	a.argv[2 + a.n] = NULL;
	s.n_fds = a.n_fds;
	return start_role(&s);
}

static pid_t start(struct child *c, int control)
{
	struct house_servant *v = servant_of(c);
	pid_t pid;
	int pam = -1;

	if (v->id == SERVANT_AUTH) {
		v->pam = servant_add(sibling(v, SERVANT_PAM), &pam);
		if (v->pam < -1)
			return v->pam;
	}
	pid = execute(v, control, pam);
	if (pam >= 0)
		close(pam);
	return pid;
}

/* ---- what it tells ---- */

static void on_ready(struct child *c)
{
	struct house_servant *v = servant_of(c);

	if (v->id == SERVANT_RESOLVE) /* else it could not tell a loop */
		addresses_tell(&v->generation->house->addresses, c);
	ends_give(&v->ends);
	generation_servant_ready(v->generation);
}

/* Its path is the administrator's; the service behind it is on this host. Return: descriptor; -1.
 */
static int connect_to(const char *dir, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s%s%s",
		path[0] == '/' ? "" : dir, path[0] == '/' ? "" : "/", path);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* AUTH_CONNECT */
static bool connect_for(struct house_servant *v, const struct msg *m)
{
	const struct ruleset *rs = v->generation->rules.ruleset;
	uint32_t place;
	int fd;

	if (m->body.n != sizeof(place) || m->fd >= 0)
		return false;
	memcpy(&place, m->body.p, sizeof(place));
	if (place >= rs->n_auths || rs->auths[place]->via != AUTH_DOVECOT)
		return false;
	fd = connect_to(v->generation->house->dir, rs->auths[place]->via_text);
	if (fd < 0)
		fprintf(stderr, "posternd: auth %s: %s: %s\n", rs->auths[place]->name,
			rs->auths[place]->via_text, strerror(errno));
	child_send(&v->child, AUTH_CONNECTED, m->body, fd);
	if (fd >= 0)
		close(fd);
	return true;
}

static bool on_told(struct child *c, const struct msg *m)
{
	if (m->type == AUTH_CONNECT && c->kind->role == ROLE_AUTH)
		return connect_for(servant_of(c), m);
	return m->type == ROLE_REFUSED && m->fd < 0 &&
	       reload_told(servant_of(c)->generation->house, m->body);
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	struct house_servant *v = servant_of(c);

	if (v->pam >= 0)
		servant_remove(sibling(v, SERVANT_PAM), v->pam);
	v->pam = -1;
	if (v->id != SERVANT_KEY) /* whom they wait for in the loop, not for long */
		ends_say_unread(&v->ends, ASK_LOST);
	house_look(v->generation->house);
	return generation_servant_ended(v->generation, v, status, rest_ms);
}

static const struct child_kind kinds[SERVANTS] = {
	[SERVANT_KEY] = { ROLE_KEY, start, on_ready, on_told, on_ended },
	[SERVANT_AUTH] = { ROLE_AUTH, start, on_ready, on_told, on_ended },
	[SERVANT_PAM] = { ROLE_PAM, start, on_ready, on_told, on_ended },
	[SERVANT_RESOLVE] = { ROLE_RESOLVE, start, on_ready, on_told, on_ended },
};

/* ---- the whole ---- */

void servant_init(struct house_servant *v, struct generation *g, enum servant_id id)
{
	*v = (struct house_servant){ .generation = g,
		.id = id,
		.needed = is_needed(id, g->rules.ruleset),
		.texts = -1,
		.pam = -1 };
	child_init(&v->child, &kinds[id], g->house->loop);
	v->ends.role = &v->child;
}

int servant_texts(struct house_servant *v, struct out *why)
{
	static const enum texts_of of[SERVANTS] = {
		[SERVANT_KEY] = TEXTS_KEY,
		[SERVANT_AUTH] = TEXTS_AUTH,
		[SERVANT_PAM] = TEXTS_NONE,
		[SERVANT_RESOLVE] = TEXTS_RESOLVE,
	};

	if (!v->needed)
		return 0;
	return texts_make(
		v->generation->house->dir, v->generation->rules.ruleset, of[v->id], &v->texts, why);
}

int servant_add(struct house_servant *v, int *fdp)
{
	*fdp = -1;
	return v->needed ? ends_add(&v->ends, 0, 0, fdp) : -1;
}

int servant_lend(struct house_servant *v)
{
	int pair[2];

	if (v->child.state != CHILD_READY || msg_pair(pair) < 0)
		return -1;
	child_send(&v->child, ROLE_ADD, (struct span){ 0 }, pair[0]);
	close(pair[0]);
	return pair[1];
}

void servant_remove(struct house_servant *v, int number)
{
	ends_remove(&v->ends, number, false);
}

void servant_deinit(struct house_servant *v)
{
	if (!v->generation)
		return;
	ends_deinit(&v->ends);
	child_deinit(&v->child);
	if (v->texts >= 0)
		close(v->texts);
}
