/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Unbuilt: what the rules language says and this version, or this process, does not carry out
 *
 * Such a statement is legal for `postern check`, but posternd does not start with it: nothing is
 * ever ignored in silence. Each line names its place and what to write instead.
 *
 * Callers: proxy/house.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "base/out.h"
#include "rules/ruleset.h"

/* What this process may do. */
struct unbuilt_may {
	bool root;        /* give roles users of their own */
	bool transparent; /* make sockets with clients' addresses (proxy/transparent.h) */
};

/* One line each, "FILE:LINE: error: ...", then warnings of what merely has no effect. Return:
 * errors. */
unsigned unbuilt_print(struct out *o, const struct ruleset *rs, const struct unbuilt_may *may);
