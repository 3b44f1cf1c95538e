/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Inner: the SMTP server behind a relay listener, in memory
 *
 * What an inspected session has for a server (filter/policy/inspect.h): it greets, answers EHLO,
 * takes MAIL, and becomes a client of the next hop with the first RCPT. What comes in was printed
 * by the engine and is parsed here again all the same. It says yes to a recipient or a message only
 * after the next hop has.
 *
 * One transaction goes to one next hop. It is chosen by the first recipient: the first of `deliver`
 * whose domains have his domain; a recipient of another one is put off (452 4.5.3). What the next
 * hop lacks of what MAIL asked for is refused at RCPT and never left out in silence.
 *
 *   inner.c        steps, greeting, commands that need no hop, losses
 *   inner_mail.c   MAIL, RCPT, which hop
 *   inner_text.c   message text; BDAT is carried as DATA (RFC 3030 2), dots stuffed
 *   inner_login.c  AUTH
 *   inner_hop.c    replies of the hop
 *
 * The hop is the adapter's: it comes greeted, EHLO said (proxy/relay/hop.h).
 *
 * Owns:    nothing outside itself; about 4 KiB.
 * Callers: proxy/relay.
 * Threads: one at a time. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/codes.h"
#include "filter/relay/trace.h"
#include "filter/smtp/body.h"
#include "filter/smtp/command.h"
#include "filter/smtp/ehlo.h"
#include "filter/smtp/line.h"
#include "filter/smtp/queue.h"
#include "filter/smtp/reply.h"
#include "rules/ruleset.h"

/* Room that a step may need in either out block. */
#define INNER_OUT_MAX   (SMTP_REPLY_MAX + SMTP_QUEUE_MAX * SMTP_LOCAL_REPLY_MAX)
#define INNER_MAIL_MAX  2048  /* octets of a MAIL line: all parameters at their longest fit */
#define INNER_CHALLENGE 12286 /* octets of a 334's text */

/* What the adapter must do. Bits; inner_step() gives nothing new before they are cleared by the
 * functions named. */
enum inner_want {
	INNER_HOP = 1,     /* take a hop of @route, for @domain; @exclusive: one of its own. Then
			      inner_hop_ready() or inner_hop_failed() */
	INNER_RELEASE = 2, /* the hop is in step and nothing is owed: it may serve others;
			      inner_hop_gone() */
	INNER_ABORT = 4,   /* the hop is in the middle of something: reset it; inner_hop_gone() */
	INNER_LOGIN = 8,   /* an exchange begins: step.mechanism, step.text; inner_login_told().
			      By a next hop: may this client try? */
	INNER_LOGIN_MORE = 16,   /* it goes on: step.text; inner_login_told(). By a next hop: what
				    came of it, "235" or "535" */
	INNER_LOGIN_CANCEL = 32, /* it is over; inner_login_told() */
};

enum inner_state {
	INNER_GREET,
	INNER_COMMAND,
	INNER_AWAIT,       /* the hop's answer to DATA or to the end of a message */
	INNER_LOGIN_AWAIT, /* what the exchange says */
	INNER_SASL,        /* 334 was said: the next line is a response */
	INNER_TEXT,
	INNER_CHUNK,
	INNER_TEXT_SWALLOW, /* the message is lost: its text is read up to its end */
	INNER_CHUNK_SWALLOW,
};

/* A login by a next hop, which sees our address only: whether the client may try is asked first. */
enum inner_gate {
	INNER_GATE_SHUT,
	INNER_GATE_ASKED,
	INNER_GATE_OPEN,
	INNER_GATE_PASSED, /* the exchange is the hop's; what comes of it is told */
};

enum inner_mail { /* the transaction */
	INNER_MAIL_NONE,
	INNER_MAIL_TAKEN,   /* MAIL was answered here; no hop knows of it */
	INNER_MAIL_SENT,    /* ... the hop does */
	INNER_MAIL_REFUSED, /* by the hop, whose words are in @refusal */
	INNER_MAIL_DEAD,    /* the hop was lost, or a chunk is missing */
};

struct inner_conf {
	const struct relay *relay;
	const char *hostname;
	const char *postmaster; /* mailbox that <postmaster> stands for; NULL: the hop's own */
	const char *id;         /* of the session, for its trace */
	struct ip client;
};

struct inner {
	struct inner_conf conf;
	enum inner_state state;
	uint8_t want;
	int64_t now_ns; /* wall clock; the adapter sets it before a step */

