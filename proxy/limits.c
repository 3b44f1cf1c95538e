/* SPDX-License-Identifier: ISC */
#include "proxy/limits.h"

static struct tally_key key_of(
	const struct limits *l, const struct publish *rule, const struct ip *client)
{
	return (struct tally_key){
		.rule = rule->number,
		.client = ip_mask(client, client->family == IP_V4 ? 32 : l->client_prefix),
	};
}

static bool counts_clients(const struct rule_limits *limits)
{
	return limits->connections_client || limits->rate;
}

static struct limits_answer refused(enum code code, struct rules_at at)
{
	return (struct limits_answer){ .code = code, .at = at };
}

static struct limits_answer over_rate(
	struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	struct limits_answer a = refused(CODE_LIMIT_RATE, limits->rate_at);

	if (limits->rate_then != LIMIT_THEN_NOTHING && slot->banned_ms <= now_ms)
		slot->banned_ms = now_ms + limits->rate_for_ms;
	a.permanent = limits->rate_then == LIMIT_THEN_REFUSE;
	return a;
}

/* The limits of one client; it is counted when they hold. */
static struct limits_answer enter_client(const struct limits *l, const struct publish *rule,
	const struct ip *client, uint64_t now_ms)
{
	const struct rule_limits *limits = &rule->limits;
	struct tally_key key = key_of(l, rule, client);
	struct tally_slot *slot = tally_at(l->tally, &key, now_ms);

	if (!slot) /* who cannot be counted cannot be let in */
		return refused(CODE_LIMIT_MEMORY, limits->connections_at);
	if (slot->banned_ms > now_ms)
		return over_rate(slot, limits, now_ms);
	if (limits->connections_client && slot->connections >= limits->connections_client)
		return refused(CODE_LIMIT_CONNECTIONS_CLIENT, limits->connections_at);
	if (limits->rate && !tally_rate(slot, limits->rate, limits->rate_ms, now_ms))
		return over_rate(slot, limits, now_ms);
	slot->connections++;
	return refused(CODE_COUNT, (struct rules_at){ 0 });
}

struct limits_answer limits_enter(const struct limits *l, const struct publish *rule,
	const struct ip *client, uint64_t now_ms)
{
	struct limits_answer a = { .code = CODE_COUNT };

	if (rule->limits.connections_total && *l->total >= rule->limits.connections_total)
		return refused(CODE_LIMIT_CONNECTIONS_TOTAL, rule->limits.connections_at);
	if (counts_clients(&rule->limits))
		a = enter_client(l, rule, client, now_ms);
	if (a.code == CODE_COUNT)
		++*l->total;
	return a;
}

void limits_leave(const struct limits *l, const struct publish *rule, const struct ip *client)
{
	struct tally_key key = key_of(l, rule, client);
	struct tally_slot *slot;

	if (*l->total > 0)
		--*l->total;
	if (!counts_clients(&rule->limits))
		return;
	slot = tally_find(l->tally, &key);
	if (slot && slot->connections > 0) /* a slot with connections never goes, unless another
					      process wrote there */
		slot->connections--;
}
