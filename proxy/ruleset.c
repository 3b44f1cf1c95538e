/* SPDX-License-Identifier: ISC */
#include "proxy/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "rules/load/unbundle.h"
#include "rules/view.h"

/* The host's own name where postern.conf gives none: what the engine says in greetings and EHLO. */
static void name_host(struct arena *arena, const struct ruleset *rs)
{
	const char *name = rs->host.hostname;
	char host[256];

	if (!name) {
		if (gethostname(host, sizeof(host)) < 0 || !host[0])
			strcpy(host, "localhost");
		host[sizeof(host) - 1] = '\0';
		name = arena_str(arena, span_str(host));
	}
	for (size_t i = 0; i < rs->n_rules; i++) /* ours alone until the first session begins */
		((struct publish *)(uintptr_t)rule_front(&rs->rules[i]))->smtp.hostname = name;
}

/* posternd built the same rules from the same text: an error here is a fault of ours, told as far
 * as it can be. */
static const struct ruleset *fail(const struct unbundle *u, int r)
{
	char text[4096];
	struct out o;

	out_init(&o, text, sizeof(text));
	unbundle_problem(&o, u, r);
	fprintf(stderr, "postern-proxy: the rules cannot be read: %.*s\n", (int)o.n, text);
	return NULL;
}

const struct ruleset *ruleset_from_bundle(int fd)
{
	static struct unbundle u; /* for the life of the process */
	int r = unbundle(&u, fd);

	close(fd);
	if (r)
		return fail(&u, r);
	name_host(&u.arena, u.ruleset);
	return u.arena.full ? fail(&u, -ENOMEM) : u.ruleset;
}
