/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Mail: sender and recipients of a session's transactions, until their outcome is known
 *
 * Several transactions may be under way, since commands may be pipelined behind an end of message.
 * What does not fit is counted, never lost in silence.
 *
 * Owns:    its buffer, embedded: 8 KiB, wanted only while a transaction is open. Keep it in a pool.
 * Callers: log/facts.c; the proxy only for init and empty.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/inspect.h"

#define LOG_MAIL_SIZE     8192
#define LOG_MAIL_PATH_MAX 256 /* octets kept of an address: SMTP_PATH_MAX */
#define LOG_MAIL_TEXT_MAX 80  /* ... of a reply that refused a recipient */

/* One sender or recipient, followed in the buffer by its octets: the address without brackets, then
 * the reply's text. */
struct log_mail_entry {
	uint16_t path_n, text_n;
	uint16_t reply; /* 0: none yet */
	uint8_t transaction;
	bool sender;
	bool here; /* the reply is Postern's own */
};

struct log_mail {
	size_t n;          /* octets used */
	uint32_t left_out; /* recipients that found no room since the last record */
	uint8_t buffer[LOG_MAIL_SIZE];
};

void log_mail_init(struct log_mail *m);

static inline bool log_mail_empty(const struct log_mail *m)
{
	return m->n == 0 && m->left_out == 0;
}

/* MAIL or RCPT; a recipient refused here brings its reply along. False: no room. */
bool log_mail_add(struct log_mail *m, const struct inspect_note *note);

/* The reply to the oldest recipient of the transaction that has none. */
void log_mail_reply(struct log_mail *m, const struct inspect_note *note);

/* Walks the entries: @atp begins at 0. False at the end. */
bool log_mail_next(const struct log_mail *m, size_t *atp, struct log_mail_entry *entry,
	struct span *path, struct span *text);

/* Drops a transaction; @answered_only: only the recipients of it that have their reply. */
void log_mail_drop(struct log_mail *m, uint8_t transaction, bool answered_only);
