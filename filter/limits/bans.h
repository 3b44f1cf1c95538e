/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bans: how they come to posternd, and from it into the counts
 *
 * A ban begins in the shared counts (filter/policy/windows.h), by whoever counts what is too much.
 * posternd is told of it, and keeps it: on disk, in the kernel, and until it is lifted.
 *
 * Callers: proxy/listen.c, proxy/flow.c, filter/gate/track.c tell; proxy/house/bans.c puts back and
 *          lifts, under the lock of the counts.
 */
#include "base/talk.h"
#include "base/tally.h"
#include "rules/ruleset.h"

/* One began: ROLE_BAN over the control pair. When there is no room it lives in the counts alone. */
void bans_tell(int control, const struct publish *rule, const struct ip *client, enum tally_what by,
	uint64_t ban_ms);

/* It stands in the counts until @end_ms. False: there is no room for one more. */
bool bans_put(struct tally *t, const struct tally_key *key, enum tally_what by, uint64_t end_ms,
	uint64_t now_ms);

/* The client of @key is as one that never came, but for the connections it has open: else what it
 * was banned for would ban it again at once. False: it was not banned. */
bool bans_lift(struct tally *t, const struct tally_key *key, uint64_t now_ms);
/* All of them. Return: how many. */
size_t bans_lift_all(struct tally *t, uint64_t now_ms);
