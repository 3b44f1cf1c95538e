/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hop hello: what is said to a next hop until it may serve
 *
 * Its greeting is heard, EHLO is said (HELO to who knows no other), STARTTLS as the route says, and
 * EHLO again. One that was unused is asked by RSET whether it still lives. Nobody speaks before he
 * is asked: octets behind a reply are a fault.
 *
 * Callers: proxy/relay/hop_greet.c, cli/behind.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "filter/policy/codes.h"
#include "filter/smtp/ehlo.h"
#include "filter/smtp/reply.h"
#include "rules/ruleset.h"

#define HOP_HELLO_LINE_MAX 300  /* octets of a line that is said */
#define HOP_HELLO_ASK_MS   2000 /* for the answer to RSET of one that was unused */
/* For each step where another next hop can be tried: the client waits meanwhile, five minutes
 * perhaps (RFC 5321 4.5.3.2.3). */
#define HOP_HELLO_NEXT_MS 30000

enum hop_hello_state {
	HOP_HELLO_BANNER, /* waiting for the greeting */
	HOP_HELLO_EHLO,   /* ... for the answer to EHLO */
	HOP_HELLO_HELO,
	HOP_HELLO_STARTTLS,
	HOP_HELLO_ASKED, /* ... to RSET */
};

/* What the adapter does now. */
enum hop_hello_next {
	HOP_HELLO_HEAR,   /* read more, behind what is there */
	HOP_HELLO_SAY,    /* write the line; what was read is done with */
	HOP_HELLO_SHAKE,  /* begin TLS; then hop_hello_secured() or hop_hello_unsecured() */
	HOP_HELLO_READY,  /* .offer is what it offers */
	HOP_HELLO_AGAIN,  /* connect once more to the same, and begin */
	HOP_HELLO_FAILED, /* it will not do: .why, .said */
};

struct hop_hello {
	const char *hostname;
	enum route_tls tls;
	enum hop_hello_state state;
	bool inside; /* TLS */
	bool clear;  /* a handshake failed, and TLS may be done without; outlives AGAIN */
	struct reply_reader reader;
	struct ehlo_offer offer; /* of the EHLO in force; everything that we understand */
	enum code why;
	struct span said; /* its words, or ours; into the window, or static */
};

/* For one target; @hostname outlives it. */
void hop_hello_init(struct hop_hello *h, enum route_tls tls, const char *hostname);

/* The connection stands. */
void hop_hello_begin(struct hop_hello *h);
/* An unused one: @line is what to say. */
void hop_hello_ask(struct hop_hello *h, struct out *line);

/**
 * hop_hello_hear() - its octets
 * @window: all since the last line was said, SMTP_REPLY_MAX at most
 * @line:   room for HOP_HELLO_LINE_MAX
 */
enum hop_hello_next hop_hello_hear(struct hop_hello *h, struct span window, struct out *line);

/* The handshake ended, well or badly. */
enum hop_hello_next hop_hello_secured(struct hop_hello *h, struct out *line);
enum hop_hello_next hop_hello_unsecured(struct hop_hello *h, struct span why);

/* It closed, failed or is silent; @said: what is known of that. */
enum hop_hello_next hop_hello_lost(struct hop_hello *h, struct span said);
