/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Replies due to the client, in the order of its commands
 *
 * Ties each reply of the server to its command (RFC 2920 3.2: replies come in order), and makes a
 * reply of our own wait until those before it were given.
 *
 * Owns:    nothing outside itself.
 * Callers: filter/smtp/session*.c; smtp_local_print() also the adapters
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/verb.h"

#define SMTP_LOCAL_REPLY_MAX 512 /* RFC 5321 4.5.3.1.5 */
#define SMTP_QUEUE_MAX       20

/* A reply of our own: "CODE TEXT [INCIDENT]". */
struct smtp_local {
	const char *text;  /* enhanced code and words, printable ASCII; outlives the session */
	uint32_t incident; /* 0: none shown */
	uint16_t code;
};

/* A reply due to the client: the server's (local code 0) or our own, which waits its turn. */
struct smtp_entry {
	const char *text;
	uint32_t incident;
	uint16_t code;
	uint8_t verb; /* enum smtp_verb; DOT for the end of a message, by DATA or BDAT LAST */
	uint8_t transaction; /* number of the transaction it belongs to */
};

struct smtp_queue {
	uint8_t at, n; /* the first entry is always the server's: own replies before it are given at
			  once */
	uint8_t remote_n; /* entries that await the server */
	struct smtp_entry entry[SMTP_QUEUE_MAX];
};

/* "CODE TEXT [INCIDENT]" CRLF; at most SMTP_LOCAL_REPLY_MAX octets. */
void smtp_local_print(struct out *o, const struct smtp_local *local);

static inline bool queue_full(const struct smtp_queue *q)
{
	return q->n == SMTP_QUEUE_MAX;
}

/* The server owes a reply to @verb of @transaction. The queue is not full. */
void queue_remote(struct smtp_queue *q, enum smtp_verb verb, uint8_t transaction);

/* We owe the client @local: given now when nothing is due before it. The queue is not full. */
void queue_local(struct smtp_queue *q, struct smtp_local local, struct out *to_client);

/* Takes the last entry back, which is the server's. */
void queue_unpush(struct smtp_queue *q);

/* What the server's next reply answers; NULL: nothing was asked. */
const struct smtp_entry *queue_head(const struct smtp_queue *q);

/* The server's reply was given: drop its entry, and give own replies whose turn has come. */
void queue_pop(struct smtp_queue *q, struct out *to_client);

/* The server's replies will never come: @local stands for each of them; everything due is given. */
void queue_abandon(struct smtp_queue *q, struct smtp_local local, struct out *to_client);
