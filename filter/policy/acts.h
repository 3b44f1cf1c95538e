/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What an inspected session does at each element, seen by its own files only
 *
 *   inspect.c       the public functions: beginnings, steps, losses
 *   acts.c          notes and ends, which all share
 *   acts_client.c   commands, defects and message text
 *   acts_server.c   replies
 *
 * Callers: those four.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/inspect.h"

/* Where an act prints. */
struct acts_out {
	struct out *to_client, *to_server;
};

/* A verdict as the reply it gives, with a fresh incident number. */
struct smtp_local acts_local(struct inspect *i, const struct verdict *v);

void acts_note(struct inspect *i, const struct inspect_note *note);

/* The outcome of the message under way, if there is one. */
void acts_message(
	struct inspect *i, enum code code, uint16_t reply, struct span text, uint32_t incident);

/* Ends the session with the verdict's reply, noted as @type. */
void acts_end(struct inspect *i, enum inspect_note_type type, const struct verdict *v,
	struct out *to_client);

/* Are the client's next octets message text that goes inward? */
bool acts_in_text(const struct inspect *i);

/* The same, or text that is dropped. */
bool acts_reads_text(const struct inspect *i);

/* Is the server in mid-message, so that it must be reset, not closed? Between two chunks it is,
 * too. */
bool acts_in_message(const struct inspect *i);

/* What becomes of a message when its session ends now: nobody knows what a server does with one it
 * was given whole. */
enum code acts_fate(const struct inspect *i);

/* END is wanted; @in_text: the server is to be reset. */
void acts_finish(struct inspect *i, bool in_text);

/* Message text that was read counts against `limit octets`, whatever becomes of the message. */
void acts_count_text(struct inspect *i);

/* A refused command, or a failed AUTH: too many end the session. */
void acts_count_error(struct inspect *i, struct acts_out out);

/* A transaction under way is over, without a word to the client: told to the log; and also not
 * counted any more. */
void acts_note_forgotten(struct inspect *i);
void acts_forget(struct inspect *i);

/* Return: false when the command must wait for a new server connection, and is asked for again. */
bool acts_command(struct inspect *i, const struct smtp_event *ev, struct acts_out out);
void acts_defect(struct inspect *i, const struct smtp_event *ev, struct acts_out out);
void acts_body_end(struct inspect *i, const struct smtp_event *ev, struct acts_out out,
	struct inspect_step *step);
void acts_reply(struct inspect *i, const struct smtp_event *ev, struct acts_out out);
