/* SPDX-License-Identifier: ISC */
/* postern-relay: see proxy/relay/roles.h for how it is started. */
#include <errno.h>
#include <stdio.h>

#include "base/memfd.h"
#include "base/texts.h"
#include "proxy/begin.h"
#include "proxy/relay/relayed.h"
#include "proxy/relay/roles.h"
#include "rules/view.h"

static struct relays relays;

static void drain(struct proxy *p)
{
	hops_drain(p->relays->hops);
}

/* Contexts hold copies of what they need of the texts. */
static struct tls_client *client_of(int texts)
{
	struct span block = { 0 }, roots = { 0 };
	struct tls_client *client = NULL;
	char why[256];
	struct out o;

	if (texts >= 0 && (memfd_map(texts, TEXTS_MAX, &block) != 0 || !texts_valid(block)))
		return NULL;
	if (block.n)
		texts_find(block, TEXT_ROOTS, (struct span){ 0 }, &roots);
	out_init(&o, why, sizeof(why));
	client = tls_client_new(roots, &o);
	if (!client)
		fprintf(stderr, "postern-relay: %.*s\n", (int)o.n, why);
	if (block.n)
		memfd_unmap(block);
	return client;
}

static int open_relays(struct proxy *p, const int *fds)
{
	struct tls_client *client = client_of(fds[FD_TEXTS]);

	if (!client)
		return EINVAL;
	relays.hostname = rule_front(&p->rules->rules[0])->smtp.hostname; /* all have the same */
	relays.hops = hops_new(p, client, relays.hostname, fds[FD_RESOLVE]);
	if (!relays.hops)
		return ENOMEM;
	p->relays = &relays;
	p->relayed_open = relayed_open;
	p->relayed_drain = drain;
	return 0;
}

static void close_relays(struct proxy *p)
{
	hops_free(p->relays->hops);
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
