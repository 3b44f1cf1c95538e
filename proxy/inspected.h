/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inspected: a session whose octets go through the filter
 *
 * Glue between two ends and filter/policy/inspect.h. Back-pressure is reading less: nothing is
 * read from either side while octets wait for the client, nothing from the client while octets wait
 * for the server, or while what it sent already waits for the server's answer.
 *
 *   inspected.c  life: opening, callbacks, wishes of the filter, end
 *   pump.c       octets: read, stepped, written, what is left kept
 *   notes.c      notes of the filter to the log, what it asks of the limits
 *   server.c     ends that are sockets, of client and internal server
 *
 * Owns:    its flow, what waits in the four buffers, the mail that the log gathers.
 * Callers: proxy/listen.c, proxy/main.c; proxy/relay/relayed.c for ends of its own.
 */
#include <sys/types.h>
#include <sys/uio.h>

#include "proxy/flow.h"

struct inspected;

/* What the ends of a session are. */
struct inspected_kind {
	size_t size; /* octets of a session, which begins with a struct inspected */
	/* As recv(2) and writev(2). A server that takes nothing any more may still have said why:
	 * it is read on. */
	ssize_t (*client_read)(struct inspected *s, void *to, size_t n);
	ssize_t (*client_write)(struct inspected *s, const struct iovec *pieces, int n);
	ssize_t (*server_read)(struct inspected *s, void *to, size_t n);
	ssize_t (*server_write)(struct inspected *s, const struct iovec *pieces, int n);
	bool (*has_server)(const struct inspected *s);
	/* INSPECT_DIAL. It may already stand when this returns. */
	void (*dial)(struct inspected *s);
	/* INSPECT_RESET_SERVER; nothing waits from the server or for it any more. */
	void (*reset)(struct inspected *s);
	/* Reading from it ended: errno, or its end. NULL: that does not happen. */
	void (*server_ended)(struct inspected *s);
	/* What was printed for it waits for its answers, not for it to read. NULL: it never does.
	 */
	bool (*server_ponders)(const struct inspected *s);
	/* It did not stand (SERVER_DOWN), greet or answer in time. */
	void (*server_late)(struct inspected *s, enum code code);
	/* Sets what the ends are watched for, EV_READ and EV_WRITE. */
	void (*watch)(struct inspected *s, int client, int server);
	/* Closes both ends; s->aborted: by a reset. @unread: the client may have sent more. */
	void (*close)(struct inspected *s, bool unread);
	/* INSPECT_TLS, or the client's descriptor is ready for what its end is @shaking for. NULL:
	 * there is no TLS. */
	void (*shake)(struct inspected *s);
};

struct inspected {
	struct flow flow; /* first */
	const struct inspected_kind *kind;
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
	uint8_t shaking;  /* EV_READ or EV_WRITE: for what the client's end waits before it carries
			     octets; 0: it does */
	struct inspect inspect;
};

/* A session begins: @client is the accepted descriptor, which is owned from here on, also on
 * failure; so is @counted, its place in the ledger. */
void inspected_open(
	struct proxy *p, int client, const struct log_session *session, uint32_t counted);

/* The same in two steps, for ends of another kind: what is behind the struct inspected is zero and
 * to be filled in between. NULL: no memory, all is done. */
struct inspected *inspected_new(struct proxy *p, const struct inspected_kind *kind, int client,
	const struct log_session *session, uint32_t counted);
void inspected_begin(struct inspected *s);

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

/* ---- inspected.c, for pump.c and the kinds ---- */

/* Carries out INSPECT_RESET_SERVER and INSPECT_DIAL. */
void inspected_obey(struct inspected *s);
/* Nothing can be written to the client any more. */
void inspected_client_gone(struct inspected *s);
/* The last act of a callback: what is waited for now; or the end, and @s is gone. */
void inspected_rest(struct inspected *s);
/* The server's end is readable or writable. */
void inspected_server_ready(struct inspected *s, int events);
void inspected_server_lost(struct inspected *s, enum code code);

/* ---- server.c ---- */

extern const struct inspected_kind inspected_sockets;
/* It is looked up whether it stands. True: it does, and says nothing yet. */
bool server_stands(struct inspected *s);

/* ---- notes.c ---- */

extern const struct inspect_ops inspected_ops;
void notes_deinit(struct inspected *s);
