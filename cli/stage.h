/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Stage: where the player's two peers meet the filter
 *
 * What proxy/inspected.c does with sockets and timers, done with queues of octets and the script's
 * clock. What is behind a relay's listener is cli/behind.h's.
 *
 * Owns:    nothing; everything is the player's.
 * Callers: cli/player.c
 */
#include "cli/player.h"

/* Events in a queue of items; octets are 0 to 255. */
enum { ITEM_CLOSED = 256, ITEM_RESET, ITEM_DIALLED };

/* @p is the context. */
extern const struct inspect_ops stage_ops;

void stage_tell(struct player *p, const struct step *s);

/* A record that is the adapter's own. @text: what was said, or empty. */
void stage_note(struct player *p, enum code code, struct span text);

/* @side got octets, or an event: '<' the client, '>' the server. */
void stage_give(struct player *p, char side, struct span octets);
void stage_happens(struct player *p, char side, uint16_t item);

void stage_end_server(struct player *p, uint16_t how);

/* The script's server ended its connection. */
void stage_server_ended(struct player *p);
/* The script's client, or its server, is inside TLS. False: nobody awaits that. */
bool stage_secured(struct player *p, char side);

/* Carries out what can be: until either side must send more. */
void stage_pump(struct player *p);
/* Octets of @dir came. On a rule that passes they go through unread. */
void stage_take(struct player *p, enum smtp_dir dir, struct span octets);

/* A command's time is for all of it: octets that trickle in win none (DOS-03). */
bool stage_within_line(const struct player *p);
/* Timeouts, by @quiet_ms of the player. */
void stage_let_pass(struct player *p);
