/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/list.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "rules/kernel/run/program.h"

static const struct span nothing = { NULL, 0 };

/* Which of these: nft says ENOENT in words. */
static bool is_missing(const struct program *p)
{
	const struct span words = SPAN("No such file");

	return p->status == PROGRAM_MISSING ||
	       (p->err.n > 0 && memmem(p->err.p, p->err.n, words.p, words.n) != NULL);
}

int list_nft(struct span *textp, struct out *why)
{
	struct program p;
	int r = program_run(&p,
		(const char *const[]){ "nft", "list", "table", "inet", "postern", NULL }, nothing);

	*textp = nothing;
	if (r < 0)
		return r;
	if (p.status == 0) {
		*textp = p.out;
		p.out = nothing;
	} else if (!is_missing(&p)) {
		r = apply_failed(why, "nft", &p);
	}
	program_free(&p);
	return r;
}

/* Here and now, in an empty namespace. */
static int list_here(struct span table, struct span *textp, struct out *why)
{
	struct program p;
	int r = program_run(&p, (const char *const[]){ "nft", "-f", "-", NULL }, table);

	if (r < 0)
		return r;
	r = p.status == 0 ? 0 : apply_failed(why, "nft", &p);
	program_free(&p);
	return r ? r : list_nft(textp, why);
}

static int list_elsewhere(struct span table, struct span *textp, struct out *why)
{
	const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (home < 0)
		return -errno;
	if (unshare(CLONE_NEWNET) < 0) {
		r = -errno;
		close(home);
		return r;
	}
	r = list_here(table, textp, why);
	if (setns(home, CLONE_NEWNET) < 0)
		r = r ? r : -errno;
	close(home);
	return r;
}

int list_wanted_nft(const struct kernel_plan *plan, struct span *textp, struct out *why)
{
	struct span table;
	int r;

	*textp = nothing;
	if (plan == NULL)
		return 0;
	r = apply_render_nft(plan, &table);
	if (r == 0)
		r = list_elsewhere(table, textp, why);
	free((void *)(uintptr_t)table.p);
	return r < 0 ? err_trace(r) : r;
}
