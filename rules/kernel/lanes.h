/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Lanes: the decisions of the gate as numbers that fit into a mark
 *
 * The gate answers a connection's first packet with a number; the kernel keeps it in the connection
 * mark and carries it out: to the listener of a rule, to one internal server, or to a refusal. So
 * every inspected rule has a lane, every passing one a lane for each of its internals.
 *
 *   0          not judged: the standing drop
 *   1 ...      of the rules
 *   last - 1   LANE_REFUSE: to the listener that says `default refuse`
 *   last       LANE_RESET: a TCP reset
 *
 * A lane keeps its number as long as its rule has its name and its internal, over any number of
 * reloads, and a number that was given back is given out again as late as can be: marks of
 * connections outlive the rules they were made by. Lanes travel between the roles as text, with the
 * rule set they belong to:
 *
 *   lanes = "lanes 1" SP LAST-GIVEN LF { NUMBER SP NAME SP ( ADDRESS:PORT | "-" ) LF }
 *
 * Callers: rules/kernel, proxy/house gives numbers; filter/gate and proxy read them.
 * Purity:  no allocation beyond the arena, no clock, no log, no syscall.
 */
#include "base/arena.h"
#include "base/out.h"
#include "rules/ruleset.h"

#define LANES_TEXT_MAX 60000 /* octets; one message of base/msg.h */

enum {
	LANES_OK = 0,
	LANES_E_ARENA,
	LANES_E_FULL, /* more lanes than numbers: lanes_need() says how many */
	LANES_E_TEXT, /* no lanes, or of other rules */
};

enum lane_kind {
	LANE_PROXY, /* to a proxy, which knows the rule by the port it came to */
	LANE_PASS,  /* by the kernel to one internal */
	LANE_ASIS,  /* passed to where it was going: `pass` with `internal original` */
};

struct lane {
	unsigned number;
	enum lane_kind kind;
	const struct publish *rule;
	size_t internal; /* LANE_PASS: which of the rule's */
};

struct lanes {
	const struct lane *list; /* those of a rule stand together, in the order of its internals */
	size_t n;
	unsigned given; /* the number that was given out last */
};

/* What the marks of @host have room for. */
unsigned lanes_max(const struct hostconf *host);                   /* largest number of a rule */
uint32_t lane_mark(const struct hostconf *host, unsigned number);  /* its place in a mark */
unsigned lane_of_mark(const struct hostconf *host, uint32_t mark); /* the way back */
unsigned lane_refuse(const struct hostconf *host);
unsigned lane_reset(const struct hostconf *host);
/* The port a proxy listens on for a LANE_PROXY. Number 0 stands for LANE_REFUSE. */
uint16_t lane_port(const struct hostconf *host, unsigned number);

/* How many lanes the rules need; octets of the arena that they take. */
size_t lanes_need(const struct ruleset *rs);
size_t lanes_room(const struct ruleset *rs);

/**
 * lanes_assign() - a number for each lane of @rs
 * @before: text of the lanes that were in force; empty: none
 *
 * Return: LANES_OK; LANES_E_ARENA; LANES_E_FULL; LANES_E_TEXT, of @before.
 */
int lanes_assign(
	struct arena *arena, const struct ruleset *rs, struct span before, struct lanes *lanes);

void lanes_print(struct out *o, const struct lanes *lanes);

/* Lanes as another role gave them. Return: LANES_OK; LANES_E_ARENA; LANES_E_TEXT: malformed, or not
 * exactly the lanes of @rs. */
int lanes_read(
	struct arena *arena, const struct ruleset *rs, struct span text, struct lanes *lanes);

/* NULL: no rule has it. */
const struct lane *lanes_find(const struct lanes *lanes, unsigned number);
/* The first lane of a rule; those behind it follow in the order of its internals. NULL: no rule of
 * these. */
const struct lane *lanes_of_rule(const struct lanes *lanes, const struct publish *rule);
