/* SPDX-License-Identifier: ISC */
#include "proxy/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memfd.h"
#include "rules/bundle.h"
#include "rules/rules.h"

#define ARENA_FIRST ((size_t)1 << 20)
#define ARENA_LAST  ((size_t)4 << 30)

static const struct ruleset *fail(const char *what, const char *why)
{
	fprintf(stderr, "postern-proxy: %s: %s\n", what, why);
	return NULL;
}

/* posternd built the same rules from the same text: an error here is a fault of ours, told as far
 * as it can be. */
static const struct ruleset *faulty(
	const struct diags *diags, const struct source *sources, size_t n)
{
	static char text[4096];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (diags->first)
		diag_print(&o, diags->first, sources, n, false);
	fwrite(text, 1, o.n, stderr);
	return fail("bundle", "the rules cannot be read");
}

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
		if (rs->rules[i].publish)
			((struct publish *)(uintptr_t)rs->rules[i].publish)->smtp.hostname = name;
}

static const struct ruleset *build(const struct source *sources, size_t n)
{
	const struct ruleset *rs = NULL;

	for (size_t size = ARENA_FIRST; size <= ARENA_LAST; size *= 4) {
		struct arena arena;
		struct diags diags;
		int r;
		void *block = mmap(
			NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (block == MAP_FAILED)
			return fail("memory", strerror(errno));
		arena_init(&arena, block, size);
		diags_init(&diags, &arena);
		r = rules_build(&arena, sources, n, &diags, &rs);
		if (r == RULES_OK) {
			name_host(&arena, rs);
			if (!arena.full)
				return rs;
		} else if (r == RULES_E_FAULTY) {
			return faulty(&diags, sources, n);
		}
		munmap(block, size);
	}
	return fail("memory", "the rules are too large");
}

const struct ruleset *ruleset_from_bundle(int fd)
{
	static struct source sources[SOURCES_MAX];
	struct span bundle; /* stays mapped: the rule set points into it */
	size_t n;
	int r = memfd_map(fd, BUNDLE_MAX, &bundle);

	if (r < 0)
		return fail("bundle", strerror(-r));
	close(fd);
	if (r || !bundle_read(bundle, sources, SOURCES_MAX, &n))
		return fail("bundle", "malformed");
	return build(sources, n);
}
