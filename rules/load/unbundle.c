/* SPDX-License-Identifier: ISC */
#include "rules/load/unbundle.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/memfd.h"
#include "rules/bundle.h"

/* Address space, of which only what is used takes memory. */
#define BLOCK_FIRST ((size_t)1 << 20)
#define BLOCK_LAST  ((size_t)4 << 30)
#define BLOCK_STEP  4

static void drop_memory(struct unbundle *u)
{
	if (u->memory != NULL)
		munmap(u->memory, u->memory_size);
	u->memory = NULL;
	u->ruleset = NULL;
}

/* Return: RULES_OK; RULES_E_ARENA; RULES_E_FAULTY; <0 errno. */
static int attempt(struct unbundle *u, size_t size)
{
	void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (block == MAP_FAILED)
		return -errno;
	u->memory = block;
	u->memory_size = size;
	arena_init(&u->arena, block, size);
	diags_init(&u->diags, &u->arena);
	return rules_build(&u->arena, u->sources, u->n_sources, &u->diags, &u->ruleset);
}

static int build(struct unbundle *u)
{
	for (size_t size = BLOCK_FIRST; size <= BLOCK_LAST; size *= BLOCK_STEP) {
		int r = attempt(u, size);

		if (r == RULES_OK && !u->arena.full)
			return 0;
		if (r == RULES_E_FAULTY)
			return UNBUNDLE_E_FAULTY;
		if (r < 0)
			return r;
		drop_memory(u);
	}
	return -ENOMEM;
}

int unbundle(struct unbundle *u, int fd)
{
	int r;

	*u = (struct unbundle){ 0 };
	r = memfd_map(fd, BUNDLE_MAX, &u->bundle);
	if (r != 0) {
		u->bundle = (struct span){ 0 };
		return r < 0 ? r : UNBUNDLE_E_MALFORMED;
	}
	if (!bundle_read(u->bundle, u->sources, SOURCES_MAX, &u->n_sources))
		return UNBUNDLE_E_MALFORMED;
	return build(u);
}

void unbundle_free(struct unbundle *u)
{
	drop_memory(u);
	if (u->bundle.n > 0)
		memfd_unmap(u->bundle);
	u->bundle = (struct span){ 0 };
}

void unbundle_problem(struct out *o, const struct unbundle *u, int r)
{
	if (r == UNBUNDLE_E_FAULTY && u->diags.first != NULL)
		diag_print(o, u->diags.first, u->sources, u->n_sources, false);
	else if (r > 0)
		out_str(o, "malformed bundle");
	else
		out_str(o, strerror(-r));
}
