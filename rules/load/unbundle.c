/* SPDX-License-Identifier: ISC */
#include "rules/load/unbundle.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/memfd.h"
#include "rules/bundle.h"

#define BLOCK_FIRST ((size_t)1 << 20)
#define BLOCK_LAST  ((size_t)4 << 30)
#define BLOCK_STEP  4

static int attempt(struct unbundle *u)
{
	struct arena arena;
	int r;

	arena_init(&arena, u->memory, u->memory_size);
	diags_init(&u->diags, &arena);
	r = rules_build(&arena, u->sources, u->n_sources, &u->diags, &u->ruleset);
	u->diags.arena = NULL; /* the arena ends here; the list is complete */
	return r;
}

/* As load_dir() does: where a block is too small, all again in a larger one. */
static int build(struct unbundle *u)
{
	for (size_t size = BLOCK_FIRST; size <= BLOCK_LAST; size *= BLOCK_STEP) {
		int r;

		u->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (u->memory == MAP_FAILED) {
			u->memory = NULL;
			return err_trace(-errno);
		}
		u->memory_size = size;
		r = attempt(u);
		if (r != RULES_E_ARENA)
			return r == RULES_OK ? UNBUNDLE_OK : UNBUNDLE_E_FAULTY;
		munmap(u->memory, size);
		u->memory = NULL;
	}
	return err_trace(-ENOMEM);
}

int unbundle(struct unbundle *u, int fd)
{
	int r;

	*u = (struct unbundle){ 0 };
	r = memfd_map(fd, BUNDLE_MAX, &u->bundle);
	if (r < 0)
		return r;
	if (r > 0 || !bundle_read(u->bundle, u->sources, SOURCES_MAX, &u->n_sources))
		return UNBUNDLE_E_MALFORMED;
	return build(u);
}

void unbundle_free(struct unbundle *u)
{
	if (u->memory != NULL)
		munmap(u->memory, u->memory_size);
	memfd_unmap(u->bundle);
	*u = (struct unbundle){ 0 };
}
