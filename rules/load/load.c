/* SPDX-License-Identifier: ISC */
#include "rules/load/load.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/err.h"
#include "rules/load/collect.h"

/*
 * Everything lives in one block of address space, of which only what is used takes memory. Where it
 * is too small, all is read again into a larger one.
 */
#define BLOCK_FIRST ((size_t)8 << 20)
#define BLOCK_LAST  ((size_t)8 << 30)
#define BLOCK_STEP  4

static int attempt(struct load *l, const char *dir, const struct source *top, bool host)
{
	struct arena arena;
	int r;

	arena_init(&arena, l->memory, l->memory_size);
	diags_init(&l->diags, &arena);
	r = collect(&arena, dir, top, host, &l->sources, &l->n_sources);
	if (r == RULES_OK)
		r = rules_build(&arena, l->sources, l->n_sources, &l->diags, &l->ruleset);
	l->diags.arena = NULL; /* the arena ends here; the list is complete */
	if (r != RULES_OK)
		l->ruleset = NULL;
	return arena.full ? RULES_E_ARENA : r;
}

static int load(struct load *l, const char *dir, const struct source *top, bool host)
{
	for (size_t size = BLOCK_FIRST; size <= BLOCK_LAST; size *= BLOCK_STEP) {
		void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (block == MAP_FAILED)
			return err_trace(-errno);
		*l = (struct load){ .memory = block, .memory_size = size };
		if (attempt(l, dir, top, host) != RULES_E_ARENA)
			return 0;
		load_free(l);
	}
	return err_trace(-ENOMEM);
}

int load_dir(struct load *l, const char *dir)
{
	return load(l, dir, NULL, true);
}

int load_text(struct load *l, const char *dir, const char *name, struct span text)
{
	return load(l, dir, &(struct source){ .kind = SOURCE_RULES, .name = name, .text = text },
		false);
}

int load_host(struct load *l, const char *dir)
{
	static const struct source nothing = { .kind = SOURCE_RULES,
		.name = "rules.conf",
		.text = { (const uint8_t *)"version 1\n", 10 } };

	return load(l, dir, &nothing, true);
}

void load_free(struct load *l)
{
	if (l->memory != NULL)
		munmap(l->memory, l->memory_size);
	*l = (struct load){ 0 };
}
