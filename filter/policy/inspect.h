/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * One inspected session, without sockets
 *
 * Engine and policy joined: octets of either side go in, canonical octets for the other side, notes
 * for the log and wishes to the adapter come out. The proxy, `postern replay` and the fuzzers are
 * its adapters, so that what replay shows is what the proxy does.
 *
 * Owns:    nothing outside itself.
 * Callers: proxy/flow.c, cli/replay.c, test/fuzz/session_fuzz.c.
 * Threads: one at a time per session. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/policy.h"
#include "filter/policy/windows.h"
#include "filter/smtp/greet.h"

/* What the adapter must do. Bits; they stay set until the adapter says it is done. */
enum inspect_want {
	INSPECT_DIAL =
		1, /* connect to the server; then inspect_dialled() or inspect_server_lost() */
	INSPECT_RESET_SERVER =
		2, /* end the server connection so that nothing can be taken for an end of data
		      (RST); drop what was not written yet; then inspect_reset_done() */
	INSPECT_END = 4, /* final: write what is queued for the client, end both connections */
	INSPECT_TLS = 8, /* write what is queued for the client, then let it begin TLS; then
			    inspect_secured() or inspect_client_lost() */
};

/* What the adapter is waiting for, to choose a timeout. */
enum inspect_phase {
	INSPECT_PHASE_DIAL, /* connection, then the server's greeting (and XCLIENT, replayed EHLO)
			     */
	INSPECT_PHASE_TLS,  /* the client's handshake */
	INSPECT_PHASE_COMMAND, /* the client's next command */
	INSPECT_PHASE_REPLY,   /* the server's reply */
	INSPECT_PHASE_TEXT,    /* message octets from the client */
	INSPECT_PHASE_DONE,    /* the server's reply to an end of message */
	INSPECT_PHASE_END,
};

enum inspect_note_type {
	INSPECT_NOTE_COMMAND,    /* a command passed inward (`log commands`) */
	INSPECT_NOTE_DENIAL,     /* a command or a message was refused here: code, incident, at */
	INSPECT_NOTE_MAIL,       /* MAIL passed: @path, a transaction begins */
	INSPECT_NOTE_RCPT,       /* RCPT passed or was refused here (then @reply is set): @path */
	INSPECT_NOTE_RCPT_REPLY, /* the server's reply to the oldest RCPT of @transaction without
				    one: @reply, @text */
	INSPECT_NOTE_MESSAGE, /* a message ended: code is one of MESSAGE_*, @octets, @reply, @text
			       */
	INSPECT_NOTE_FORGET,  /* the transaction ended without a message (RSET, EHLO, MAIL refused)
			       */
	INSPECT_NOTE_FAULT,   /* final: code, incident */
	INSPECT_NOTE_SERVER,  /* the server was lost, silent, closing: code, incident */
	INSPECT_NOTE_HELLO,   /* HELO or EHLO passed: @path.domain holds the name */
	INSPECT_NOTE_AUTH,    /* AUTH ended: @reply, the server's words in @text; nothing secret */
	INSPECT_NOTE_OFFER,   /* EHLO's reply was rewritten: @hidden keywords, STARTTLS among them?
				 @starttls */
};

struct inspect_note {
	enum inspect_note_type type;
	enum code code;
	uint32_t incident; /* 0: the client was told none */
	enum smtp_verb verb;
	uint8_t transaction;
	uint16_t reply;   /* SMTP code the client gets, 0: none */
	struct span text; /* reply's text, or the offending octets: escape before use, and never a
			     secret */
	const struct smtp_path *path;
	uint64_t octets;    /* of the message; DENIAL: length of the offending line */
	size_t offset;      /* DENIAL: of what was wrong */
	struct rules_at at; /* row or statement that decided, line 0: none */
	uint32_t hidden;
	bool starttls;
};

struct inspect_ops {
	void (*note)(
		void *context, const struct inspect_note *note); /* spans live until it returns */
	uint32_t (*incident)(
		void *context); /* a fresh incident number, INCIDENT_BITS bits, never 0 */
	/* window_room() and window_count() for the client of the session, with the counts that all
	 * sessions share. Only what the rule bounds by time is asked for. */
	struct limit_answer (*room)(void *context, enum tally_what what, uint64_t n, bool take);
	void (*count)(void *context, enum tally_what what, uint64_t n);
};

