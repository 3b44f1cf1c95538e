/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Probe: which internals of passing rules answer
 *
 * The kernel carries passed sessions, so nobody here notices when a server of theirs is dead. One
 * proxy, when posternd says so, connects to each internal of a rule that has several, every
 * PROBE_EVERY_S, and ends the connection by a reset. One that refuses, or does not answer until the
 * next turn, is dead until it answers. Changes are told to posternd, whose gate passes the dead
 * over.
 *
 * An internal that is its rule's only one of its family is not asked: there is nothing else to
 * choose.
 *
 * Owns:    a connection for each internal, at most.
 * Callers: proxy/orders.c.
 * Limits:  PROBES_MAX addresses and ports; those beyond are taken to live.
 */
#include <ev.h>

#include "rules/ruleset.h"

#define PROBE_EVERY_S 3.0
#define PROBES_MAX    1000 /* fit into one message */

struct proxy;

struct probe {
	struct proxy *proxy;
	struct ip_port to;
	ev_io io; /* active: the connection is under way */
	bool dead;
};

struct probes {
	ev_timer turn;
	struct probe *list; /* NULL: not begun */
	size_t n;
	bool asked; /* a turn has begun */
	bool news;  /* something is otherwise than was told, or nothing was told yet */
	void (*changed)(struct proxy *p, const struct ip_port *dead, size_t n);
};

/* @changed is called with all the dead after the first turn, and after each in which that changed.
 * Return: 0; <0 errno. */
int probes_begin(
	struct proxy *p, void (*changed)(struct proxy *p, const struct ip_port *dead, size_t n));
/* Also of what never began. */
void probes_end(struct proxy *p);
