/* SPDX-License-Identifier: ISC */
/* What posternd knows of itself, as lines of JSON: proxy/control.h lists the keys. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/memfd.h"
#include "base/record.h"
#include "proxy/control.h"
#include "proxy/house/house.h"

#define LINE_SIZE 2048

static void put_time(struct record *r, const char *key, int64_t wall_ns)
{
	char text[40];
	struct out o;

	if (wall_ns == 0)
		return;
	out_init(&o, text, sizeof(text));
	civil_print_utc(&o, wall_ns);
	record_octets(r, key, out_span(&o), SIZE_MAX);
}

static void begin(struct record *r, uint8_t block[static LINE_SIZE], const char *what)
{
	record_open(r, block, LINE_SIZE);
	record_str(r, "what", what);
}

/* ---- generations ---- */

static void tell_daemon(struct server *s)
{
	const struct house *h = s->house;
	uint8_t block[LINE_SIZE];
	struct record r;

	begin(&r, block, "daemon");
	record_str(&r, "version", POSTERN_VERSION);
	record_u64(&r, "pid", (uint64_t)getpid());
	record_str(&r, "folder", h->dir);
	put_time(&r, "since", h->since_ns);
	record_u64(&r, "generation", h->number);
	record_u64(&r, "generations_kept", history_count(&h->history));
	if (reload_left_s(h))
		record_u64(&r, "confirm_left_s", reload_left_s(h));
	server_text(s, record_end(&r));
}

static const char *state_of(const struct generation *g)
{
	switch (g->state) {
	case GENERATION_WAITING:
	case GENERATION_STARTING: return "waiting";
	case GENERATION_RUNNING: return "running";
	case GENERATION_DRAINING: break;
	}
	return "draining";
}

static void tell_generation(struct server *s, const struct generation *g)
{
	const uint64_t now = clock_steady_ms();
	uint8_t block[LINE_SIZE];
	struct record r;

	begin(&r, block, "generation");
	record_u64(&r, "number", g->number);
	record_str(&r, "state", state_of(g));
	put_time(&r, "since", g->since_ns);
	record_u64(&r, "rules", g->rules.ruleset->n_rules);
	if (g->state == GENERATION_DRAINING)
		record_u64(&r, "left_s", g->until_ms > now ? (g->until_ms - now) / 1000 : 0);
	server_text(s, record_end(&r));
}

static const char *kind_of(const struct bind_socket *b)
{
	switch (b->kind) {
	case LISTEN_REDIRECT: return "redirect";
	case LISTEN_TPROXY: return "tproxy";
	case LISTEN_DIRECT: break;
	}
	return "direct";
}

/* Each address once, however many proxies listen there. */
static void tell_listeners(struct server *s, const struct binds *binds)
{
	for (size_t i = 0; i < binds->n; i++) {
		const struct bind_socket *b = &binds->sockets[i];
		uint8_t block[LINE_SIZE];
		struct record r;

		if (i > 0 && b->addr.port == b[-1].addr.port && ip_eq(&b->addr.ip, &b[-1].addr.ip))
			continue;
		begin(&r, block, "listener");
		record_ip(&r, "address", &b->addr.ip);
		record_u64(&r, "port", b->addr.port);
		record_str(&r, "kind", kind_of(b));
		server_text(s, record_end(&r));
	}
}

/* ---- roles ---- */

static const char *life_of(const struct child *c)
{
	switch (c->state) {
	case CHILD_READY: return "ready";
	case CHILD_STARTING: return "starting";
	case CHILD_NONE:
	case CHILD_RESTING: break;
	}
	return "waiting";
}

/* What it has, and what else one started as we were would have. */
static void put_layers(struct record *r, const struct house *h, const struct child *c)
{
	const struct role_place place = { .as_root = h->as_root };
	const unsigned have = child_lives(c) ? c->layers : 0;
	const unsigned missing = role_layers_wanted(c->kind->role, &place) & ~have;
	char text[256];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (c->state == CHILD_READY && missing) { /* first, for whoever cuts long texts */
		out_str(&o, "missing: ");
		role_layers_print(&o, missing);
		out_str(&o, "; ");
	}
	role_layers_print(&o, have);
	record_octets(r, "sandbox", out_span(&o), SIZE_MAX);
}

/* Of those that have sessions. */
static void put_pong(struct record *r, const struct role_pong *pong)
{
	record_u64(r, "sessions", pong->sessions);
	record_u64(r, "opened", pong->opened);
	record_u64(r, "refused", pong->refused);
	record_u64(r, "messages", pong->messages);
	record_u64(r, "log_dropped", pong->log_dropped);
	record_u64(r, "lent_octets", pong->lent_octets);
}

static void tell_role(struct server *s, const struct child *c, const struct worker *w)
{
	uint8_t block[LINE_SIZE];
	struct record r;

	begin(&r, block, "role");
	record_str(&r, "program", role_program(c->kind->role));
	record_str(&r, "state", life_of(c));
	if (child_lives(c))
		record_u64(&r, "pid", (uint64_t)c->pid);
	record_u64(&r, "restarts", c->restarts);
	put_layers(&r, s->house, c);
	if (w) {
		record_u64(&r, "seat", w->seat);
		record_u64(&r, "generation", w->generation->number);
	}
	if (w || c->kind->role == ROLE_GATE)
		put_pong(&r, &c->pong);
	server_text(s, record_end(&r));
}

