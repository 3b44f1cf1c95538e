/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bind: the sockets that the rules' published addresses need
 *
 * Each worker has a socket of its own for every address (SO_REUSEPORT); the kernel spreads
 * connections over them. In `mode external` a firewall diverts connections: instead of the
 * published addresses there is the one port of `intercept`, at all addresses of both families. In
 * `mode managed` that port is for those who are refused, and each lane to a proxy has its own.
 * Relay rules listen on this host's own addresses, whatever the mode.
 *
 * Callers: proxy/house/generation.c.
 */
#include "proxy/intercept.h"
#include "rules/kernel/lanes.h"

#define BIND_BACKLOG 4096 /* the kernel's somaxconn bounds it */

struct bind_socket {
	struct ip_port addr;
	enum listen_kind kind;
	int rule;        /* LISTEN_JUDGE; 0: what comes is to be refused; else whose it is */
	bool relay;      /* of a relay rule: a postern-relay's, else a postern-proxy's */
	unsigned worker; /* which of them */
	int fd;          /* listens, close-on-exec */
};

struct binds {
	struct bind_socket *sockets; /* those of an address stand together */
	size_t n;
};

/**
 * bind_all() - listening sockets for all addresses of a rule set
 * @lanes: of `mode managed`; else NULL
 * @old: those of the generation that runs: what it has at an address is copied, not made again;
 * NULL
 * @why: lines for the administrator when it fails
 *
 * @workers: proxies, and as many relays. At least one socket for each address and worker, however
 * many rules publish it. Return: 0, or the exit code of posternd.
 */
int bind_all(struct binds *b, const struct ruleset *rs, const struct lanes *lanes, unsigned workers,
	const struct binds *old, struct out *why);
void bind_free(struct binds *b);
