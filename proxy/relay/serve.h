/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Serve: from arguments to a loop that turns, for the servants of relays
 *
 * postern-key, -auth, -pam and -resolve: each is asked by others over pairs of its own with each of
 * them. What one says is hostile: it is bounded here, and read by the servant.
 *
 * Owns:    the loop, its clients' descriptors.
 * Callers: the mains of the servants.
 */
#include <ev.h>

#include "base/msg.h"
#include "base/role.h"

#define SERVE_FDS_MAX 8

struct servant;

struct servant_client { /* one who asks */
	struct servant *servant;
	struct servant_client *next;
	ev_io io;
};

struct servant_kind {
	enum role_id role;
	size_t fds; /* descriptors behind CONTROL; "-" may stand for each */
	/* What is its own, before it is confined; @fds: -1: none; they stay open. Return: 0 or an
	 * exit code, and lines for the administrator in @why. */
	int (*open)(struct servant *s, const int *fds, struct out *why);
	void (*close)(struct servant *s); /* only what a leak checker would miss */
	/* One message of a client. False: nonsense; the client is dropped. */
	bool (*asked)(struct servant *s, struct servant_client *c, const struct msg *m);
	/* This client is gone: nothing may be answered to it any more. NULL: nothing to do. */
	void (*gone)(struct servant *s, struct servant_client *c);
	/* One of posternd's messages that are not everybody's. NULL, or false: nonsense. */
	bool (*told)(struct servant *s, const struct msg *m);
};

struct servant {
	const struct servant_kind *kind;
	struct ev_loop *loop;
	struct servant_client *clients;
	int control;
	ev_io io;
	ev_signal sigterm;
};

/* The whole of main(). Return: exit code. */
int servant_main(const struct servant_kind *kind, int argc, char **argv);

/* False: it was not taken. A client that reads nothing misses its answer: it gave up long ago; but
 * where many are answered at once, there may be room in a moment. */
bool servant_answer(struct servant_client *c, uint16_t type, struct span body);
