/* SPDX-License-Identifier: ISC */
#include "filter/limits/bans.h"

void bans_tell(int control, const struct publish *rule, const struct ip *client, enum tally_what by,
	uint64_t ban_ms)
{
	const uint64_t seconds = (ban_ms + 999) / 1000;
	struct role_ban ban = { .client = *client,
		.what = by,
		.seconds = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX };
	const size_t n = strlen(rule->name);

	if (n >= sizeof(ban.rule))
		return; /* names are shorter */
	memcpy(ban.rule, rule->name, n);
	msg_send(control, ROLE_BAN, span_of(&ban, sizeof(ban)), -1);
}

bool bans_put(struct tally *t, const struct tally_key *key, enum tally_what by, uint64_t end_ms,
	uint64_t now_ms)
{
	struct tally_slot *slot = tally_at(t, key, now_ms);

	if (!slot)
		return false;
	if (slot->banned_ms < end_ms) {
		slot->banned_ms = end_ms;
		slot->banned_by = by;
	}
	return true;
}

static bool lift(struct tally_slot *slot, uint64_t now_ms)
{
	if (slot->banned_ms <= now_ms)
		return false;
	slot->banned_ms = 0;
	memset(slot->windows, 0, sizeof(slot->windows));
	return true;
}

bool bans_lift(struct tally *t, const struct tally_key *key, uint64_t now_ms)
{
	struct tally_slot *slot = tally_find(t, key);

	return slot && lift(slot, now_ms);
}

size_t bans_lift_all(struct tally *t, uint64_t now_ms)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_slots; i++)
		n += lift(&t->slots[i], now_ms);
	return n;
}
