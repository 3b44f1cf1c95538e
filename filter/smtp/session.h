/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * SMTP session: both directions in one machine
 *
 * Pull: the caller owns the octets and asks for the next element of a direction; the machine owns
 * cursors. Whoever decides then says smtp_accept() or smtp_refuse(), which print what goes to
 * either side. Results depend on the order of the octets, never on how they were cut. Forwarded <=
 * decided <= read, in both directions.
 *
 * A queue of outstanding commands ties each server reply to its command; a reply of our own waits
 * its turn among them. The server's reply moves a transaction, never the client's wish: text begins
 * at the server's 354 (RFC 5321 3.3), a SASL response follows its 334 (RFC 4954 4). Synchronisation
 * points, behind which nothing is read before the answer: the greeting, HELO, EHLO, DATA, AUTH,
 * QUIT, the first BDAT of a message, and every command while PIPELINING was not offered (RFC
 * 2920 3.1).
 *
 * Owns:    nothing outside itself; about 1 KiB, no pointer into octets.
 * Callers: filter/policy/inspect.c; unit tests.
 * Threads: one at a time per session. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/body.h"
#include "filter/smtp/command.h"
#include "filter/smtp/conf.h"
#include "filter/smtp/defect.h"
#include "filter/smtp/ehlo.h"
#include "filter/smtp/line.h"
#include "filter/smtp/queue.h"
#include "filter/smtp/reply.h"

/* Room that smtp_accept() and smtp_refuse() may need in either out block for one event. */
#define SMTP_OUT_MAX   (SMTP_REPLY_MAX + SMTP_QUEUE_MAX * SMTP_LOCAL_REPLY_MAX)
#define SMTP_LINE_DROP 65536 /* octets of one command line after which it is endless: a fault */

enum smtp_dir { SMTP_C2S, SMTP_S2C };

/* What the client's next octets are. X(enum word, description) */
#define SMTP_STATES(X)                                                                             \
	X(COMMAND, "between commands: the next octets are a command line")                         \
	X(WAIT, "a command was sent whose answer decides what the next octets are")                \
	X(SASL, "334 seen: the next line is a response, not a command")                            \
	X(TEXT, "354 seen: octets are message text up to CRLF . CRLF")                             \
	X(TEXT_DROP, "the message is refused: its text is read and dropped up to its end")         \
	X(CHUNK, "octets of a BDAT chunk")                                                         \
	X(CHUNK_DROP, "octets of a refused BDAT chunk, read and dropped")                          \
	X(END, "nothing more is read")

#define SMTP_STATE_ENUM(word, text) SMTP_ST_##word,
enum smtp_state { SMTP_STATES(SMTP_STATE_ENUM) SMTP_ST_COUNT };
#undef SMTP_STATE_ENUM

/* The transaction as far as commands were let through (RFC 5321 4.1.4). */
enum smtp_mail {
	SMTP_MAIL_NONE,
	SMTP_MAIL_SENT, /* MAIL went inward, its reply did not come yet */
	SMTP_MAIL_OPEN, /* MAIL was accepted */
	SMTP_MAIL_DEAD, /* a chunk failed: only RSET, HELO, EHLO, QUIT lead out (RFC 3030 2) */
};

enum smtp_event_type {
	SMTP_EV_NONE, /* nothing complete in the window, or the machine must wait for the other
			 direction */
	SMTP_EV_SKIP, /* octets without consequence (the inside of an overlong line): consume them
		       */
	SMTP_EV_COMMAND,  /* decide: accept or refuse */
	SMTP_EV_REPLY,    /* accept */
	SMTP_EV_BODY,     /* message octets: forward @text, consume @size; nothing to decide */
	SMTP_EV_BODY_END, /* decide: accept */
	SMTP_EV_DEFECT,   /* wrong but in step: refuse */
	SMTP_EV_FAULT,    /* out of step: final; the machine is in END */
};

struct smtp_event {
	enum smtp_event_type type;
	size_t size;      /* octets of the window it covers */
	struct span text; /* COMMAND, DEFECT: the line without CRLF; BODY, BODY_END: what is to be
			     forwarded (not always what came: `normalise`; empty while a message is
			     dropped) */
	int code;         /* verb, reply code, defect or fault */
	size_t offset; /* DEFECT: where in the line; of message text: octets of the message before
			  it */
	enum smtp_verb verb; /* COMMAND, DEFECT of a command; REPLY: what it answers */
	uint8_t transaction; /* REPLY: of the command it answers; COMMAND, BODY...: the current one
			      */
	bool dropped;        /* BODY_END: of a message that was refused before */
	struct smtp_command command; /* COMMAND; DEFECT as far as it was understood */
	struct smtp_reply reply; /* REPLY; FAULT of the server: code 0 if it is no reply at all */
};

