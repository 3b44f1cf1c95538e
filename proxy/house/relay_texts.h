/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Relay texts: what posternd reads for relays and their servants, which read no file
 *
 * Callers: proxy/house/generation.c, servant.c.
 */
#include "base/out.h"
#include "rules/ruleset.h"

enum texts_of { TEXTS_NONE, TEXTS_RELAY, TEXTS_KEY, TEXTS_AUTH, TEXTS_RESOLVE };

/**
 * texts_make() - the texts of one role
 * @dir: of rules.conf, from where its paths are meant
 * @fdp: a sealed memfd as proxy/relay/roles.h says, or -1: the rules need none
 * @why: lines for the administrator on failure
 *
 * Return: 0, or the exit code of posternd.
 */
int texts_make(
	const char *dir, const struct ruleset *rs, enum texts_of role, int *fdp, struct out *why);
