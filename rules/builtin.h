/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Built-in command tables, and what holds where a table says nothing
 *
 * command_table_builtin() stands in rules/ruleset.h.
 *
 * Callers: rules/check*.c, rules/print*.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/ruleset.h"

/* Octets, CRLF included, that a line of @verb has at most where a table does not say; a smaller
 * limit breaks what the RFC obliges a server to take. */
uint16_t verb_max_usual(enum smtp_verb verb);

/* Defaults of a table of its own, like none. */
void table_preset(struct command_table *table);

/* The verb that an EHLO keyword announces, or SMTP_VERB_OTHER. */
enum smtp_verb extension_verb(enum smtp_extension ext);
