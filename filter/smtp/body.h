/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Message text scanner
 *
 * Looks through message text for its end (CRLF . CRLF, RFC 5321 4.1.1.4) and for what must not
 * stand in it: bare CR, bare LF, NUL, lines or a header over their limits. Works on whole windows,
 * 64 octets at a step, not octet by octet; copies nothing. Dots stay stuffed (4.5.2): what is
 * forwarded is what came.
 *
 * Owns:    nothing.
 * Callers: filter/smtp/session.c; test/fuzz, test/bench/scan_bench.c.
 * Threads: one at a time per scanner. No statics.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/span.h"

enum body_stop {
	BODY_RUN,   /* all that can be decided now; up to three octets may be left undecided ("\r",
		       ".", ".\r") */
	BODY_DOT,   /* behind the run stands ".\r\n" at the start of a line: the end */
	BODY_STUFF, /* behind the run stands a dot at the start of a line that a bare LF begins or
		       ends: see body_mend() */
	BODY_BARE_LF, /* behind the run stands the bare LF ... */
	BODY_BARE_CR,
	BODY_NUL,
	BODY_LINE_LONG,
	BODY_HEADER_LARGE,
	BODY_HEADER_LINES,
};

struct body_limits {
	uint32_t max_line;     /* octets of one line without CRLF; 0: any length */
	uint32_t max_header;   /* octets up to and with the empty line; 0: any */
	uint32_t header_lines; /* 0: any */
	bool dots;             /* DATA: look for the dot. BDAT counts octets instead */
	bool binary; /* BODY=BINARYMIME allowed by the rule: nothing is looked at (BDAT only) */
};

struct body_scan {
	uint64_t octets; /* message octets passed over so far */
	uint32_t line;   /* octets of the current line so far; kept only while max_line is set */
	uint32_t header_octets; /* until the empty line */
	uint32_t header_lines;
	bool in_header;
	bool after_cr; /* the last octet passed over was CR: a chunk may end anywhere, and a header
			  limit stop there */
	bool line_start; /* the next octet begins a line */
	bool mended;     /* ... and the line before it ended with a bare LF that was mended */
};

/* Before the first octet of a message. */
void body_init(struct body_scan *b);

/**
 * body_next() - scan a window
 * @win:  message text no earlier call passed over
 * @last: no octet follows @win in this message (end of BDAT LAST): nothing may be left undecided, a
 * CR at the end is bare. Looked at only without dots
 * @runp: octets from the start of @win that are clean text and are now passed over
 *
 * The stop describes what stands behind the run. The same octets in any cuts give the same runs
 * joined, and the same stop. With dots set, "\r", ".", ".\r" at the end of a window are left for
 * the next call. Without (BDAT) every octet of a window is passed over, since its chunk was already
 * announced; a CR at its end is judged by the next call.
 *
 * A limit stops the run before the first octet that is over it. At one place a bare CR, bare LF,
 * NUL or dot comes before a limit, and the line's limit before the header's.
 *
 * Return: BODY_RUN or what stopped the run. Stops other than BODY_RUN pass over nothing of what
 * they name, but for BODY_BARE_CR without dots: that CR is the last octet passed over, in this call
 * or in the one before.
 */
enum body_stop body_next(struct body_scan *b, const struct body_limits *limits, const uint8_t *win,
	size_t n, bool last, size_t *runp);

/**
 * body_mend() - pass over the octet behind the run, once the caller has dealt with it
 *
 * BARE_LF (1 octet): replaced by CRLF. BODY_STUFF: the dot was doubled. Lines after a mended LF are
 * line starts for a server but were none for the client, so a dot there is not stuffed yet:
 * body_next() stops at it with BODY_STUFF; the adapter writes one more dot, then calls this. "." LF
 * at a true line start is content too: BODY_STUFF stops before that dot (EOD-03).
 *
 * A message that is refused is read on to its real end in the same way, nothing being forwarded:
 * BARE_LF, STUFF, BARE_CR and NUL are passed over by this; the limits' stops by giving limits that
 * are off.
 *
 * @stop: one of these four, as body_next() returned it.
 */
void body_mend(struct body_scan *b, const struct body_limits *limits, enum body_stop stop);
