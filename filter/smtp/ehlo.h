/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * EHLO replies, rewritten by allow-list
 *
 * A keyword passes when it is known, the rule allows it, and its parameters are what its RFC says;
 * everything else is left out and the last line re-marked (never masked in place: that is what
 * broke clients behind older firewalls). A server's STARTTLS is not in the list, so it never
 * passes.
 *
 * Owns:    nothing.
 * Callers: filter/smtp/session.c, filter/smtp/greet.c, test/fuzz.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/reply.h"
#include "filter/smtp/verb.h"

struct ehlo_offer {
	uint32_t extensions; /* SMTP_EXT_BIT()s offered to the client */
	uint64_t size;       /* SIZE value offered, octets; 0: no fixed limit told */
	uint32_t hidden;     /* keywords left out, for the log */
	bool starttls;       /* the server listed STARTTLS */
	bool xclient;        /* ... XCLIENT */
};

struct ehlo_rules {
	uint32_t allow;    /* SMTP_EXT_BIT()s the rule lets through */
	uint64_t max_size; /* `limit message`, octets; 0: none. SIZE becomes the smaller of this and
			      the server's */
	const char *name;  /* the first line's domain when the server's own is to be hidden; NULL:
			      pass the server's line */
	bool starttls;     /* STARTTLS is ours to offer, whatever the server does */
};

/* Read what a 250 reply to EHLO offers once @rules are applied. */
void ehlo_read(
	const struct smtp_reply *reply, const struct ehlo_rules *rules, struct ehlo_offer *offerp);

/* Print that reply for the client. BINARYMIME without CHUNKING is left out (RFC 3030 3). */
void ehlo_print(struct out *o, const struct smtp_reply *reply, const struct ehlo_rules *rules);
