/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Members of dynamic sets, on their way to a role
 *
 * They are facts, no part of a rule set: posternd keeps them and hands all of them, as text in a
 * sealed memfd, to each role whenever one comes or goes.
 *
 *   text = "members 1" LF { NAME SP PREFIX LF }      the lines of a set stand together
 *
 * Callers: proxy/house/dynamic.c writes; proxy/orders.c reads.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/set.h"

#define MEMBERS_MAX      65536       /* of all dynamic sets together */
#define MEMBERS_TEXT_MAX (16u << 20) /* octets of the text */

void members_head(struct out *o);
void members_put(struct out *o, const char *set, const struct ip_prefix *prefix);

/* At most so many members are in @text. */
size_t members_lines(struct span text);

/**
 * members_read() - the members as sets that can be asked
 * @sets: one for each set of @rs, in its order; filled in here
 * @room: members_lines() members
 *
 * A set that @rs does not have, or not as a dynamic one of addresses, is passed over: it was there
 * in another generation.
 *
 * Return: false when the text is malformed; nothing in @sets is to be used then.
 */
bool members_read(
	struct span text, const struct ruleset *rs, struct rule_set *sets, struct set_member *room);
