/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Rules texts and what is told about them
 *
 * Callers: test/unit/check_*_test.c, round_trip_test.c.
 */
#include "rules/rules.h"
#include "test/unit/support.h"

struct check_case {
	const char *text; /* a line "version 1" is put before it: it begins at line 2. Of
			     postern.conf: as it stands */
	/*
	 * Errors and warnings, a line each: "LINE:COLUMN: message", "; help" behind it. Warnings
	 * begin with "warning ", and what is not in the file itself with its name: "wrong.txt:2:1:
	 * ...". NULL: nothing.
	 */
	const char *want;
};

/* Each case from rules.conf, or from a postern.conf beside a rules.conf that says nothing. */
void expect_told(const struct check_case *cases, size_t n, bool host);

/* A rule set from a text that is right, in memory that stays until the next call. */
const struct ruleset *build_text(struct span rules, struct span host);

/* What rules_build() says of @text as rules.conf: everything that was told, notes too, as above. */
const char *told(struct span rules, struct span host);

/* A rule with one more statement, and a relay. */
#define PUBLISH(statements)                                                                        \
	"publish p { external 198.51.100.2:25; internal 10.0.0.1:25; " statements " }\n"
#define ROUTE "route o { domains any; next-hop mx }\n"
#define RELAY(statements)                                                                          \
	ROUTE "set d { members example.org }\n"                                                    \
	      "relay r { listen 198.51.100.2:25; recipients in d; deliver o; " statements " }\n"
