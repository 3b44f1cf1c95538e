/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Dynamic: the members of dynamic sets
 *
 * Added and taken away over the control socket, each with an end. Sorted by set, then prefix;
 * whenever one comes or goes all proxies of all generations get the whole list. posternd alone
 * knows the ends: what is over goes within a second.
 *
 * Callers: proxy/house.
 */
#include "proxy/house/child.h"
#include "rules/members.h"

struct dynamic_member {
	const char *set; /* owned; sets are few, each member has a copy */
	struct ip_prefix prefix;
	uint64_t end_ms; /* steady; 0: none */
};

struct dynamic {
	struct dynamic_member *list;
	size_t n;
	bool changed; /* not yet told */
	bool unkept;  /* not yet on disk */
};

enum {
	DYNAMIC_E_FULL = 1, /* MEMBERS_MAX */
	DYNAMIC_E_NONE,     /* no such member */
};

/* Is @name a set of @rs that can get members? */
bool dynamic_has(const struct ruleset *rs, const char *name);

/* A member that is there gets the new end. Return: 0; DYNAMIC_E_FULL; <0 errno. */
int dynamic_add(
	struct dynamic *d, const char *set, const struct ip_prefix *prefix, uint64_t end_ms);
int dynamic_del(struct dynamic *d, const char *set, const struct ip_prefix *prefix);
/* Return: how many went. */
size_t dynamic_flush(struct dynamic *d, const char *set);
/* What is over goes; so does what is in no dynamic set of @rs. */
void dynamic_look(struct dynamic *d, const struct ruleset *rs, uint64_t now_ms);

/* A sealed memfd of all members; <0 errno. */
int dynamic_memfd(const struct dynamic *d);
/* To one that has just become ready: nothing when there are none. One that cannot be told is
 * killed. */
void dynamic_tell(const struct dynamic *d, struct child *c);
void dynamic_deinit(struct dynamic *d);
