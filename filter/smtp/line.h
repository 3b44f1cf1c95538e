/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * SMTP line reader
 *
 * Finds where one line of one direction ends. Knows CR, LF, NUL and length; knows no commands. A
 * line ends at CRLF and nowhere else (RFC 5321 2.3.8); a bare CR, bare LF or NUL is a flaw of the
 * line it stands in. A line over its length is dropped as it comes, up to its CRLF, so that it
 * costs no memory and no tail of it is ever read as a line of its own.
 *
 * Owns:    nothing. Looks at the caller's window, copies no octet.
 * Callers: filter/smtp/session.c, one reader per direction; test/fuzz.
 * Threads: one at a time per reader. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

enum line_end {
	LINE_MORE,    /* no end in the window yet; *size is 0 */
	LINE_DROP,    /* the line is too long and goes on: the caller drops *size octets (> 0) and
			 calls again */
	LINE_CRLF,    /* *size octets, CRLF included; look at the flaws */
	LINE_ENDLESS, /* no CRLF within @drop octets: a fault */
};

enum line_flaw { /* bits, all that were met in this line */
	LINE_FLAW_CR = 1,
	LINE_FLAW_LF = 2,
	LINE_FLAW_NUL = 4,
	LINE_FLAW_LONG = 8, /* over @max; then what LINE_CRLF covers is only the tail */
};

struct line_reader {
	uint32_t max; /* octets, CRLF included; RFC 5321 4.5.3.1.4 gives 512, extensions raise it */
	uint32_t drop;    /* octets of one line after which it counts as endless */
	uint32_t seen;    /* octets of the window already looked at, so none is read twice */
	uint32_t dropped; /* octets of this line the caller was told to drop */
	uint32_t flaw_at; /* offset of the first flaw from the start of the line */
	uint8_t flaws;
};

/* @max at most @drop, both at least 2. */
void line_init(struct line_reader *r, uint32_t max, uint32_t drop);

/**
 * line_next() - look for the end of the first line of a window
 * @r:    reader of this direction
 * @win:  unread octets; begins at the first octet no earlier line covered and no LINE_DROP dropped
 * @n:    octets in @win; 0 is allowed, then @win may be NULL
 * @size: octets covered, see enum line_end
 *
 * The answer depends on the octets, not on how many calls brought them (LINE_DROP may come in other
 * portions). After LINE_CRLF the caller reads r->flaws and r->flaw_at, then calls line_done() and
 * consumes *size octets.
 */
enum line_end line_next(struct line_reader *r, const uint8_t *win, size_t n, size_t *size);

/* Forget the line just ended; the window of the next call begins behind it. */
void line_done(struct line_reader *r);
