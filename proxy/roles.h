/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and the roles it starts agree on
 *
 *     postern-proxy  SANDBOX SEAT CONTROL LOG BUNDLE COUNTS LEDGER SPARE4 SPARE6 LISTENER...
 *     postern-socket SANDBOX MARK CONTROL
 *     postern-log    SANDBOX CONTROL PATH MAX                    (see log/role.h)
 *     postern-gate, postern-verdict                              (see filter/gate/roles.h)
 *     postern-relay                                              (see proxy/relay/roles.h)
 *
 * SANDBOX is a role_place (base/role.h). CONTROL is one end of msg_pair(): messages, in both
 * directions; when posternd's end closes, the role ends at once. The other arguments in capitals
 * are numbers of descriptors the program inherits, the only ones beside the standard three.
 *
 * SEAT is a number below SEATS_MAX that no other living proxy of this posternd has. LOG is the
 * sending end of a pair of its own with postern-log, BUNDLE the sealed rule set, COUNTS of
 * shared_make(), LEDGER of ledger_make(). SPARE4 and SPARE6 are the receiving ends of channels
 * that postern-socket keeps filled with sockets of that family; "-": make them yourself.
 * LISTENER... listen already: a number alone listens on a published address; "r" before it: takes
 * what REDIRECT brings, "t": what TPROXY brings. ":RULE" behind it: the gate has judged what comes
 * there, and it is for the rule of this number, or, 0, to be refused. MARK is hexadecimal, 0: none.
 *
 * SIGTERM ends a proxy in order, as ROLE_STOP does. SIGINT and SIGHUP are ignored by all.
 */
#include <stdint.h>

#include "base/talk.h"

#define WORKERS_MAX   64
#define SEATS_MAX     1024 /* as IDENT_WORKERS: the seat stands in the ids of sessions */
#define START_FDS_MAX 1000 /* descriptors a role is started with */

/* the order of a proxy's descriptors */
enum { FD_CONTROL, FD_LOG, FD_BUNDLE, FD_COUNTS, FD_LEDGER, FD_SPARE4, FD_SPARE6, FD_LISTENERS };

enum role_message { /* beyond those of base/talk.h */
	/* from a proxy */
	ROLE_DEAD = TALK_PROXY, /* struct ip_port[]: the internals that do not answer now, all of
				   them */
	/* to a proxy */
	ROLE_SERVE,     /* accept connections: what a decision needs was told before */
	ROLE_DRAIN,     /* uint32_t milliseconds. Accept nothing more, go on with the sessions
			   there are; when the time is over as ROLE_STOP; end with the last
			   session */
	ROLE_ADDRESSES, /* struct ip[]: the host's own addresses */
	ROLE_PROBE,     /* ask the internals of passing rules: ROLE_DEAD, now and whenever it
			   changes */
};

/* exit codes, those of sysexits.h that the manual names */
enum {
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_PERMISSION = 77,
	EXIT_CONFIG = 78,
};
