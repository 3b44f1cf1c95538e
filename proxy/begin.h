/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Begin: from arguments to a loop that turns, and to its end
 *
 * What the programs that serve clients have in common: see proxy/roles.h and proxy/relay/roles.h
 * for how they are started.
 *
 * Callers: proxy/main.c, proxy/relay/main.c.
 */
#include "base/role.h"
#include "proxy/proxy.h"

struct worker_kind {
	enum role_id role;
	size_t fds; /* descriptors in front of the listeners; "-" may stand for those from FD_SPARE4
		       on */
	/* What is its own, before it is confined; @fds: -1: none. Return: 0 or errno. NULL:
	 * nothing. */
	int (*open)(struct proxy *p, const int *fds);
	void (*close)(struct proxy *p);
};

/* The whole of main(). Return: exit code. */
int worker_main(const struct worker_kind *kind, int argc, char **argv);
