/* SPDX-License-Identifier: ISC */
/* postern-kernel as posternd sees it. */
#include <stdio.h>

#include "proxy/house/house.h"
#include "rules/kernel/run/roles.h"

static struct managed *managed_of(struct child *c)
{
	return (struct managed *)(void *)((char *)c - offsetof(struct managed, kernel));
}

/* postern-kernel SANDBOX CONTROL */
static pid_t start(struct child *c, int control)
{
	struct house *h = managed_of(c)->house;
	char sandbox[ROLE_PLACE_TEXT], text[12];
	char *argv[] = { (char[]){ "postern-kernel" }, sandbox, text, NULL };
	int fds[2];
	struct start s = {
		.program = "postern-kernel", .folder = "../rules", .argv = argv, .fds = fds
	};

	fds[s.n_fds++] = control;
	snprintf(text, sizeof(text), "%u", START_FD);
	house_place(h, ROLE_KERNEL, h->empty_folder, fds, &s.n_fds, sandbox);
	return start_role(&s);
}

static void on_ready(struct child *c)
{
	managed_kernel_ready(managed_of(c));
}

static bool on_told(struct child *c, const struct msg *m)
{
	return survey_answered(&managed_of(c)->house->server, c, m) ||
	       managed_kernel_told(managed_of(c), m);
}

static bool on_ended(struct child *c, int status, uint32_t rest_ms)
{
	managed_of(c)->applying = NULL;
	barrier_unanswered(managed_of(c));
	survey_gone(&managed_of(c)->house->server, c);
	return house_child_ended(managed_of(c)->house, c, status, rest_ms);
}

static const struct child_kind kind = { ROLE_KERNEL, start, on_ready, on_told, on_ended };

void keeper_init(struct managed *m)
{
	child_init(&m->kernel, &kind, m->house->loop);
}