void status_tell(struct server *s)
{
	const struct house *h = s->house;
	const struct managed *m = &h->managed;

	tell_daemon(s);
	for (const struct generation *g = h->list; g; g = g->next)
		tell_generation(s, g);
	tell_listeners(s, &h->running->binds);
	tell_role(s, &h->logger.child, NULL);
	if (h->as_root)
		tell_role(s, &h->supplier.child, NULL);
	if (m->on)
		tell_role(s, &m->kernel, NULL);
	if (m->gate_on) {
		tell_role(s, &m->verdict, NULL);
		tell_role(s, &m->gate, NULL);
	}
	for (const struct generation *g = h->list; g; g = g->next)
		for (unsigned i = 0; i < g->n_workers; i++)
			if (g->workers[i].child.state != CHILD_NONE)
				tell_role(s, &g->workers[i].child, &g->workers[i]);
	for (const struct generation *g = h->list; g; g = g->next)
		for (unsigned i = 0; i < SERVANTS; i++)
			if (g->servants[i].child.state != CHILD_NONE)
				tell_role(s, &g->servants[i].child, NULL);
}

/* ---- dynamic sets ---- */

static void put_prefix(struct record *r, const struct ip_prefix *prefix)
{
	char text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_prefix_print(&o, prefix);
	record_octets(r, "member", out_span(&o), SIZE_MAX);
}

static void put_left(struct record *r, uint64_t end_ms)
{
	const uint64_t now = clock_steady_ms();

	if (end_ms)
		record_u64(r, "left_s", end_ms > now ? (end_ms - now + 999) / 1000 : 0);
}

/* One without members has its name alone. */
static void put_empty(struct out *o, const char *name)
{
	uint8_t block[LINE_SIZE];
	struct record r;

	record_open(&r, block, sizeof(block));
	record_str(&r, "set", name);
	record_u64(&r, "members", 0);
	out_bytes(o, record_end(&r));
}

/* The lines of one set. */
static void put_set(struct out *o, const struct dynamic *d, const char *name)
{
	uint8_t block[LINE_SIZE];
	struct record r;
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->list[i].set, name) != 0)
			continue;
		record_open(&r, block, sizeof(block));
		record_str(&r, "set", name);
		put_prefix(&r, &d->list[i].prefix);
		put_left(&r, d->list[i].end_ms);
		out_bytes(o, record_end(&r));
		n++;
	}
	if (n == 0)
		put_empty(o, name);
}

#define TO_SHOWN 2 /* of what a rule publishes in the client's family */

static void put_to(struct record *r, const struct publish *rule, enum ip_family family)
{
	char text[256];
	struct out o;
	size_t n = 0;

	out_init(&o, text, sizeof(text));
	for (size_t i = 0; rule && i < rule->n_external; i++) {
		const struct rule_endpoint *e = &rule->external[i];
		if ((!e->any && e->addr.ip.family != family) || n++ >= TO_SHOWN)
			continue;
		out_str(&o, n > 1 ? ", " : "");
		if (e->any) {
			out_str(&o, "any:");
			out_u64(&o, e->addr.port);
		} else {
			ip_port_print(&o, &e->addr);
		}
	}
	out_str(&o, n > TO_SHOWN ? ", ..." : "");
	record_octets(r, "to", out_span(&o), SIZE_MAX);
}

static void put_bans(struct out *o, const struct house *h, bool also_none)
{
	for (size_t i = 0; i < h->bans.n; i++) {
		const struct ban *ban = &h->bans.list[i];
		uint8_t block[LINE_SIZE];
		struct record r;

		record_open(&r, block, sizeof(block));
		record_str(&r, "set", BANS_SET);
		put_prefix(&r, &ban->client);
		record_str(&r, "rule", ban->rule);
		record_str(&r, "limit", bans_what(ban->by));
		put_to(&r, bans_rule(house_rules(h), ban->rule), ban->client.ip.family);
		put_left(&r, ban->end_ms);
		out_bytes(o, record_end(&r));
	}
	if (h->bans.n == 0 && also_none)
		put_empty(o, BANS_SET);
}

#define BAN_LINE 512 /* octets of a ban at most */

/* They may be many: one file. */
int status_sets(struct server *s, const char *name)
{
	const struct ruleset *rs = house_rules(s->house);
	const bool only_bans = strcmp(name, BANS_SET) == 0;
	const size_t size =
		MEMBERS_TEXT_MAX + (rs->n_sets + 1) * LINE_SIZE + s->house->bans.n * BAN_LINE;
	uint8_t *block = malloc(size);
	struct out o;
	int fd;

	if (!block)
		return -ENOMEM;
	out_init(&o, block, size);
	for (size_t i = 0; i < rs->n_sets; i++)
		if (rs->sets[i]->dynamic && (!name[0] || strcmp(rs->sets[i]->name, name) == 0))
			put_set(&o, &s->house->dynamic, rs->sets[i]->name);
	if (only_bans || !name[0])
		put_bans(&o, s->house, only_bans);
	fd = o.full ? -E2BIG : o.n > 0 ? memfd_sealed("postern-sets", out_span(&o)) : 0;
	free(block);
	if (fd <= 0) /* there are no dynamic sets, or an error */
		return fd;
	server_file(s, fd);
	close(fd);
	return 0;
}
