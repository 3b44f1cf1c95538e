/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Wheel: one coarse timer for each flow
 *
 * Every wait has a deadline, and almost none is ever met: so moving a deadline away must cost
 * nothing. An entry stands in the slot of the time it was last set for; who touches it only notes
 * the new time elsewhere, and when the slot comes up the owner says how much longer. Setting an
 * entry again is needed only when its deadline comes nearer.
 *
 * Ticks of WHEEL_TICK_MS: a deadline is met up to one tick late, never early.
 *
 * Owns:    nothing; entries are embedded in their owners.
 * Callers: proxy/flow.c, proxy/part.c.
 * Threads: one.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_SLOTS   512
#define WHEEL_TICK_MS 128

struct wheel_entry {
	struct wheel_entry *next, **pprev; /* pprev NULL: not set */
	uint64_t due_ms;
	void (*fire)(struct wheel_entry *e); /* may free the entry, and set or cancel any */
};

struct wheel {
	struct wheel_entry *slots[WHEEL_SLOTS];
	uint64_t tick; /* slots up to this one have been looked at */
	size_t n;
};

void wheel_init(struct wheel *w, uint64_t now_ms);
/* Sets or moves. */
void wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t due_ms);
/* Sets unless it stands for that time or an earlier one. */
void wheel_set_earlier(struct wheel *w, struct wheel_entry *e, uint64_t due_ms);
void wheel_cancel(struct wheel *w, struct wheel_entry *e);
/* Fires what is due; a fired entry is not set any more. */
void wheel_advance(struct wheel *w, uint64_t now_ms);
