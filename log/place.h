/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Place: where the log is, and the control socket
 *
 * The one answer for posternd, which has them made, and for the tool, which uses them. A relative
 * path starts at the folder of postern.conf.
 *
 * Purity:  no allocation, no system call.
 */
#include "base/out.h"
#include "rules/ruleset.h"

#define LOG_PLACE_MAX 4096 /* PATH_MAX */

/* The state folder: `state` of postern.conf; else /var/lib/postern for /etc/postern, DIR/state for
 * any other DIR. */
void log_place_state(struct out *o, const struct hostconf *host, const char *dir);

/* Does a statement say where the JSON log is? */
bool log_place_said(const struct hostconf *host);
/* The JSON log: path of the first `log json` statement, else log/log.json in the state folder. */
void log_place_file(struct out *o, const struct hostconf *host, const char *dir);

/* The control socket: path of `control`; else /run/postern/control for /etc/postern, DIR/control
 * for any other DIR. Whether a socket can have so long a name is the caller's matter. */
void log_place_control(struct out *o, const struct hostconf *host, const char *dir);
