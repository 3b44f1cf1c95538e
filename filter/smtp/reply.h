/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Replies: read, checked, printed
 *
 * A server's reply is read whole (all its lines), within bounds, and printed anew to the client.
 * Octets in its text that RFC 5321 4.2 does not allow are printed as "?".
 *
 * Owns:    nothing; spans point into the window.
 * Callers: filter/smtp/session.c, filter/smtp/greet.c, test/fuzz.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/defect.h"
#include "filter/smtp/verb.h"

#define SMTP_REPLY_LINE_MAX                                                                        \
	1024 /* octets with CRLF; RFC 5321 4.5.3.1.5 says 512, real servers exceed it */
#define SMTP_REPLY_LINES 100
#define SMTP_REPLY_MAX   16384 /* octets of one reply, all lines */

struct smtp_reply {
	unsigned code; /* 200 to 599 */
	unsigned lines;
	struct span octets; /* every line, CRLFs included */
};

enum reply_end {
	REPLY_MORE, /* the last line is not in the window yet */
	REPLY_WHOLE,
	REPLY_FAULT, /* *faultp says which */
};

struct reply_reader {
	uint32_t seen; /* octets of the window that belong to whole lines already read */
	uint16_t lines;
	uint16_t code;
};

void reply_init(struct reply_reader *r);

/**
 * reply_next() - read one whole reply from the start of a window
 * @win: unread octets of the server
 *
 * Every line has the same code (RFC 5321 4.2.1), a hyphen on all but the last; CRLF only; no NUL.
 * The caller consumes reply.octets.n octets. A partial line already over SMTP_REPLY_LINE_MAX is a
 * fault at once.
 */
enum reply_end reply_next(struct reply_reader *r, const uint8_t *win, size_t n,
	struct smtp_reply *replyp, enum smtp_fault *faultp);

/* The text of the next line (behind code and separator), *atp starts at 0; false after the last. */
bool reply_line(const struct smtp_reply *reply, size_t *atp, struct span *textp);

/* That of the first. */
struct span reply_first_line(const struct smtp_reply *reply);

/* The reply as the client gets it. */
void reply_print(struct out *o, const struct smtp_reply *reply);

/* One line of a reply: code, '-' or ' ', text made clean, CRLF. */
void reply_print_line(struct out *o, unsigned code, bool last, struct span text);

/* May a server answer @verb with @code (RFC 5321 4.3.2, RFC 4954, RFC 3030)? 421 may answer all. */
bool reply_fits(enum smtp_verb verb, unsigned code);