#define INSPECT_JUNK_MAX                                                                           \
	100 /* commands that bring no message nearer, between two messages (DOS-05) */

struct inspect {
	const struct publish *rule; /* borrowed, as are the next two */
	const struct inspect_ops *ops;
	void *context;
	enum policy_tls tls;
	bool login_required;
	struct smtp_session smtp;
	struct smtp_greet greet;   /* between a connection and its being in step */
	uint64_t message_octets;   /* of the message whose reply is awaited */
	uint64_t text_octets;      /* of a message, read from the client and not counted yet */
	struct smtp_local refusal; /* of the message that is dropped */
	uint32_t recipients; /* of this transaction, let through or put off by a limit of a time */
	uint16_t errors, junk;
	uint16_t per_message[SMTP_VERB_MODELLED];
	uint8_t want;   /* enum inspect_want bits */
	bool dialled;   /* a connection stands, perhaps not in step yet */
	bool greeting;  /* ... its greeting is ours, not the session's */
	bool relinking; /* a new connection is on its way or not in step yet */
	bool client_gone;
	bool auth_seen;      /* an AUTH was tried: what looks like no command may be a secret */
	bool end_after_drop; /* the server was lost in mid-message: farewell at the message's end */
	bool in_message;     /* before this step the server was in mid-message */
	bool message_open;   /* octets of a message went by, its outcome is not noted yet */
	bool behind;         /* octets were read behind the command of this step */
	bool no_room;        /* the last MAIL, or a RCPT behind it, was refused by a limit of a
				time: what follows from that is no error */
	uint8_t message_transaction;
	uint8_t xclient_n;
	char xclient[64]; /* "ADDR=... PORT=..." or empty */
};

struct inspect_step {
	size_t size;         /* octets of the window consumed */
	struct span forward; /* message text for the server, after everything in to_server; points
				into the window or is static */
};

/* DIAL is wanted. @client and @port are told to the server where the rule says `client-address
 * xclient`. */
void inspect_init(struct inspect *i, const struct publish *rule, const struct inspect_ops *ops,
	void *context, const struct ip_port *client);

/* It is a session of a relay listener: what TLS is there at its beginning, and whether mail needs a
 * login. Its server is in this process: it outlives INSPECT_RESET_SERVER, see inspect_reset_kept().
 */
void inspect_init_relay(struct inspect *i, enum policy_tls tls, bool login_required);

/* INSPECT_TLS was carried out: what came in clear is forgotten (RFC 3207 4.2). The server is to do
 * so too. */
void inspect_secured(struct inspect *i);

/**
 * inspect_step() - take one element of one direction
 * @win, @n:   unread octets of that direction
 * @to_client, @to_server: printed octets are added; each needs room for SMTP_OUT_MAX octets
 * @step:      what was consumed and what is to be forwarded
 *
 * Return: true when something happened (call again, for both directions), false when more octets or
 * the other side are needed.
 */
bool inspect_step(struct inspect *i, enum smtp_dir dir, const uint8_t *win, size_t n,
	struct out *to_client, struct out *to_server, struct inspect_step *step);

/* The connection wanted by DIAL is established. */
void inspect_dialled(struct inspect *i);

/* RESET_SERVER was carried out. */
void inspect_reset_done(struct inspect *i);
/* ... and the server is in step all the same: it has dropped the message and forgotten the
 * transaction, and owes no reply. */
void inspect_reset_kept(struct inspect *i);

/* The server closed, reset, could not be reached or stayed silent: @code is one of SERVER_*. Ends
 * the session in order. */
void inspect_server_lost(struct inspect *i, enum code code, struct out *to_client);

/*
 * The client sends no more (EOF) or is gone. What it sent before is still carried out, replies that
 * the server owes are awaited (they are facts for the log); then the session ends. In mid-message
 * the server is reset at once.
 */
void inspect_client_lost(struct inspect *i);

/* The adapter ends the session: timeout, limit, shutdown. @code has a reply. */
void inspect_cut(struct inspect *i, enum code code, struct out *to_client);

/* The adapter ends both connections without a word. What was read counts all the same. */
void inspect_abort(struct inspect *i);

/* Would octets of this direction be taken now? */
bool inspect_ready(const struct inspect *i, enum smtp_dir dir);

enum inspect_phase inspect_phase(const struct inspect *i);
