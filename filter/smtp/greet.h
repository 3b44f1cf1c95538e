/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Getting a server connection into step, without the client
 *
 * Two occasions: the server must be told the client's address by XCLIENT before the client's
 * session starts; and a new connection after a message was aborted must be brought to where the old
 * one was: greeting read, EHLO replayed.
 *
 *   first connection, xclient:  read 220, say EHLO, say XCLIENT; its 220 is left for the session,
 * which relays it new connection:             read 220, [EHLO, XCLIENT, 220,] say the client's
 * EHLO, read its reply: in step
 *
 * Owns:    nothing.
 * Callers: filter/policy/inspect.c
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "filter/smtp/ehlo.h"
#include "filter/smtp/reply.h"

enum greet_end {
	GREET_MORE,    /* more octets are needed */
	GREET_DONE,    /* in step; what is unread in the window is the session's */
	GREET_REFUSED, /* the server refuses (4xx, 5xx) what we said: greet.reply_code */
	GREET_NO_XCLIENT,
	GREET_FAULT, /* out of step */
};

enum greet_step {
	GREET_BANNER,  /* waiting for the greeting */
	GREET_EHLO,    /* ... for the answer to our own EHLO */
	GREET_XCLIENT, /* ... to XCLIENT: a new greeting */
	GREET_REPLAY,  /* ... to the client's EHLO or HELO, said again */
};

struct greet_words {
	const char *hostname;    /* our EHLO before XCLIENT */
	struct span xclient;     /* "ADDR=... PORT=...", empty: none */
	struct span hello;       /* replay: the client's name */
	bool extended;           /* replay: EHLO, else HELO */
	struct ehlo_rules rules; /* what the client was offered by */
};

struct smtp_greet {
	enum greet_step step;
	bool replay;
	uint16_t reply_code; /* of the reply that refused */
	struct reply_reader reader;
	struct ehlo_offer offer; /* of the replayed EHLO */
};

/* @replay: this is a new connection for a session under way. */
void greet_init(struct smtp_greet *g, bool replay);

/**
 * greet_next() - take one reply of the server
 * @usedp: octets consumed
 * @to_server: what we say next is added
 *
 * GREET_MORE with octets consumed means: something was said, call again when more comes.
 */
enum greet_end greet_next(struct smtp_greet *g, const struct greet_words *words, const uint8_t *win,
	size_t n, size_t *usedp, struct out *to_server);
