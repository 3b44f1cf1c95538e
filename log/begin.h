/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Begin: what every record of log/ has in front
 *
 * Callers: log/facts.c, log/note.c; cli/log.c for words.
 */
#include "log/facts.h"

#define LOG_LINE_MAX 256 /* octets shown of an offending line or a reply */

/* "debug", "info", "warning", "error" */
const char *log_severity_text(enum code_severity severity);

/* Does the rule want facts of this kind (an enum rule_log bit), or is the code grave enough to be
 * written anyway? */
bool log_wanted(const struct log_session *session, enum code code, unsigned bit);

/* time to event, then what is known of the session (NULL: none). NULL: the record is dropped. */
struct record *log_begin(
	struct log_sender *s, int64_t wall_ns, enum code code, const struct log_session *session);

void log_put_at(struct record *r, const char *key,
	const struct rules_at *at);                         /* "FILE:LINE"; line 0: left out */
void log_put_incident(struct record *r, uint32_t incident); /* 0: left out */
void log_put_code(struct record *r, const char *key, enum code code);
void log_put_peer(
	struct record *r, const char *key, const char *port_key, const struct ip_port *peer);
