/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Sides: what the player's client and server get, and what is written in the log, told and kept
 *
 * Callers: cli/player.c, cli/stage.c, cli/behind.c
 */
#include "cli/player.h"

/* Events in a queue of items; octets are 0 to 255. */
enum { ITEM_CLOSED = 256, ITEM_RESET, ITEM_DIALLED };

void sides_tell(struct player *p, const struct step *s);

/* @side got octets, or an event: '<' the client, '>' the server. */
void sides_give(struct player *p, char side, struct span octets);
void sides_happens(struct player *p, char side, uint16_t item);

/* The filter ends the server's connection, if there is one. */
void sides_end_server(struct player *p, uint16_t how);

void sides_note(struct player *p, const struct inspect_note *note);
/* A record that is the adapter's own. @text: what was said, or empty. */
void sides_note_code(struct player *p, enum code code, struct span text);
