/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Targets: the addresses that one taking of a hop tries, in order
 *
 * Next hops that are given by address stand here as they are. One that is named, or the exchangers
 * of a domain, is one target at first, to be looked up by postern-resolve when its turn comes; its
 * addresses then come into its place.
 *
 * Limits: of what finds no room the last go.
 *
 * Owns:    nothing outside itself; some 20 KiB.
 * Callers: proxy/relay/hop*.c.
 * Threads: one. No statics, no allocation, no clock.
 */
#include "proxy/relay/asks.h"
#include "proxy/relay/rests.h"
#include "rules/ruleset.h"

#define TARGETS_MAX  64
#define TARGETS_NAME 256 /* octets of a name with its NUL */
#define MX_PORT      25  /* of exchangers, RFC 5321 4.5.4.2 */

struct target {
	struct ip_port addr; /* of one that is to be looked up only the port */
	bool unknown;        /* it is to be looked up */
	bool tried;
	/* To be looked up, or, then, what its certificate must be for; empty: its address. */
	char name[TARGETS_NAME];
};

struct targets {
	enum resolve_what what; /* how unknown ones are looked up */
	size_t n;
	struct target target[TARGETS_MAX];
};

/* @domain: that mail is for, of a route by MX. */
void targets_init(struct targets *t, const struct route *route, struct span domain);

/* The first that was not tried and does not rest; else the first that was not tried; NULL: none is
 * left. */
struct target *targets_next(struct targets *t, const struct rests *rests, uint64_t now_ms);

/* Can another be tried? */
bool targets_others(const struct targets *t, const struct target *one);

/**
 * targets_take() - what postern-resolve says of an unknown one
 * @body: struct resolve_said, not checked yet
 *
 * The unknown one is gone. Return: RESOLVE_OK: its addresses stand there; else why none do.
 */
enum resolve_result targets_take(struct targets *t, struct target *unknown, struct span body);
