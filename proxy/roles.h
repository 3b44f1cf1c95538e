/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and postern-proxy agree on
 *
 *     postern-proxy WORKER CONTROL LOG BUNDLE COUNTS LEDGER LISTENER...
 *
 * WORKER is the number of this proxy among those of its posternd, from 0. The other arguments are
 * numbers of descriptors the program inherits, the only ones beside the standard three. CONTROL is
 * one end of msg_pair(): ROLE_READY goes up when the proxy listens; when posternd's end closes, the
 * proxy ends at once. LOG is the sending end of a pair of its own with postern-log, BUNDLE the
 * sealed rule set, COUNTS of shared_make(), LEDGER of ledger_make(), LISTENER... listen already.
 *
 * SIGTERM ends it in order, SIGINT is ignored.
 */
enum {
	ROLE_READY = 1, /* message type; no body */
};

#define WORKERS_MAX   64
#define START_FDS_MAX 1000 /* descriptors a role is started with */

/* the order of a proxy's descriptors */
enum { FD_CONTROL, FD_LOG, FD_BUNDLE, FD_COUNTS, FD_LEDGER, FD_LISTENERS };

/* exit codes, those of sysexits.h that the manual names */
enum {
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_PERMISSION = 77,
	EXIT_CONFIG = 78,
};
