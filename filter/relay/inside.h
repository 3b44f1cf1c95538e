/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inner's rooms, seen by each other only: see inner.h
 *
 * Callers: filter/relay/inner*.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/relay/inner.h"

/* Where a step prints, and what it covers. */
struct inner_out {
	struct out *to_engine, *to_hop;
	struct inner_step *step;
};

#define INNER_REPLY(code_, text_) ((struct smtp_local){ .code = (code_), .text = (text_) })

/* Our own reply, in its turn. */
void inner_say(struct inner *i, struct smtp_local local, struct out *to_engine);

/* The line of this step is done with, answered by @local. */
void inner_answer(struct inner *i, size_t size, struct smtp_local local, struct inner_out out);
/* ... its answer comes later. */
void inner_consume(struct inner *i, size_t size, struct inner_out out);
/* A line without end, which the engine prints never: the session ends. */
void inner_endless(struct inner *i, size_t size, struct inner_out out);

/* The transaction is over. A hop that knows of one is released, or, where it is ours alone, told.
 */
void inner_end_transaction(struct inner *i, struct out *to_hop);

/* Nothing comes of the transaction: @local is the answer to what follows in it. */
void inner_die(struct inner *i, struct smtp_local local);

/* The hop did what it must not, or is gone. What is owed is answered by 451, text is swallowed. */
void inner_lose_hop(struct inner *i, struct smtp_local local, struct out *to_engine);

/* The same, and it is told. @said: the hop's words, or empty. */
void inner_give_up(struct inner *i, enum code why, struct span said, struct inner_out out);

/* Asks for a hop. */
void inner_choose(struct inner *i, const struct route *route, struct span key, bool exclusive);

/* ---- commands; each returns false where it must wait: nothing of the line is consumed then ----
 */

bool inner_mail(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out);
bool inner_rcpt(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out);
bool inner_data(struct inner *i, size_t size, struct inner_out out);
bool inner_bdat(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out);
bool inner_auth(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out);

/* How commands are read here: whatever the engine may let through. */
struct command_rules inner_rules(const struct inner *i);
/* Extensions that EHLO offers. */
uint32_t inner_extensions(const struct inner *i);

/* ---- states ---- */

/* A line that answers a 334. */
bool inner_response(struct inner *i, struct span window, struct inner_out out);
/* TEXT, CHUNK and their SWALLOW forms. */
bool inner_text(struct inner *i, struct span window, struct inner_out out);
/* The hop wants text: its trace goes first. */
void inner_text_begins(struct inner *i, struct out *to_hop);
/* From here on what comes of the message is read and dropped; @local is its answer. */
void inner_swallow(struct inner *i, struct smtp_local local);
/* The hop answered AUTH, or a response. */
void inner_hop_login(struct inner *i, unsigned code, struct inner_step *step);
/* The hop of an exchange under way is gone. */
void inner_login_lost(struct inner *i);

/* One reply of the hop. */
bool inner_hop_step(struct inner *i, struct span window, struct inner_out out);
