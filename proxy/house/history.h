/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * History: the generations that were in force, on disk
 *
 * One file each, STATE/generations/N, its bundle: rules with the lines they came from, set files,
 * time zones. Written under another name and renamed, so that there is never half of one. Starting
 * with the rules of the newest makes no new one.
 *
 * Callers: proxy/house.
 */
#include <stdbool.h>

#include "base/span.h"

#define HISTORY_MAX 50 /* older ones are removed */

struct history {
	int folder;      /* -1: there is none, nothing is kept */
	unsigned newest; /* 0: none yet */
};

/* @state: descriptor of the state folder. Return: 0; <0 errno. */
int history_open(struct history *h, int state);

/* @numberp: its number from now on. Return: 0; <0 errno: it has a number but is not kept. */
int history_keep(struct history *h, struct span bundle, unsigned *numberp);

/* Return: descriptor of the sealed bundle; <0 errno, -ENOENT: not kept. */
int history_bundle(const struct history *h, unsigned number);

/* The newest that is older than @number; 0: none. */
unsigned history_before(const struct history *h, unsigned number);
unsigned history_count(const struct history *h);
void history_close(struct history *h);
