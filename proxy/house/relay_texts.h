/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Relay texts: what posternd reads for postern-relay, which reads no file
 *
 * Callers: proxy/house/generation.c.
 */
#include "base/out.h"
#include "rules/ruleset.h"

/* @fdp: a sealed memfd as proxy/relay/roles.h says, or -1: the rules need none. @why: lines for the
 * administrator on failure. Return: 0, or the exit code of posternd. */
int texts_make(const struct ruleset *rs, int *fdp, struct out *why);
