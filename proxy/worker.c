/* SPDX-License-Identifier: ISC */
#include "proxy/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/msg.h"
#include "proxy/ledger.h"
#include "proxy/shared.h"
#include "proxy/sockets.h"
#include "proxy/start.h"
#include "rules/bundle.h"

static void close_end(int *fdp)
{
	sockets_close(*fdp);
	*fdp = -1;
}

unsigned worker_count(const struct hostconf *host)
{
	unsigned n = host->workers;
	cpu_set_t cores; /* those we may run on, which in a container are not all */

	if (n == 0)
		n = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (unsigned)CPU_COUNT(&cores)
								     : 1;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

int worker_init(struct worker *w)
{
	int r;

	*w = WORKER_NONE;
	r = msg_pair(w->control);
	if (r == 0)
		r = msg_pair(w->log);
	if (r)
		return r;
	w->ledger = ledger_make();
	return w->ledger < 0 ? w->ledger : 0;
}

void worker_deinit(struct worker *w)
{
	for (int i = 0; i < 2; i++) {
		close_end(&w->control[i]);
		close_end(&w->log[i]);
	}
	close_end(&w->ledger);
}

/* ---- what all are handed ---- */

/* Return: descriptor of the sealed bundle; <0 errno. */
static int make_bundle(const struct load *l)
{
	for (size_t size = (size_t)1 << 20; size <= BUNDLE_MAX; size *= 4) {
		struct out o;
		uint8_t *block = malloc(size);
		int fd;

		if (!block)
			return -ENOMEM;
		out_init(&o, block, size);
		bundle_write(&o, l->ruleset, l->sources, l->n_sources);
		fd = o.full ? -E2BIG : memfd_sealed("postern-rules", out_span(&o));
		free(block);
		if (fd != -E2BIG)
			return fd;
	}
	return -E2BIG;
}

int worker_common_init(struct worker_common *c, const struct load *l, const struct binds *binds)
{
	*c = (struct worker_common){ .counts = -1, .binds = binds };
	c->bundle = make_bundle(l);
	if (c->bundle < 0)
		return c->bundle;
	c->counts = shared_make();
	return c->counts < 0 ? c->counts : 0;
}

void worker_common_deinit(struct worker_common *c)
{
	close_end(&c->bundle);
	close_end(&c->counts);
}

/* ---- starting ---- */

/* Return: how many descriptors are in @fds; <0 errno. */
static int descriptors_of(const struct worker *w, unsigned number, const struct worker_common *c,
	int fds[static START_FDS_MAX])
{
	int n = FD_LISTENERS;

	fds[FD_CONTROL] = w->control[0];
	fds[FD_LOG] = w->log[1];
	fds[FD_BUNDLE] = c->bundle;
	fds[FD_COUNTS] = c->counts;
	fds[FD_LEDGER] = w->ledger;
	for (size_t i = 0; i < c->binds->n; i++) {
		if (c->binds->sockets[i].worker != number)
			continue;
		if (n == START_FDS_MAX)
			return -E2BIG;
		fds[n++] = c->binds->sockets[i].fd;
	}
	return n;
}

int worker_start(struct worker *w, unsigned number, const struct worker_common *c)
{
	char text[START_FDS_MAX + 1][12], *argv[START_FDS_MAX + 3];
	int fds[START_FDS_MAX], n = descriptors_of(w, number, c, fds);
	struct start start = { "postern-proxy", ".", argv, fds, (size_t)n };
	pid_t pid;

	if (n < 0)
		return n;
	argv[0] = (char[]){ "postern-proxy" };
	for (int i = 0; i <= n; i++) {
		snprintf(text[i], sizeof(text[i]), "%u", i ? START_FD + (unsigned)i - 1 : number);
		argv[i + 1] = text[i];
	}
	argv[n + 2] = NULL;
	pid = start_role(&start);
	if (pid < 0)
		return (int)pid;
	w->pid = pid;
	close_end(&w->control[0]);
	close_end(&w->log[1]);
	return 0;
}
