/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Orders: what posternd tells a proxy, and what it answers
 *
 * proxy/roles.h lists the messages. They come from the process that started this one; they are
 * checked all the same. One that is nonsense, or the end of the pair, ends the proxy at once.
 *
 * Callers: proxy/main.c.
 */
#include "proxy/proxy.h"

/* From now on messages on @control are carried out. */
void orders_begin(struct proxy *p, int control);

/* Nothing is accepted any more; sessions end at their next command, what is under way may end until
 * `drain` or half a minute is over. */
void orders_stop(struct proxy *p);

/* Once a tick: times that are over. */
void orders_look(struct proxy *p);

/* Nothing is left to be done by a proxy that stops or drains. */
bool orders_done(const struct proxy *p);

/* Is @ip a member of the dynamic set? For struct match_facts. */
bool orders_member(void *proxy, const struct rule_set *set, const struct ip *ip);

void orders_end(struct proxy *p);