struct smtp_session {
	const struct smtp_conf *conf; /* borrowed */
	enum smtp_state state;
	enum smtp_mail mail;
	struct line_reader line;   /* client */
	struct reply_reader reply; /* server */
	struct body_scan body;     /* of this message */
	struct ehlo_offer offer;   /* what the client was offered last */
	uint32_t chunk_left;       /* octets of this chunk still to come */
	uint16_t rcpt_sent;        /* RCPTs of this transaction without a reply yet */
	uint16_t rcpt_ok;          /* ... accepted by the server */
	uint8_t transaction;
	bool linked;               /* there is a server connection in step with this session */
	bool hello_done, extended; /* HELO or EHLO accepted; it was EHLO */
	bool authenticated;
	bool utf8;    /* SMTPUTF8 in force for this transaction */
	bool binary;  /* BODY=BINARYMIME in this transaction */
	bool chunked; /* this message comes by BDAT */
	bool chunk_last;
	bool chunk_failed; /* a chunk of @failed_transaction was refused by the server */
	uint8_t failed_transaction;
	bool mail_refused; /* MAIL of @refused_transaction, the last one answered, was refused */
	uint8_t refused_transaction;
	bool early;    /* octets came behind a command whose answer decides what they are */
	bool starttls; /* STARTTLS is offered, and answered, by us */
	struct smtp_local drop_reply; /* TEXT_DROP, CHUNK_DROP: what the client gets at the end */
	struct smtp_queue queue;
	uint8_t hello_n;
	char hello[SMTP_DOMAIN_MAX]; /* argument of the last HELO or EHLO: replayed on a new
					connection */
};

/* The greeting is outstanding. @conf outlives the session. */
void smtp_session_init(struct smtp_session *s, const struct smtp_conf *conf);

/**
 * smtp_next() - the next element of a direction
 * @win: octets of that direction that no earlier element covered
 * @ev:  written
 *
 * COMMAND, REPLY, BODY_END and DEFECT come again until smtp_accept() or smtp_refuse() is called for
 * them; the caller consumes ev->size octets then. SKIP and BODY are taken by this call: the caller
 * consumes them and forwards ev->text at once or keeps it in order.
 */
void smtp_next(struct smtp_session *s, enum smtp_dir dir, const uint8_t *win, size_t n,
	struct smtp_event *ev);

/**
 * smtp_accept() - carry an event out: print it onward, note that it happened
 * @to_server: COMMAND: its canonical line
 * @to_client: REPLY: its canonical (EHLO: rewritten) form, and our own replies whose turn has come
 *
 * Both need room for SMTP_OUT_MAX octets. BODY_END: the caller forwards ev->text itself.
 */
void smtp_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_client,
	struct out *to_server);

/**
 * smtp_refuse() - answer an event here; nothing of it goes inward
 * @local: the reply. Of a defect in message text: given at the message's real end; the session
 * counts as unlinked from now on, and the caller resets the server connection
 *
 * A refused BDAT's octets are swallowed before its reply. A refused SASL response cancels the
 * exchange at the server by "*"; the server's answer to that is the client's.
 */
void smtp_refuse(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client, struct out *to_server);

/**
 * smtp_answer() - answer a command here with a success of our own: what needs no server while there
 * is none
 */
void smtp_answer(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client);

/**
 * smtp_secure() - answer STARTTLS: nothing more is read before smtp_secured()
 */
void smtp_secure(struct smtp_session *s, struct smtp_local local, struct out *to_client);

/* RFC 3207 4.2: from here on it is a new session, inside TLS; but a greeting is not given again.
 * STARTTLS is offered no more. */
void smtp_secured(struct smtp_session *s);

/* A last reply after all those whose turn has come or is due; then END: nothing more is read in
 * either direction. */
void smtp_end(struct smtp_session *s, struct smtp_local local, struct out *to_client);

/* A new server connection is in step (greeting read, EHLO replayed with @offer). */
void smtp_relinked(struct smtp_session *s);

/* Can an element of this direction be taken now (false: waiting for the other direction, or at the
 * end)? */
bool smtp_ready(const struct smtp_session *s, enum smtp_dir dir);

/* The verb the server owes a reply to, SMTP_VERB_COUNT when it owes none. */
enum smtp_verb smtp_owed(const struct smtp_session *s);

/**
 * smtp_line_fault() - does nobody know where commands begin again behind this line?
 * @line:   without its CRLF, or the beginning of one that is too long
 * @defect: what is wrong with it
 *
 * BDAT and XEXCH50 announce octets that are no commands. Where the announcement cannot be read as
 * the most lenient server behind us might read it, or is none we follow, that is a fault, not a
 * defect.
 */
enum smtp_fault smtp_line_fault(struct span line, enum smtp_defect defect);
