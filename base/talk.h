/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Talk: what posternd and every role say to each other over their control pair
 *
 * Messages of base/msg.h. What a proxy says beyond this is in proxy/roles.h, the gate in
 * filter/gate/roles.h; their types begin at TALK_PROXY and TALK_GATE.
 *
 * Callers: proxy/house/child.c on one side, the main of each role on the other.
 */
#include "base/ip.h"
#include "base/msg.h"

enum talk {
	/* from a role */
	ROLE_READY = 1, /* struct role_ready: it is confined, and serves */
	ROLE_PONG,      /* struct role_pong */
	/* to a role */
	ROLE_PING, /* answer ROLE_PONG: shows that the loop turns */
	ROLE_ADD, /* log: the receiving end of one more sender; socket: uint32_t 4 or 6, the sending
		     end of one more channel */
	/* from a proxy or the gate */
	ROLE_SESSIONS, /* a sealed memfd, one JSON object a line, a session each; no descriptor:
			  there are none */
	ROLE_KILLED,   /* uint32_t: how many sessions ROLE_KILL ended, 0 or 1 */
	ROLE_FENCED,   /* what was told before ROLE_FENCE is done */
	ROLE_BAN,      /* struct role_ban: one has just begun */
	/* to a proxy or the gate */
	ROLE_STOP,    /* as SIGTERM */
	ROLE_MEMBERS, /* a sealed memfd with the members of all dynamic sets: rules/members.h */
	ROLE_ASK_SESSIONS, /* answer ROLE_SESSIONS */
	ROLE_KILL,         /* the id of a session. Answer ROLE_KILLED */
	ROLE_FENCE,        /* answer ROLE_FENCED */
	/* from a servant of relays, instead of ROLE_READY */
	ROLE_REFUSED, /* lines for the administrator, why it cannot serve; then it ends */
	TALK_PROXY = 16,
	TALK_GATE = 64,
};

struct role_ready {
	uint32_t layers; /* role_enter()'s */
};

/* It stands in the shared counts already. posternd asks the rules what of it may be. */
#define ROLE_RULE_MAX 72 /* octets of a rule's name, a NUL behind it at least */
struct role_ban {
	char rule[ROLE_RULE_MAX];
	struct ip client;
	uint32_t what;    /* there was too much of, enum tally_what */
	uint32_t seconds; /* from now */
};

struct role_pong {         /* all 0 but for a proxy and the gate, which has no pool */
	uint64_t sessions; /* now; the next three since its start */
	uint64_t opened, refused, messages;
	uint64_t log_dropped;
	uint64_t lent_octets; /* of the pool, now */
};
