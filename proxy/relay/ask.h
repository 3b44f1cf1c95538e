/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Ask: questions of a process to one servant, and their answers
 *
 * Owns:    which questions are open. Borrows the end of the pair.
 * Callers: proxy/relay.
 * Threads: one.
 */
#include <ev.h>

#include "proxy/relay/asks.h"

#define ASK_MS      30000 /* a question without an answer: it failed */
#define ASK_BUCKETS 256

struct asks {
	struct ev_loop *loop;
	ev_io io;
	uint64_t next; /* number */
	uint64_t sent; /* octets of messages, heads included */
	struct ask *open[ASK_BUCKETS];
};

/* One exchange: a question and an answer, or several of both. Part of who asks. */
struct ask {
	struct asks *asks; /* NULL: not open */
	struct ask *next;
	uint64_t number;
	uint64_t at; /* what had been sent before its last question */
	ev_timer timer;
	/* To each question once. @m: an answer, number first, which is checked; the rest is not.
	 * NULL: none will come. It may ask on, at once or when it likes, or ask_end(). */
	void (*answered)(struct ask *k, const struct msg *m);
};

/* @fd: -1: every question goes unanswered. Return: 0; <0 errno. */
int asks_init(struct asks *a, struct ev_loop *loop, int fd);
void asks_deinit(struct asks *a);

/* Opens it. @k->answered is set. */
void ask_begin(struct asks *a, struct ask *k);
/* One message of an open one; the first 8 octets of @body are the number's, and filled in here.
 * What cannot be sent is never answered: answered() is called with NULL, not before this returned.
 */
void ask_say(struct ask *k, uint16_t type, void *body, size_t n);
/* Closes it: nothing is called any more. Also when it is not open. */
void ask_end(struct ask *k);
