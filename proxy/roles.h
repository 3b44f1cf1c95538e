/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and the roles it starts agree on
 *
 *     postern-proxy  WORKER CONTROL LOG BUNDLE COUNTS SPARE4 SPARE6 LISTENER...
 *     postern-socket SANDBOX MARK CONTROL
 *
 * WORKER is the number of this proxy among those of its posternd, from 0. CONTROL is one end of
 * msg_pair(): messages below, in both directions; when posternd's end closes, the role ends at
 * once. The other arguments in capitals are numbers of descriptors the program inherits, the only
 * ones beside the standard three.
 *
 * LOG is the sending end of a pair of its own with postern-log, BUNDLE the sealed rule set, COUNTS
 * of shared_make(). SPARE4 and SPARE6 are the receiving ends of channels that postern-socket keeps
 * filled with sockets of that family (proxy/spare.h); "-": make them yourself. LISTENER... listen
 * already: a number alone listens on a published address; "r" before it: takes what REDIRECT
 * brings, "t": what TPROXY brings. MARK is hexadecimal, 0: none. SANDBOX is a role_place
 * (base/role.h), not looked at yet.
 *
 * SIGTERM ends a proxy in order, SIGINT is ignored.
 */
#include <stdint.h>

#include "base/msg.h"

#define WORKERS_MAX   64
#define START_FDS_MAX 1000 /* descriptors a role is started with */

/* the order of a proxy's descriptors */
enum { FD_CONTROL, FD_LOG, FD_BUNDLE, FD_COUNTS, FD_SPARE4, FD_SPARE6, FD_LISTENERS };

/* types of messages over CONTROL */
enum role_message {
	/* from a role */
	ROLE_READY = 1, /* struct role_ready: it is confined, and serves */
	ROLE_PONG,      /* struct role_pong */
	ROLE_SESSIONS,  /* proxy: a sealed memfd, one JSON object a line, a session each */
	ROLE_KILLED,    /* proxy: uint32_t, how many sessions ROLE_KILL ended: 0 or 1 */
	/* to a role */
	ROLE_PING,         /* answer ROLE_PONG: shows that the loop turns */
	ROLE_STOP,         /* proxy: as SIGTERM */
	ROLE_DRAIN,        /* proxy: uint32_t milliseconds. Accept nothing more, go on with the
			      sessions there are; when the time is over as ROLE_STOP; end with the
			      last session */
	ROLE_MEMBERS,      /* proxy: a sealed memfd with the members of all dynamic sets:
			      rules/members.h */
	ROLE_ADDRESSES,    /* proxy: struct ip[]: the host's own addresses */
	ROLE_ASK_SESSIONS, /* proxy: answer ROLE_SESSIONS */
	ROLE_KILL,         /* proxy: the id of a session. Answer ROLE_KILLED */
	ROLE_ADD, /* log: the receiving end of one more sender; socket: uint32_t 4 or 6, the
		     sending end of one more channel */
};

struct role_ready {
	uint32_t layers; /* role_enter()'s */
};

struct role_pong {
	uint64_t sessions; /* now; the next three since its start */
	uint64_t opened, refused, messages;
	uint64_t log_dropped;
	uint64_t lent_octets; /* of the pool, now */
};

/* exit codes, those of sysexits.h that the manual names */
enum {
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_PERMISSION = 77,
	EXIT_CONFIG = 78,
};
