/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bind: the sockets that the rules' published addresses need
 *
 * Each worker has a socket of its own for every address (SO_REUSEPORT); the kernel spreads
 * connections over them. In `mode external` a firewall diverts connections: instead of the
 * published addresses there is the one port of `intercept`, at all addresses of both families.
 *
 * Callers: proxy/posternd.c.
 */
#include "proxy/intercept.h"
#include "rules/ruleset.h"

struct bind_socket {
	struct ip_port addr;
	enum listen_kind kind;
	unsigned worker;
	int fd; /* listens, close-on-exec */
};

struct binds {
	struct bind_socket *sockets; /* of an address one for each worker, in order */
	size_t n;
};

/* One socket for each address and worker, however many rules publish it. Return: 0, or the exit
 * code of posternd; standard error says why. */
int bind_all(struct binds *b, const struct ruleset *rs, unsigned workers);
void bind_free(struct binds *b);
