/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Listed: an open session, as one line of JSON for the administrator
 *
 * What `postern session list` reads, whoever carries the session.
 *
 * Callers: proxy/sessions.c, filter/gate/list.c.
 * Purity:  no allocation, no clock, no syscall.
 */
#include "log/facts.h"

#define LOG_LISTED_MAX 2048 /* octets of a line */
#define LOG_LISTED_ALL_MAX                                                                         \
	(64u << 20) /* octets of all lines of a process; what is beyond is left out */

struct log_listed {
	const struct log_session *session; /* with a rule */
	bool inspected;
	const char *phase;
	uint64_t age_ms, c2s, s2c;
};

void log_listed_put(struct out *o, const struct log_listed *l);
