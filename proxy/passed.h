/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Passed: a session whose octets are not looked at
 *
 * splice(2) through a pipe: octets never enter this process. A pipe is lent only while octets wait
 * in it; a half-close is handed on; when one side resets, so does the other. Nothing is ever said
 * to the client here, since it may speak any protocol.
 *
 * Callers: proxy/listen.c, proxy/main.c.
 */
#include "proxy/flow.h"

#define PASSED_PIPE (256 * 1024) /* octets one pipe may hold; the kernel may give less */

/* @client is owned from here on, also on failure, and @counted, its place in the ledger. */
void passed_open(struct proxy *p, int client, const struct log_session *session, uint32_t counted);
/* Ends it now; @code says why. */
void passed_cut(struct flow *f, enum code code);
/* SIGTERM: ends it if @force. */
void passed_stop(struct flow *f, bool force);

void pipes_deinit(struct pipes *pipes);
