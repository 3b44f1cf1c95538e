/* SPDX-License-Identifier: ISC */
#include "filter/limits/look.h"

static struct limits_answer refused(enum code code, struct rules_at at)
{
	return (struct limits_answer){ .code = code, .at = at };
}

/* Asked of a copy, nothing is counted. */
static bool rate_allows(
	const struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	struct tally_slot copy = *slot;

	return tally_rate(&copy, limits->rate, limits->rate_ms, now_ms);
}

static bool over_rate(
	const struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	if (!limits->rate)
		return false;
	return limits->rate_then == LIMIT_THEN_NOTHING ? !rate_allows(slot, limits, now_ms)
						       : slot->banned_ms > now_ms;
}

struct limits_answer limits_look(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms)
{
	const struct tally_key all = { .rule = rule };
	const struct tally_key his = { .rule = rule,
		.client = ip_mask(client, client->family == IP_V4 ? 32 : l->client_prefix) };
	const struct tally_slot *whole = tally_find(l->tally, &all);
	const struct tally_slot *one = tally_find(l->tally, &his);

	if (whole && limits->connections_total && whole->connections >= limits->connections_total)
		return refused(CODE_LIMIT_CONNECTIONS_TOTAL, limits->connections_at);
	if (one && limits->connections_client && one->connections >= limits->connections_client)
		return refused(CODE_LIMIT_CONNECTIONS_CLIENT, limits->connections_at);
	if (one && over_rate(one, limits, now_ms))
		return refused(CODE_LIMIT_RATE, limits->rate_at);
	return (struct limits_answer){ .code = CODE_COUNT };
}
