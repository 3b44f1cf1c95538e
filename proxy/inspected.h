/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inspected: a session whose octets go through the filter
 *
 * Glue between two sockets and filter/policy/inspect.h. Back-pressure is reading less: nothing is
 * read from either side while octets wait for the client, nothing from the client while octets wait
 * for the server, or while what it sent already waits for the server's answer.
 *
 *   inspected.c  life: opening, callbacks, wishes of the filter, end
 *   pump.c       octets: read, stepped, written, what is left kept
 *   notes.c      notes of the filter to the log, what it asks of the limits
 *
 * Owns:    its flow, what waits in the four buffers, the mail that the log gathers.
 * Callers: proxy/listen.c, proxy/main.c.
 */
#include "proxy/flow.h"

struct inspected {
	struct flow flow;         /* first */
	struct held c_in, s_in;   /* read, not yet decided */
	struct held c_out, s_out; /* to be written to client, to server */
	struct log_mail *mail;    /* while a transaction is open; lent */
	uint64_t slow_ms;         /* the period of `limit slow` began */
	uint32_t slow_octets, mail_size;
	uint32_t commands, messages, denials;
	uint16_t why;     /* enum code that ended it; CODE_COUNT: none */
	uint8_t by;       /* enum log_end_by */
	uint8_t activity; /* enum activity bits, since the timer was seen to */
	bool client_eof;
	bool server_deaf; /* it takes nothing any more; what it still says is read */
	bool aborted;     /* no memory for octets that must wait: both connections are reset */
	bool line_open;   /* the client is within a command line */
	struct inspect inspect;
};

/* A session begins: @client is the accepted descriptor, which is owned from here on, also on
 * failure; so is @counted, its place in the ledger. */
void inspected_open(
	struct proxy *p, int client, const struct log_session *session, uint32_t counted);

/* Ends it now, @code says why and has a reply. */
void inspected_cut(struct flow *f, enum code code);

/* SIGTERM: ends it now if it is between commands, or if @force. */
void inspected_stop(struct flow *f, bool force);

/* ---- pump.c ---- */

enum pump_read { PUMP_OK, PUMP_EOF, PUMP_FAILED }; /* FAILED: errno says why */

/* One read from the client or the server; what came is stepped through the filter. */
enum pump_read pump_client(struct inspected *s);
enum pump_read pump_server(struct inspected *s);
/* Nothing was read, but something changed: what waits is tried again, what was printed is written.
 */
void pump(struct inspected *s);
/* That side takes octets again: writes what waits. */
void pump_flush_client(struct inspected *s);
void pump_flush_server(struct inspected *s);
/* The server connection is gone: nothing waits from it or for it. */
void pump_forget_server(struct inspected *s);

/* ---- inspected.c, for pump.c ---- */

/* Carries out INSPECT_RESET_SERVER and INSPECT_DIAL. */
void inspected_obey(struct inspected *s);
/* Nothing can be written to the client any more. */
void inspected_client_gone(struct inspected *s);

/* ---- notes.c ---- */

extern const struct inspect_ops inspected_ops;
void notes_deinit(struct inspected *s);
