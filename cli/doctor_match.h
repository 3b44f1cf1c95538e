/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Does a rule of iptables-save match a packet that is known in part?
 *
 * Callers: cli/doctor_tables.c.
 */
#include "cli/doctor_tables.h"

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES }; /* in this order: the least of several holds */

/* Takes the next word out of @s; empty at its end. What stands in quotes is one word. */
struct span match_word(struct span *s);
bool match_is(struct span word, const char *text);

/* The matches in front of a rule's target; @rest is left behind "-j" or "-g". */
enum match match_rule(struct span *rest, const struct tables_packet *p, bool *gotop);
