/* SPDX-License-Identifier: ISC */
#include "proxy/ruleset.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rules/load/unbundle.h"

static const struct ruleset *fail(const char *what, const char *why)
{
	fprintf(stderr, "postern-proxy: %s: %s\n", what, why);
	return NULL;
}

/* posternd built the same rules from the same text: an error here is a fault of ours, told as far
 * as it can be. */
static const struct ruleset *faulty(const struct unbundle *u)
{
	static char text[4096];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (u->diags.first)
		diag_print(&o, u->diags.first, u->sources, u->n_sources, false);
	fwrite(text, 1, o.n, stderr);
	return fail("bundle", "the rules cannot be read");
}

/* The host's own name where postern.conf gives none: what the engine says in greetings and EHLO. */
static void name_host(const struct ruleset *rs)
{
	static char host[256];
	const char *name = rs->host.hostname;

	if (!name) {
		if (gethostname(host, sizeof(host)) < 0 || !host[0])
			strcpy(host, "localhost");
		host[sizeof(host) - 1] = '\0';
		name = host;
	}
	for (size_t i = 0; i < rs->n_rules; i++) /* ours alone until the first session begins */
		if (rs->rules[i].publish)
			((struct publish *)(uintptr_t)rs->rules[i].publish)->smtp.hostname = name;
}

const struct ruleset *ruleset_from_bundle(int fd)
{
	static struct unbundle u; /* the rule set points into it */
	const int r = unbundle(&u, fd);

	if (r < 0)
		return fail("bundle", strerror(-r));
	if (r == UNBUNDLE_E_MALFORMED)
		return fail("bundle", "malformed");
	if (r == UNBUNDLE_E_FAULTY)
		return faulty(&u);
	close(fd);
	name_host(u.ruleset);
	return u.ruleset;
}
