/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Story: what happens in a replay, told on stdout as text or JSON
 *
 * Callers: cli/replay.c
 */
#include "cli/player.h"

#define STORY_LINE_MAX 4096 /* octets of one line told as one */

struct story {
	bool json;
	struct story_way { /* the line that goes a way, until it is whole */
		const char *to;
		char mark;
		size_t n;
		uint8_t line[STORY_LINE_MAX];
	} ways[2];
};

void story_init(struct story *s, bool json);

/* The functions a player calls; @s is their context and outlives them. */
struct player_story story_teller(struct story *s);

/* Tells what is not a whole line yet. */
void story_flush(struct story *s);
