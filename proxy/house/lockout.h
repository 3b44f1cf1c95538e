/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lockout: what becomes of a ban, in the list, the counts, the kernel and the log
 *
 * Callers: proxy/house.
 */
#include "proxy/house/bans.h"

#define LOCKOUT_TELL_MS 60000

struct house;

struct lockout {
	uint64_t next_ms; /* what there was too much of is told then */
	uint64_t beyond;  /* bans that live in the counts alone, not yet told */
};

/* ROLE_BAN of a role that has begun so many. False: nonsense. */
bool lockout_told(struct house *h, struct bans_pace *pace, const struct msg *m);

/* Whoever it is that is banned as @client, by whatever rule. False: nobody was. */
bool lockout_lift(struct house *h, const struct ip_prefix *client);
void lockout_flush(struct house *h);

/* What was read from disk refuses from now on. */
void lockout_restore(struct house *h);
/* A generation is in force. */
void lockout_rules(struct house *h);
void lockout_look(struct house *h, uint64_t now_ms);
