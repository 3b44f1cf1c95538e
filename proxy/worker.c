/* SPDX-License-Identifier: ISC */
#include "proxy/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memfd.h"
#include "base/msg.h"
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
	return r ? r : msg_pair(w->log);
}

void worker_deinit(struct worker *w)
{
	for (int i = 0; i < 2; i++) {
		close_end(&w->control[i]);
		close_end(&w->log[i]);
		close_end(&w->spares[i]);
	}
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
	c->counts = shared_make(l->ruleset->n_rules);
	return c->counts < 0 ? c->counts : 0;
}

void worker_common_deinit(struct worker_common *c)
{
	close_end(&c->bundle);
	close_end(&c->counts);
}

/* ---- starting ---- */

/* The descriptors of a proxy, and the arguments that name them. */
struct handing {
	int fds[START_FDS_MAX];
	char text[START_FDS_MAX + 1][12];
	char *argv[START_FDS_MAX + 3];
	size_t n_fds, n_args;
};

static void hand_text(struct handing *h, const char *prefix, unsigned n)
{
	snprintf(h->text[h->n_args], sizeof(h->text[0]), "%s%u", prefix, n);
	h->argv[1 + h->n_args] = h->text[h->n_args];
	h->n_args++;
}

static void hand(struct handing *h, const char *prefix, int fd)
{
	h->fds[h->n_fds] = fd;
	hand_text(h, prefix, START_FD + (unsigned)h->n_fds++);
}

static void hand_spare(struct handing *h, int fd)
{
	if (fd >= 0)
		hand(h, "", fd);
	else
		h->argv[1 + h->n_args++] = (char *)"-";
}

static const char *prefix_of(enum listen_kind kind)
{
	switch (kind) {
	case LISTEN_REDIRECT: return "r";
	case LISTEN_TPROXY: return "t";
	case LISTEN_DIRECT: break;
	}
	return "";
}

/* Return: 0; <0 errno. */
static int hand_all(
	struct handing *h, const struct worker *w, unsigned number, const struct worker_common *c)
{
	h->argv[0] = (char *)"postern-proxy";
	hand_text(h, "", number);
	hand(h, "", w->control[0]); /* in the order of roles.h */
	hand(h, "", w->log[1]);
	hand(h, "", c->bundle);
	hand(h, "", c->counts);
	hand_spare(h, w->spares[0]);
	hand_spare(h, w->spares[1]);
	for (size_t i = 0; i < c->binds->n; i++) {
		const struct bind_socket *s = &c->binds->sockets[i];
		if (s->worker != number)
			continue;
		if (h->n_args == START_FDS_MAX)
			return -E2BIG;
		hand(h, prefix_of(s->kind), s->fd);
	}
	return 0;
}

int worker_start(struct worker *w, unsigned number, const struct worker_common *c)
{
	struct handing h = { 0 };
	int r = hand_all(&h, w, number, c);
	struct start start = { "postern-proxy", ".", h.argv, h.fds, h.n_fds };
	pid_t pid;

	if (r < 0)
		return r;
	pid = start_role(&start);
	if (pid < 0)
		return (int)pid;
	w->pid = pid;
	close_end(&w->control[0]);
	close_end(&w->log[1]);
	close_end(&w->spares[0]);
	close_end(&w->spares[1]);
	return 0;
}
