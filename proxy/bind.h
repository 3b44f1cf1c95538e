/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bind: the sockets that the rules' published addresses need
 *
 * Callers: proxy/posternd.c.
 */
#include "rules/ruleset.h"

struct bind_socket {
	struct rule_endpoint external;
	int fd; /* listens, close-on-exec */
};

struct binds {
	struct bind_socket *sockets;
	size_t n;
};

/* One socket for each address, however many rules publish it. Return: 0, or the exit code of
 * posternd; standard error says why. */
int bind_all(struct binds *b, const struct ruleset *rs);
void bind_free(struct binds *b);
