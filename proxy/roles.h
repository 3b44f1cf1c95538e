/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What posternd and postern-proxy agree on
 *
 *     postern-proxy CONTROL LOG BUNDLE LISTENER...
 *
 * Arguments are numbers of descriptors the program inherits, the only ones beside the standard
 * three. CONTROL is one end of msg_pair(): ROLE_READY goes up when the proxy listens; when
 * posternd's end closes, the proxy ends at once. LOG is the sending end of the log's pair, BUNDLE
 * the sealed rule set, LISTENER... listen already.
 *
 * SIGTERM ends it in order, SIGINT is ignored.
 */
enum {
	ROLE_READY = 1, /* message type; no body */
};

/* exit codes, those of sysexits.h that the manual names */
enum {
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_PERMISSION = 77,
	EXIT_CONFIG = 78,
};
