/* SPDX-License-Identifier: ISC */
#include "proxy/house/worker.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/house/house.h"
#include "proxy/relay/roles.h"

#define LISTEN_LATER_MS 1000 /* shorter rests are not worth a refused client */

static struct worker *worker_of(struct child *c)
{
	return (struct worker *)(void *)((char *)c - offsetof(struct worker, child));
}

static struct house *house_of(const struct worker *w)
{
	return w->generation->house;
}

/* ---- what it is started with ---- */

struct arguments {
	char text[START_FDS_MAX + 1][20], sandbox[ROLE_PLACE_TEXT];
	char *argv[START_FDS_MAX + 3];
	int fds[START_FDS_MAX];
	size_t n, n_fds;
};

/* One more descriptor, named in one more argument. -1: "-". */
static void put_fd(struct arguments *a, const char *kind, int fd)
{
	if (fd < 0)
		snprintf(a->text[a->n], sizeof(a->text[0]), "-");
	else
		snprintf(a->text[a->n], sizeof(a->text[0]), "%s%u", kind,
			START_FD + (unsigned)a->n_fds);
	if (fd >= 0)
		a->fds[a->n_fds++] = fd;
	a->argv[a->n + 2] = a->text[a->n];
	a->n++;
}

static const char *kind_of(const struct bind_socket *s)
{
	switch (s->kind) {
	case LISTEN_REDIRECT: return "r";
	case LISTEN_TPROXY: return "t";
	case LISTEN_DIRECT: break;
	}
	return "";
}

static void put_rule(struct arguments *a, const struct bind_socket *s)
{
	char *text = a->text[a->n - 1];

	if (s->rule != LISTEN_JUDGE)
		snprintf(text + strlen(text), sizeof(a->text[0]) - strlen(text), ":%d", s->rule);
}

static bool put_listeners(struct arguments *a, const struct worker *w)
{
	const struct binds *binds = &w->generation->binds;

	for (size_t i = 0; i < binds->n; i++) {
		if (binds->sockets[i].worker != w->index || binds->sockets[i].relay != w->relay)
			continue;
		if (a->n_fds >= START_FDS_MAX - 1)
			return false;
		put_fd(a, kind_of(&binds->sockets[i]), binds->sockets[i].fd);
		put_rule(a, &binds->sockets[i]);
	}
	return true;
}

/* What only this process has: to be closed here once it is started; -1: none. */
struct own {
	int log, ledger, channel4, channel6;
	int servants[SERVANTS]; /* ends of pairs with them */
};

static void close_own(const struct own *own)
{
	const int fds[] = { own->log, own->ledger, own->channel4, own->channel6 };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = 0; i < SERVANTS; i++)
		if (own->servants[i] >= 0)
			close(own->servants[i]);
}

static int make_ledger(struct worker *w, struct own *own)
{
	int r;

	own->ledger = ledger_make();
	if (own->ledger < 0)
		return own->ledger;
	r = ledger_view(&w->ledger, own->ledger);
	return r > 0 ? -EINVAL : r;
}

/* postern-pam is asked by postern-auth alone. */
static int ask_servants(struct worker *w, struct own *own)
{
	for (unsigned i = 0; i < SERVANTS; i++) {
		if (i == SERVANT_PAM)
			continue;
		w->servants[i] = servant_add(&w->generation->servants[i], &own->servants[i]);
		if (w->servants[i] < -1)
			return w->servants[i];
	}
	return 0;
}

static int make_own(struct worker *w, struct own *own)
{
	struct house *h = house_of(w);
	int r;

	*own = (struct own){ -1, -1, -1, -1, { -1, -1, -1, -1 } };
	r = make_ledger(w, own);
	if (r >= 0 && w->relay)
		r = ask_servants(w, own);
	if (r < 0)
		return r;
	w->log = logger_add(&h->logger, &own->log);
	if (w->log < 0 || !h->as_root)
		return w->log < 0 ? w->log : 0;
	w->channel4 = supplier_add(&h->supplier, 4, &own->channel4);
	if (w->channel4 < 0)
		return w->channel4;
	w->channel6 = supplier_add(&h->supplier, 6, &own->channel6);
	return w->channel6 < 0 ? w->channel6 : 0;
}

