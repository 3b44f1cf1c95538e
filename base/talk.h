/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Talk: what posternd and every role say to each other over their control pair
 *
 * Messages of base/msg.h. What a proxy says beyond this is in proxy/roles.h; its types begin at
 * TALK_PROXY.
 *
 * Callers: proxy/house/child.c on one side, the main of each role on the other.
 */
#include "base/msg.h"

enum talk {
	/* from a role */
	ROLE_READY = 1, /* struct role_ready: it is confined, and serves */
	ROLE_PONG,      /* struct role_pong */
	/* to a role */
	ROLE_PING, /* answer ROLE_PONG: shows that the loop turns */
	ROLE_ADD, /* log: the receiving end of one more sender; socket: uint32_t 4 or 6, the sending
		     end of one more channel */
	TALK_PROXY = 16,
};

struct role_ready {
	uint32_t layers; /* role_enter()'s */
};

struct role_pong {         /* all 0 but for a proxy */
	uint64_t sessions; /* now; the next three since its start */
	uint64_t opened, refused, messages;
	uint64_t log_dropped;
	uint64_t lent_octets; /* of the pool, now */
};
