/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A relay's inner server between an engine and a hop that are played
 *
 * Callers: test/unit/inner_test.c.
 */
#include "filter/relay/inner.h"

#define TEXT_MAX 65536
#define HOP_MAX  32768 /* octets of a hop on their way */

/* What the relay of a talk has; its routes are fixed. */
#define OPEN   "recipients in d"
#define LOGIN  "auth required a; recipients any"
#define PASSED "auth required n; recipients any"
#define NONE   (1u << 31) /* no hop can be had */

struct talk {
	const char *name;
	const char *rule;
	uint32_t offer;          /* of every hop */
	const char *engine;      /* what it says */
	const char *replies[12]; /* one to each line of ours; "LOST": the hop is gone instead */
	const char *to_engine, *to_hop;
	bool secured;
	const char *postmaster;
};

struct play {
	const struct talk *talk;
	struct inner inner;
	struct out heard, told; /* by the engine, by the hop */
	size_t answered;        /* octets of @told that the hop has read */
	size_t next;            /* reply */
	unsigned asked;         /* hops */
	bool in_text;
	char due[HOP_MAX]; /* its octets on their way */
	size_t due_n;
	size_t life; /* octets that the hop says before it is lost */
	char heard_block[TEXT_MAX], told_block[TEXT_MAX];
};

/**
 * play_until() - play a conversation to its end
 * @cut:  so many octets of the engine, and of the hop, become visible at a time
 * @life: octets that the hop says before it is lost
 *
 * Fails the test when a step reads more than there is.
 */
void play_until(struct play *p, const struct talk *talk, size_t cut, size_t life);
/* The same with a hop that lives. */
void play_talk(struct play *p, const struct talk *talk, size_t cut);
/* Does what a step, or what came between steps, wants of its adapter. */
void play_obey(struct play *p, const struct inner_step *step);
