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

/* @p is the context. */
extern const struct inspect_ops stage_ops;

/* The script's client closed or reset its connection; its server did. */
void stage_client_ended(struct player *p);
void stage_server_ended(struct player *p);
/* The script's client, or its server, is inside TLS. False: nobody awaits that. */
bool stage_secured(struct player *p, char side);

/* Carries out what can be: until either side must send more. */
void stage_pump(struct player *p);
/* Octets of @dir came. On a rule that passes they go through unread. */
void stage_take(struct player *p, enum smtp_dir dir, struct span octets);

/* A command's time is for all of it: octets that trickle in win none (DOS-03). */
bool stage_within_line(const struct player *p);
/* Time passes; what lasts too long ends. */
void stage_let_pass(struct player *p, uint64_t ms);
