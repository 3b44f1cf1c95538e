/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What the unit tests share: fences, cuts, transcripts
 *
 * A module that reads octets out of windows must give the same answer however the octets were cut,
 * and must never look outside its window. cut_every() runs one input in one piece, in two pieces at
 * every cut, and octet by octet; each window is placed so that it ends at an unreadable page, and
 * once more so that it begins right behind one. What the module said is written into a transcript
 * (struct seen), and the transcripts of all these runs must be the one expected.
 *
 * Owns:    the mapped pages of a fence, until fence_deinit().
 * Callers: test/unit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/out.h"
#include "base/span.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
/* SPAN() for a member of a static table. */
#define OCTETS(lit)                                                                                \
	{                                                                                          \
		(const uint8_t *)(lit), sizeof(lit) - 1                                            \
	}

/* Readable room between two unreadable pages. */
struct fence {
	uint8_t *room;
	size_t size; /* of the room: whole pages */
};

void fence_init(struct fence *f, size_t size);
void fence_deinit(struct fence *f);

/* A copy of @s that ends at the unreadable page behind the room, or begins at the one before it. */
const uint8_t *fence_at_end(struct fence *f, struct span s);
const uint8_t *fence_at_start(struct fence *f, struct span s);

/* A transcript: facts parted by one blank; runs of octets in single quotes, escaped, joined with
 * each other. */
struct seen {
	struct out out;
	bool in_text;
	uint8_t block[16384]; /* a longer transcript fails the test */
};

void seen_init(struct seen *s);
/* printf words: one fact. */
void seen_fact(struct seen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Octets: "'line\r\n'"; the next octets continue the same quote when no fact came between. Empty
 * writes nothing. */
void seen_text(struct seen *s, struct span octets);
const char *seen_str(struct seen *s);

/* Fails with both texts, one below the other, and with @name and @how; either text may be NULL. */
void expect_str(const char *got, const char *want, const char *name, const char *how);
/* The same for octets, shown escaped. */
void expect_octets(struct span got, struct span want, const char *name, const char *how);

#define CUT_STOP SIZE_MAX /* the module reached a final answer: nothing more is offered */

struct cut_test {
	/* Before each run: make the module new. */
	void (*begin)(void *ctx);
	/*
	 * Offers the unread octets. @last: all have arrived. Writes to @seen what the module said.
	 * Return: octets used up; 0 when more are needed; CUT_STOP. Called again with the rest of a
	 * window as long as it uses some up.
	 */
	size_t (*take)(void *ctx, const uint8_t *win, size_t n, bool last, struct seen *seen);
};

/**
 * cut_every() - run @input at every cut and octet by octet
 * @name: of the case, shown when it fails
 * @want: the transcript; NULL: that of the run in one piece. Octets that nobody used up are told at
 *        its end: "left 3".
 */
void cut_every(const struct cut_test *test, void *ctx, struct span input, const char *name,
	const char *want);
