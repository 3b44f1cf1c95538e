/* SPDX-License-Identifier: ISC */
/* postern-resolve: see proxy/relay/roles.h for how it is started. */
#include <stdlib.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "filter/relay/host_texts.h"
#include "proxy/relay/resolve/name.h"
#include "proxy/relay/resolve/question.h"
#include "proxy/relay/roles.h"
#include "proxy/ruleset.h"
#include "rules/view.h"

#define DNS_PORT 53

struct made { /* one for each different server, the host's among them */
	struct ip_port server;
	struct resolver *resolver;
};

static struct questions questions;
static struct events events;
static struct made *made;
static size_t n_made;
static char hostname[DNS_HOST_SIZE];

static int fail(int exit, struct out *why, const char *what)
{
	out_str(why, "postern-resolve: ");
	out_str(why, what);
	out_octet(why, '\n');
	return exit;
}

/* ---- texts ---- */

/* They stay mapped: the hosts file is looked into for each question. */
static bool map_texts(int fd, struct span *block)
{
	return fd < 0 || (memfd_map(fd, TEXTS_MAX, block) == 0 && texts_valid(*block));
}

static struct span text_of(struct span block, enum relay_text kind)
{
	struct span text = { 0 };

	if (block.n)
		texts_find(block, (uint32_t)kind, (struct span){ 0 }, &text);
	return text;
}

/* ---- resolvers ---- */

static bool is_asked(const struct route *route)
{
	bool named = false;

	for (size_t i = 0; i < route->n_hops; i++)
		named |= route->hops[i].name != NULL;
	return route->mx || named;
}

/* The host's servers; where it names none, its own: resolv.conf(5). */
static size_t servers_of(const struct route *route, struct span resolv,
	struct ip_port servers[static HOST_SERVERS_MAX])
{
	const uint8_t self[4] = { 127, 0, 0, 1 };
	struct ip list[HOST_SERVERS_MAX];
	size_t n;

	if (route->has_resolver) {
		servers[0] = route->resolver;
		return 1;
	}
	n = resolv_servers(resolv, list);
	if (n == 0)
		list[n++] = ip_v4(self);
	for (size_t i = 0; i < n; i++)
		servers[i] = (struct ip_port){ list[i], DNS_PORT };
	return n;
}

static struct resolver *find(const struct ip_port *server)
{
	for (size_t i = 0; i < n_made; i++)
		if (made[i].server.port == server->port && ip_eq(&made[i].server.ip, &server->ip))
			return made[i].resolver;
	return NULL;
}

static struct resolver *resolver_for(const struct route *route, struct span texts, struct out *why)
{
	const struct ip_port server = route->has_resolver ? route->resolver : (struct ip_port){ 0 };
	struct resolver *r = find(&server);
	struct ip_port servers[HOST_SERVERS_MAX];
	const struct resolver_conf conf = { servers,
		servers_of(route, text_of(texts, TEXT_RESOLV), servers),
		text_of(texts, TEXT_ANCHOR) };

	if (r)
		return r;
	r = resolver_new(&events, &conf, why);
	if (r)
		made[n_made++] = (struct made){ server, r };
	return r;
}

static int make_resolvers(const struct ruleset *rs, struct span texts, struct out *why)
{
	made = calloc(rs->n_routes + 1, sizeof(*made));
	questions.resolvers = calloc(rs->n_routes + 1, sizeof(struct resolver *));
	if (!made || !questions.resolvers)
		return fail(EXIT_UNAVAILABLE, why, "no memory");
	questions.n_routes = rs->n_routes;
	for (size_t i = 0; i < rs->n_routes; i++) {
		char text[256];
		struct out cause;

		if (!is_asked(rs->routes[i]))
			continue;
		out_init(&cause, text, sizeof(text));
		questions.resolvers[i] = resolver_for(rs->routes[i], texts, &cause);
		out_cstr(&cause);
		if (!questions.resolvers[i])
			return fail(EXIT_CONFIG, why, text);
	}
	return 0;
}

/* ---- the servant ---- */

static int open_all(struct servant *s, const int *fds, struct out *why)
{
	const struct ruleset *rs = ruleset_from_bundle(fds[RESOLVE_FD_BUNDLE]);
	struct span texts = { 0 };

	if (!rs || rs->n_rules == 0)
		return EXIT_CONFIG;
	if (!map_texts(fds[RESOLVE_FD_TEXTS], &texts))
		return fail(EXIT_UNAVAILABLE, why, "no texts");
	if (!name_host(span_str(rule_front(&rs->rules[0])->smtp.hostname), hostname))
		hostname[0] = '\0'; /* a name of no host: no exchanger has it */
	questions.loop = s->loop;
	questions.hostname = hostname;
	questions.hosts = text_of(texts, TEXT_HOSTS);
	events_init(&events, s->loop);
	return make_resolvers(rs, texts, why);
}

static bool asked(struct servant *s, struct servant_client *c, const struct msg *m)
{
	(void)s;
	return m->type == RESOLVE_ASK && question_asked(&questions, c, m->body);
}

static void gone(struct servant *s, struct servant_client *c)
{
	(void)s;
	questions_gone(&questions, c);
}

static bool told(struct servant *s, const struct msg *m)
{
	(void)s;
	return m->type == ROLE_ADDRESSES && m->fd < 0 && own_set(&questions.own, m->body);
}

static void close_all(struct servant *s)
{
	(void)s;
	for (size_t i = 0; i < n_made; i++)
		resolver_free(made[i].resolver);
	free(made);
	free(questions.resolvers);
	own_deinit(&questions.own);
}

int main(int argc, char **argv)
{
	static const struct servant_kind resolve = {
		.role = ROLE_RESOLVE,
		.fds = RESOLVE_FDS,
		.open = open_all,
		.close = close_all,
		.asked = asked,
		.gone = gone,
		.told = told,
	};

	return servant_main(&resolve, argc, argv);
}
