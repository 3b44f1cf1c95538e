/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Macros: `define NAME = VALUE` and "$NAME"
 *
 * A value is one word or one list, and may use macros defined before it. A word may stand inside a
 * longer one ($mx:25, [$mx6]:25), a list or quoted text only by itself. In quoted text "$" is
 * itself. A value that bears a fault is told once; its users are faulty in silence.
 *
 * Owns:    nothing; everything lives in the arena.
 * Callers: rules/include.c.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "rules/tree.h"

#define MACROS_MAX 256 /* of one file and its includes */
#define MACRO_ROOM_MAX                                                                             \
	(8u << 20) /* octets of arena that putting in may take: lists in lists grow fast */

/* Puts macros into all of @list, in order; `define` statements are taken out. Return: the new head.
 */
struct statement *macro_put_in(struct arena *arena, struct statement *list, struct diags *diags);
