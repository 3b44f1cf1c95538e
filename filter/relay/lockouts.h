/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lockouts: who failed to log in too often
 *
 * `lockout N failures in TIME for TIME` counts twice: by client (an IPv4 address or an IPv6
 * prefix), whatever names it tried, and by account, whoever tried it. An account that strangers
 * lock is still open to the clients that its user logged in from lately: nobody can shut him out
 * from elsewhere.
 *
 * The counts are a tally (base/tally.h), in memory that outlives the process. What another process
 * may have written there makes a wrong count at worst; no lock is longer than the rule says.
 *
 * Callers: proxy/relay/auth.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/tally.h"
#include "rules/ruleset.h"

struct lockout_try {
	const struct auth *auth;
	struct ip client; /* masked by the caller: ip_mask() */
	struct span user; /* empty: not known yet, the client alone is asked for */
	uint64_t now_ms;  /* steady */
};

enum lockout_who { LOCKOUT_NOBODY, LOCKOUT_CLIENT, LOCKOUT_ACCOUNT };

/* Who is locked out, if anybody. */
enum lockout_who lockouts_ask(struct tally *t, const struct lockout_try *try);

struct lockout_begun {
	enum lockout_who who; /* was locked out by this failure */
	uint32_t accounts;    /* that the client tried in that time, if it was the client */
};

struct lockout_begun lockouts_failed(struct tally *t, const struct lockout_try *try);
/* What failed before stays counted, or one account of his own would let a client try for ever. */
void lockouts_succeeded(struct tally *t, const struct lockout_try *try);
