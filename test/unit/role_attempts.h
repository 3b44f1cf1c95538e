/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What is tried within a role's place, and what has to come of it
 *
 * Each attempt runs in a child that has entered its place. It uses what that child has open.
 *
 * Callers: test/unit/role_test.c.
 */
#include <netinet/in.h>
#include <stddef.h>

enum column { /* _R: started by root */
	LOG_R,
	LOG,
	SOCKET_R,
	SOCKET,
	PROXY_R,
	PROXY,
	GATE_R,
	GATE,
	VERDICT_R,
	VERDICT,
	COLUMNS
};

/* What a role has open; the first two are its own. */
struct belongings {
	int sock, loop;
	int listener, root_dir, log_dir, ends[2];
	struct sockaddr_in listening;
};

extern struct belongings has;

struct attempt {
	const char *name;
	int (*act)(void);  /* 0, or errno */
	int want[COLUMNS]; /* 0: works; else errno, or less than 0 for a signal */
};

/* All that every kernel knows. */
const struct attempt *role_attempts(size_t *np);
/* IPv6, and what an older Landlock does not know, may be missing. */
extern const struct attempt attempt_inet6, attempt_port;