	/* the session */
	bool hello_done, extended, secured, logged_in;
	enum inner_gate gate;
	struct smtp_local gate_refusal; /* SHUT: what AUTH is answered with */
	uint8_t hello_n;
	char hello[SMTP_DOMAIN_MAX];
	char tls[64]; /* version and cipher, for the trace */
	struct line_reader line;
	struct smtp_queue queue; /* replies due to the engine; remote: the hop's */

	/* the hop */
	const struct route *route; /* NULL: none was chosen */
	uint8_t domain_n;
	char domain[SMTP_DOMAIN_MAX]; /* for routes by MX, lower case */
	bool has_hop, exclusive;
	bool told;   /* it knows of a transaction */
	bool doomed; /* the one that logged in for the client is gone, or the engine out of step:
			the next command ends the session */
	bool rset_owed, mail_owed, data_owed; /* replies that are nobody else's matter */
	struct ehlo_offer offer;
	struct reply_reader reply;
	struct smtp_local no_hop; /* why none of @route could be had: it is not asked for again in
				     this transaction */

	/* the transaction */
	enum inner_mail mail;
	bool utf8;
	uint16_t rcpt_ok;
	uint16_t mail_n, refusal_n, refusal_code;
	char mail_line[INNER_MAIL_MAX];
	char refusal[SMTP_LOCAL_REPLY_MAX];
	struct smtp_local death; /* DEAD: what is said to all that follows in it */

	/* its text */
	struct body_scan body;
	struct trace_count received;
	uint32_t chunk_left;
	bool chunked; /* by BDAT, DATA was granted by the hop */
	bool chunk_last;
	uint8_t crlf;           /* of chunks: octets of CRLF seen last, 2: a line begins */
	struct smtp_local drop; /* what is said at the end of what is swallowed */
};

struct inner_step {
	size_t engine, hop;  /* octets consumed of each window */
	struct span forward; /* message text for the hop, behind what was printed to it */
	struct span mechanism,
		text; /* of a login, borrowed from the window; act before the next call
		       */
	bool has_text;
	enum code
		why; /* of the hop, for the log: mostly why it was given up; CODE_COUNT: nothing */
	struct span said; /* ... its words, or ours, or empty; borrowed likewise */
};

/* A greeting is due. @conf is copied; what it points to outlives the session. */
void inner_init(struct inner *i, const struct inner_conf *conf);

/**
 * inner_step() - take one element of one side
 * @engine, @hop: unread octets of that side
 * @to_engine, @to_hop: printed octets are added; each needs room for INNER_OUT_MAX
 *
 * Return: true when something happened (call again); false when more octets, an event, or what is
 * wanted are needed.
 */
bool inner_step(struct inner *i, struct span engine, struct span hop, struct out *to_engine,
	struct out *to_hop, struct inner_step *step);

/* INNER_HOP: here it is; or none can be had: @local, 4xx or 5xx, is for the client. */
void inner_hop_ready(struct inner *i, const struct ehlo_offer *offer);
void inner_hop_failed(struct inner *i, struct smtp_local local);
/* INNER_RELEASE or INNER_ABORT was carried out; what it had sent and was not read is dropped. */
void inner_hop_gone(struct inner *i);
/* The hop closed, failed or is silent: INNER_ABORT is wanted then. The session goes on, but where
 * the hop had logged in for the client: that is told by 421. */
void inner_hop_lost(struct inner *i, struct out *to_engine);

/* The catalogue's reply to the client, for inner_hop_failed(). */
struct smtp_local inner_reply_of(enum code code);

/* INNER_LOGIN and the like were carried out. */
void inner_login_told(struct inner *i);
/* What the exchange says: @challenge, base64 of at most INNER_CHALLENGE octets, for a 334; or its
 * end, 235 or another @reply of RFC 4954. By a next hop: the client may try; or it may not. */
void inner_login_challenge(struct inner *i, struct span challenge, struct out *to_engine);
void inner_login_done(struct inner *i, struct smtp_local reply, struct out *to_engine);
/* The words of RFC 4954 6 for the end of an exchange; of another code, those of 454. */
struct smtp_local inner_login_reply(unsigned code);

/* The client is inside TLS from now on: what came before is forgotten. @version and @cipher are
 * copied. */
void inner_secured(struct inner *i, const char *version, const char *cipher);

/* The engine has given up the message under way, for which it answers itself: nothing of it may be
 * taken for whole; nothing is owed any more. What it had printed and was not read is dropped by the
 * adapter, and so is a hop that was asked for and is not there yet. */
void inner_reset(struct inner *i);