static void forget_own(struct worker *w)
{
	struct house *h = house_of(w);

	logger_remove(&h->logger, w->log);
	supplier_remove(&h->supplier, w->channel4);
	supplier_remove(&h->supplier, w->channel6);
	for (unsigned i = 0; i < SERVANTS; i++) {
		servant_remove(&w->generation->servants[i], w->servants[i]);
		w->servants[i] = -1;
	}
	ledger_unmap(&w->ledger);
	w->ledger = (struct ledger){ 0 };
	w->log = w->channel4 = w->channel6 = -1;
}

/* postern-proxy SANDBOX SEAT CONTROL LOG BUNDLE COUNTS LEDGER SPARE4 SPARE6 LISTENER...; a relay
 * gets TEXTS KEY AUTH RESOLVE in front of the listeners. */
static pid_t execute(struct worker *w, int control, const struct own *own)
{
	static struct arguments a; /* large, and one at a time */
	struct house *h = house_of(w);
	const enum role_id role = w->child.kind->role;
	struct start s = { .program = role_program(role),
		.folder = w->relay ? "relay" : ".",
		.argv = a.argv,
		.fds = a.fds };
	char name[32];

	snprintf(name, sizeof(name), "%s", s.program);
	a.n = a.n_fds = 0;
	a.argv[0] = name;
	a.argv[1] = a.sandbox;
	snprintf(a.text[0], sizeof(a.text[0]), "%u", w->seat);
	a.argv[2] = a.text[a.n++];
	put_fd(&a, "", control);
	put_fd(&a, "", own->log);
	put_fd(&a, "", w->generation->bundle);
	put_fd(&a, "", h->counts);
	put_fd(&a, "", own->ledger);
	put_fd(&a, "", own->channel4);
	put_fd(&a, "", own->channel6);
	if (w->relay) {
		put_fd(&a, "", w->generation->texts);
		put_fd(&a, "", own->servants[SERVANT_KEY]);
		put_fd(&a, "", own->servants[SERVANT_AUTH]);
		put_fd(&a, "", own->servants[SERVANT_RESOLVE]);
	}
	if (!put_listeners(&a, w))
		return -E2BIG;
	house_place(h, role, h->empty_folder, a.fds, &a.n_fds, a.sandbox);
	a.argv[a.n + 2] = NULL;
	s.n_fds = a.n_fds;
	return start_role(&s);
}

static pid_t start(struct child *c, int control)
{
	struct worker *w = worker_of(c);
	struct own own;
	pid_t pid;
	int r = make_own(w, &own);

	pid = r < 0 ? (pid_t)r : execute(w, control, &own);
	close_own(&own);
	if (pid < 0)
		forget_own(w);
	else
		generation_listen(w->generation, w, true);
	return pid;
}

/* ---- what it tells ---- */

static void on_ready(struct child *c)
{
	struct worker *w = worker_of(c);

	dynamic_tell(&house_of(w)->dynamic, c);
	addresses_tell(&house_of(w)->addresses, c);
	generation_worker_ready(w->generation, w);
}

static bool on_told(struct child *c, const struct msg *m)
{
	struct house *h = house_of(worker_of(c));

	if (m->type == ROLE_DEAD)
		return managed_dead(&h->managed, m);
	if (m->type == ROLE_BAN)
		return lockout_told(h, &worker_of(c)->pace, m);
	return survey_answered(&h->server, c, m);
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	struct worker *w = worker_of(c);

	house_recount(house_of(w), w->seat);
	forget_own(w);
	survey_gone(&house_of(w)->server, c);
	house_look(house_of(w));
	if (!generation_worker_ended(w->generation, w, status, rest_ms))
		return false;
	if (rest_ms >= LISTEN_LATER_MS)
		generation_listen(w->generation, w, false);
	return true;
}

static const struct child_kind proxy = { ROLE_PROXY, start, on_ready, on_told, on_ended };
static const struct child_kind relay_kind = { ROLE_RELAY, start, on_ready, on_told, on_ended };

/* ---- the whole ---- */

bool worker_init(struct worker *w, struct generation *g, bool relay, unsigned index)
{
	*w = (struct worker){ .generation = g,
		.relay = relay,
		.index = index,
		.log = -1,
		.channel4 = -1,
		.channel6 = -1,
		.servants = { -1, -1, -1, -1 } };
	child_init(&w->child, relay ? &relay_kind : &proxy, g->house->loop);
	w->seat = house_take_seat(g->house);
	return w->seat != WORKER_NO_SEAT;
}

void worker_deinit(struct worker *w)
{
	if (w->seat != WORKER_NO_SEAT)
		w->generation->house->seats[w->seat] = false;
	child_deinit(&w->child);
	ledger_unmap(&w->ledger);
}
