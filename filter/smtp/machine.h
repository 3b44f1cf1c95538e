/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * The session's rooms, seen by each other only
 *
 *   session.c           the public functions: which room an element belongs to
 *   machine.c           states, and the door between them
 *   session_command.c   command lines and authentication responses of the client
 *   session_text.c      message text: after DATA, and in chunks
 *   session_reply.c     replies of the server, and what they move
 *
 * Callers: those five.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/smtp/queue.h"
#include "filter/smtp/session.h"

/* The one door between states. */
void session_enter(struct smtp_session *s, enum smtp_state to);

/* Behind a command: wait for its answer where it is a synchronisation point (@sync) or nothing may
 * be pipelined (RFC 2920 3.1). */
void session_after_command(struct smtp_session *s, bool sync);

/* What belonged to the transaction is over; replies still due to it move nothing any more. */
void session_end_transaction(struct smtp_session *s);

void session_fault(struct smtp_session *s, enum smtp_fault fault, struct smtp_event *ev);

struct ehlo_rules session_ehlo_rules(const struct smtp_session *s);

/* In COMMAND and SASL. */
void command_next(struct smtp_session *s, struct span win, struct smtp_event *ev);
void command_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_server);
void command_refuse(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client, struct out *to_server);
void command_answer(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client);

/* In TEXT, CHUNK and their DROP forms. */
void text_begin(struct smtp_session *s);
void chunk_begin(struct smtp_session *s, const struct smtp_command *bdat);
void chunk_swallow(
	struct smtp_session *s, const struct smtp_command *bdat, struct smtp_local local);
void text_next(struct smtp_session *s, struct span win, struct smtp_event *ev);
void text_accept_end(struct smtp_session *s, struct out *to_client);
void text_refuse(struct smtp_session *s, struct smtp_local local, struct out *to_client);

/* From the server. */
void replies_next(struct smtp_session *s, struct span win, struct smtp_event *ev);
void replies_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_client);
