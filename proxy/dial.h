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
 * With `client-address keep` the connection comes from the client's own address, so only internals
 * of its family are tried. With `internal original` the one server is what the client asked for,
 * unless that is this host (proxy/own.h).
 *
 * Callers: proxy/inspected.c, proxy/passed.c.
 */
#include "proxy/flow.h"

#define DIAL_REST_MIN_MS 10000
#define DIAL_REST_MAX_MS 60000

enum {
	DIAL_OK = 0,
	DIAL_E_NONE,        /* every internal was tried */
	DIAL_E_DESCRIPTORS, /* none left here: no fault of the servers */
	DIAL_E_NO_SOCKET,   /* postern-socket gives none: nor is this */
	DIAL_E_FAMILY,      /* keep: no internal of the client's family */
	DIAL_E_OWN,         /* original: it would come back here */
};

/**
 * dial_start() - begin a new connection: the first internal that can be tried
 * @on_server: callback of the server's watcher
 * @events: what to watch while it connects. EV_READ alone is enough where the server speaks first:
 * a failure shows as readable too, and a change of the watcher is saved
 */
int dial_start(struct flow *f, void (*on_server)(struct ev_loop *, ev_io *, int), int events);

/* What the session ends with; @result is not DIAL_OK. */
enum code dial_code(int result);

/* The connection under way failed with @error, or took too long (ETIMEDOUT): logs it, tries the
 * next internal. */
int dial_next(struct flow *f, int error, int events);

/* It stands, as its first octets showed: its internal is well. */
void dial_stands(struct flow *f);

/* Does the connection stand? 0; EINPROGRESS; else the errno it failed with. Does what dial_stands()
 * does and writes the PROXY header when it does. */
int dial_check(struct flow *f);
