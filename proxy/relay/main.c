/* SPDX-License-Identifier: ISC */
/* postern-relay: see proxy/relay/roles.h for how it is started. */
#include <errno.h>
#include <stdio.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "proxy/begin.h"
#include "proxy/relay/relayed.h"
#include "proxy/relay/roles.h"
#include "proxy/sockets.h"
#include "rules/view.h"

static struct relays relays;

static void drain(struct proxy *p)
{
	hops_drain(p->relays->hops);
}

/* Contexts hold copies of what they need of the texts. */
static struct tls_client *open_tls(const struct proxy *p, struct span texts, int key)
{
	struct tls_client *client;
	struct span roots = { 0 };
	char why[256];
	struct out o;

	out_init(&o, why, sizeof(why));
	if (texts.n)
		texts_find(texts, TEXT_ROOTS, (struct span){ 0 }, &roots);
	client = tls_client_new(roots, &o);
	if (client && key >= 0)
		relays.tls = tls_server_new(p->rules, texts, key, &o);
	if (client && (relays.tls || key < 0))
		return client;
	fprintf(stderr, "postern-relay: %.*s\n", (int)o.n, why);
	tls_client_free(client);
	return NULL;
}

/* Closes it: the secret of session tickets stands in it. */
static struct tls_client *read_texts(const struct proxy *p, int fd, int key)
{
	struct tls_client *client = NULL;
	struct span block = { 0 };

	if (fd < 0 || (memfd_map(fd, TEXTS_MAX, &block) == 0 && texts_valid(block)))
		client = open_tls(p, block, key);
	if (block.n)
		memfd_unmap(block);
	sockets_close(fd);
	return client;
}

static int open_relays(struct proxy *p, const int *fds)
{
	struct tls_client *client = read_texts(p, fds[FD_TEXTS], fds[FD_KEY]);

	if (!client)
		return EINVAL;
	relays.hostname = rule_front(&p->rules->rules[0])->smtp.hostname; /* all have the same */
	relays.hops = hops_new(p, client, relays.hostname, fds[FD_RESOLVE]);
	if (!relays.hops || asks_init(&relays.auth, p->loop, fds[FD_AUTH]) < 0)
		return ENOMEM;
	p->relays = &relays;
	p->relayed_open = relayed_open;
	p->relayed_drain = drain;
	return 0;
}

static void close_relays(struct proxy *p)
{
	hops_free(p->relays->hops);
	asks_deinit(&relays.auth);
	tls_server_free(relays.tls);
}

int main(int argc, char **argv)
{
	static const struct worker_kind relay = {
		.role = ROLE_RELAY,
		.fds = FD_RELAY_LISTENERS,
		.open = open_relays,
		.close = close_relays,
	};

	return worker_main(&relay, argc, argv);
}
