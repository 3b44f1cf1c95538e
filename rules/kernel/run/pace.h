/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Pace: when to look at the kernel's rules again
 *
 * When it has become quiet after something was heard, or a second later, so that a change of many
 * rules is looked at once: a tool that reloads takes a second or two. Not again
 * before as much time has passed as makes a tenth of it, so that a host whose rules change all day
 * does not do much else. And slower with each repair in a row, since two that undo each other's
 * work would go on for ever: after PACE_PATIENT of them the rest doubles, up to a minute; two
 * minutes without one end the row.
 *
 * Callers: rules/kernel/run/main.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include <stdbool.h>
#include <stdint.h>

#define PACE_SETTLE_MS   250
#define PACE_SETTLE_MAX  1000
#define PACE_IDLE_MS     60000 /* what tells nothing is found then */
#define PACE_PATIENT     8
#define PACE_REST_MS     1000
#define PACE_REST_MAX    60000
#define PACE_PEACE_MS    120000
#define PACE_SHARE       10
#define PACE_BETWEEN_MAX 5000

struct pace {
	uint64_t heard_ms;    /* first that was heard since the last look; 0: nothing */
	uint64_t last_ms;     /* and the last */
	uint64_t began_ms;    /* of the look under way */
	uint64_t ended_ms;    /* of the last one */
	uint64_t rest_ms;     /* after it, whatever is heard */
	uint64_t repaired_ms; /* the last time */
	unsigned row;         /* repairs in a row */
	bool again;           /* it could not be repaired: look again, also when nothing is heard */
};

void pace_init(struct pace *p, uint64_t now_ms);
void pace_heard(struct pace *p, uint64_t now_ms);
void pace_look(struct pace *p, uint64_t now_ms); /* one begins */
/* It is over. @repaired: something differed; @failed: and still does. */
void pace_looked(struct pace *p, uint64_t now_ms, bool repaired, bool failed);
uint64_t pace_next(const struct pace *p); /* when the next one is due */
