/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Trace: the Received line a relay adds, and those that stand already
 *
 * RFC 5321 4.4 obliges a relay to add one; 6.3 lets it count them, to break loops.
 *
 * Callers: filter/relay/inner*.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/ip.h"
#include "base/out.h"

#define TRACE_RECEIVED_MAX 100 /* RFC 5321 6.3: normally at least 100 */

struct trace {
	struct span hello; /* of EHLO or HELO, as it stood */
	struct ip client;
	const char *hostname; /* ours */
	const char *id;
	const char *tls; /* version and cipher; "": none */
	int64_t now_ns;
	bool extended, logged_in, utf8;
};

/* "Received: ..." CRLF, folded; `for` is left out, since it would show one recipient to another.
 * RFC 3848 has the words behind "with". */
void trace_print(struct out *o, const struct trace *t);

/* How many Received fields the header of a message has, at any cuts. */
struct trace_count {
	uint16_t n;
	uint8_t at; /* octets of "Received:" that the line has had so far; TRACE_OTHER */
	bool in_header, at_start, after_cr;
};

void trace_count_init(struct trace_count *c);
/* The next octets of the message, lines end with CRLF. */
void trace_count(struct trace_count *c, struct span octets);
