/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Dial: a connection to one of the rule's internal servers
 *
 * They are tried in order from the one that is due (`balance`), each once. One that refused or did
 * not answer rests for DIAL_REST_MIN_MS: sessions try the others first, and it only when they fail
 * too. Then one session probes it; each time that fails the rest doubles, up to DIAL_REST_MAX_MS.
 * Each worker learns for itself. A PROXY header is written as soon as the connection stands.
 *
 * Callers: proxy/inspected.c, proxy/splice.c.
 */
#include "proxy/flow.h"

#define DIAL_REST_MIN_MS 10000
#define DIAL_REST_MAX_MS 60000

enum {
	DIAL_OK = 0,
	DIAL_E_NONE,        /* every internal was tried */
	DIAL_E_DESCRIPTORS, /* none left here: no fault of the servers */
};

/**
 * dial_start() - begin a new connection: the first internal that can be tried
 * @on_server: callback of the server's watcher
 * @events: what to watch while it connects. EV_READ alone is enough where the server speaks first:
 * a failure shows as readable too, and a change of the watcher is saved
 */
int dial_start(struct flow *f, void (*on_server)(struct ev_loop *, ev_io *, int), int events);

/* The connection under way failed with @error, or took too long (ETIMEDOUT): logs it, tries the
 * next internal. */
int dial_next(struct flow *f, int error, int events);

/* It stands, as its first octets showed: its internal is well. */
void dial_stands(struct flow *f);

/* Does the connection stand? 0; EINPROGRESS; else the errno it failed with. Does what dial_stands()
 * does and writes the PROXY header when it does. */
int dial_check(struct flow *f);
