/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Judge: a first packet and the facts to a lane
 *
 * The rule is found by the evaluator that `postern explain` uses. What is inspected goes to the
 * rule's lane, and its limits are the proxy's affair, after accept. What is passed goes to one
 * internal that lives and is of the client's family, unless a limit is reached that can be seen
 * without counting: a SYN can be forged. A passed service may be any protocol, so what is refused
 * there is refused by a reset.
 *
 * Callers: filter/gate/decide.c.
 * Purity:  no allocation, no log; time comes in. Takes the lock of the shared counts for a rule
 *          that passes with limits.
 */
#include "filter/gate/book.h"
#include "filter/gate/dead.h"
#include "filter/gate/packet.h"
#include "filter/limits/look.h"

struct judge {
	const struct dead *dead;
	struct shared *shared;
	struct limits limits;
};

struct ruling {
	unsigned lane;              /* 0: no answer, the packet is dropped */
	const struct publish *rule; /* NULL: none matched */
	enum code why;      /* CODE_COUNT: admitted; CODE_SESSION_UNPUBLISHED: as `default` says */
	struct rules_at at; /* the statement that refused; line 0: none */
	struct ip_port internal; /* IP_NONE: a proxy will see, or where it was going */
};

struct ruling judge(struct judge *j, struct book_page *page, const struct packet *p, int64_t now_s,
	uint64_t now_ms);

/* Which internal a lane leads to, for a client that asked for @asked. */
struct ip_port judge_internal(const struct lane *lane, const struct ip_port *asked);
