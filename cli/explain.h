/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What `postern explain` finds out, and its two ways to print it
 *
 * Callers: cli/explain*.c.
 */
#include "cli/cli.h"
#include "filter/policy/policy.h"
#include "rules/load/load.h"
#include "rules/match.h"

/* What becomes of the command line of --line; @verdict holds unless the rule passes all as it is.
 */
struct explain_line {
	bool given;
	char label[20];     /* the verb */
	bool fault;         /* the session would end */
	const char *defect; /* what is wrong with the line itself, or NULL */
	size_t defect_at;   /* its offset */
	struct verdict verdict;
	bool routed;               /* a recipient of a relay, which the rule allows */
	const struct route *route; /* the way there; NULL: there is none, and it is refused */
	char domain[256];          /* of that recipient; empty: <postmaster> */
};

struct explain {
	const struct cli *cli;
	struct load load;
	struct match_facts facts;
	const char *line_text;   /* --line, or NULL */
	const struct rule *rule; /* that decides; NULL: the default */
	struct explain_line line;
};

/* "2026-11-21T12:00", ":SS", "Z" or "+HH:MM" behind it; without an offset the host's zone. */
bool explain_time(const char *text, int64_t *now_sp);

/* Judges --line by the rule that decides. */
void explain_judge(struct explain *e);

/* ---- relays (explain_relay.c) ---- */

/* How a relay's address is listened at, as the rules say it: "starttls required"; "" in clear. */
const char *explain_listen(const struct explain *e);
/* The way of an allowed recipient, in words. */
void explain_way(struct out *o, const struct explain_line *l);
/* The i-th next hop of a route, as the rules say it. */
void explain_hop(struct out *o, const struct next_hop *hop);

/* @context: struct explain. */
void explain_text(struct out *o, void *context);
void explain_json(struct out *o, void *context);
