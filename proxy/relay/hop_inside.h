/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Hop's rooms, seen by each other only: see hop.h
 */
#include "filter/relay/hop_hello.h"
#include "proxy/relay/ask.h"
#include "proxy/relay/hop.h"
#include "proxy/relay/targets.h"

enum hop_state {
	HOP_LOOKING_UP, /* waiting for postern-resolve */
	HOP_DIALLING,
	HOP_GREETING, /* hop_hello speaks */
	HOP_SHAKING,  /* TLS */
	HOP_TAKEN,
	HOP_IDLE,
	HOP_FAILED, /* nothing left to try; the taker is told in a moment */
};

struct hop {
	struct hops *hops;
	struct hop *next, **pprev;
	enum hop_state state;
	const struct route *route;
	const struct rule_timeouts *timeouts;
	const struct hop_ops *ops;
	void *context;
	ev_io io;
	struct wheel_entry timer;
	struct targets *targets; /* NULL: none is being tried */
	struct target *target;   /* of these, the one that is */
	struct ask ask;
	char domain[SMTP_DOMAIN_MAX + 1]; /* that mail is for, of a route by MX: what it was taken
					     for */
	char name[TARGETS_NAME];          /* of the next hop; empty: it has none but its address */
	unsigned uses;
	bool exclusive;
	struct tls *tls;
	struct hop_facts facts;
	struct hop_hello hello;
	size_t in_n;
	struct hop_failure failure; /* the last, not told yet; CODE_COUNT: none */
	uint8_t said[200];          /* its words */
	uint8_t in[SMTP_REPLY_MAX];
};

struct hops {
	struct proxy *proxy; /* borrowed, as is the next */
	const char *hostname;
	struct tls_client *tls;
	struct hop *list;
	unsigned idle;
	bool draining;
	struct rests rests;
	struct asks asks; /* of postern-resolve */
};

/* The next target, if there is one; the one before stands where it failed. */
void hop_dial(struct hop *h);
/* The connection stands, or has failed. */
void hop_connected(struct hop *h);
/* This next hop will not do: the next one is tried. @said: its words, or empty. */
void hop_target_failed(struct hop *h, enum code code, int error, struct span said);
/* The same one again. */
void hop_target_again(struct hop *h);
/* The target is tried no more, and rests. */
void hop_set_aside(struct hop *h);
void hop_disconnect(struct hop *h, bool reset);

/* postern-resolve is asked for the target. */
void hop_look_up(struct hop *h);
/* ... and has not said where it is: the next one is tried. */
void hop_unknown(struct hop *h, enum code code, struct span name);

/* The connection stands: waits for the greeting. */
void hop_greet_begin(struct hop *h);
/* It is readable (or writable, while it shakes hands) before it is ready. */
void hop_greet(struct hop *h);
/* ... or silent for too long: @error, errno or 0, and @said are what is known. */
void hop_greet_lost(struct hop *h, int error, struct span said);
/* RSET to one that was unused. */
void hop_ask(struct hop *h);

void hop_ready(struct hop *h);
/* Until @ms from now, or the target has failed. Where another is left, for less. */
void hop_wait(struct hop *h, int events, uint32_t ms);
