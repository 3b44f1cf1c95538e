/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bind: the sockets that the rules' published addresses need
 *
 * Each worker has a socket of its own for every address (SO_REUSEPORT); the kernel spreads
 * connections over them.
 *
 * Callers: proxy/posternd.c.
 */
#include "rules/ruleset.h"

struct bind_socket {
	struct ip_port addr;
	unsigned worker;
	int fd; /* listens, close-on-exec */
};

struct binds {
	struct bind_socket *sockets;
	size_t n;
};

/* One socket for each address and worker, however many rules publish it. Return: 0, or the exit
 * code of posternd; standard error says why. */
int bind_all(struct binds *b, const struct ruleset *rs, unsigned workers);
void bind_free(struct binds *b);
