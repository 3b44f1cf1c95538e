/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Battery: what a stranger would try to get mail relayed
 *
 * Each row is a sender and what stands behind "RCPT TO:", with names to be filled in: the forms by
 * which one server takes a recipient for a hosted one and the next for somebody elsewhere.
 *
 * Callers: cli/selftest*.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"

struct battery_names {
	const char *victim;  /* a domain that nothing may be sent to */
	const char *hosted;  /* one that mail is taken for; NULL: none is known */
	const char *near;    /* what others end with to look like it; known where it is */
	const char *gateway; /* name of the gateway */
	const char *literal; /* its address, as "[198.51.100.2]" */
};

struct battery_row {
	const char *id;        /* of docs/CASES.md */
	const char *from, *to; /* patterns */
	const char *form;      /* what it is, in a few words */
	bool plain; /* an address as it stands: no attempt where a rule lets clients send to it */
};

/* All rows, in the order in which they are tried. */
const struct battery_row *battery_rows(size_t *np);

/* The pattern with its names, added to @o. False: it needs a hosted domain, or does not fit. */
bool battery_print(struct out *o, const char *pattern, const struct battery_names *names);
