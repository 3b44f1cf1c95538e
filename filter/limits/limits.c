/* SPDX-License-Identifier: ISC */
#include "filter/limits/limits.h"

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

static struct limits_answer judge_client(
	struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	if (limits->rate_then != LIMIT_THEN_NOTHING && slot->banned_ms > now_ms)
		return over_rate(slot, limits, now_ms);
	if (limits->connections_client && slot->connections >= limits->connections_client)
		return refused(CODE_LIMIT_CONNECTIONS_CLIENT, limits->connections_at);
	if (limits->rate && !tally_rate(slot, limits->rate, limits->rate_ms, now_ms))
		return over_rate(slot, limits, now_ms);
	return (struct limits_answer){ .code = CODE_COUNT };
}

/* @whole counts it already. Of both NULL means that there is no room. */
static struct limits_answer judge(const struct tally_slot *whole, struct tally_slot *one,
	const struct rule_limits *limits, uint64_t now_ms)
{
	if ((limits->connections_total && !whole) || (counts_clients(limits) && !one))
		return refused(CODE_LIMIT_MEMORY,
			limits->connections_at); /* who cannot be counted cannot be let in */
	if (limits->connections_total && whole->connections > limits->connections_total)
		return refused(CODE_LIMIT_CONNECTIONS_TOTAL, limits->connections_at);
	if (counts_clients(limits))
		return judge_client(one, limits, now_ms);
	return (struct limits_answer){ .code = CODE_COUNT };
}

struct limits_answer limits_enter(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms)
{
	const struct tally_key all = { .rule = rule };
	const struct tally_key his = { .rule = rule,
		.client = ip_mask(client, client->family == IP_V4 ? 32 : l->client_prefix) };
	struct tally_slot *whole, *one;
	struct limits_answer a;

	if (ledger_full(l->ledger))
		return refused(CODE_LIMIT_MEMORY, (struct rules_at){ 0 });
	whole = tally_at(l->tally, &all, now_ms);
	if (whole)
		whole->connections++; /* so that it does not make room for the next */
	one = tally_at(l->tally, &his, now_ms);
	a = judge(whole, one, limits, now_ms);
	if (a.code != CODE_COUNT) {
		if (whole)
			whole->connections--;
		return a;
	}
	if (one)
		one->connections++;
	a.place = ledger_add(l->ledger,
		&(struct ledger_entry){ .rule = rule,
			.client = his.client,
			.counted = (whole ? LEDGER_RULE : 0u) | (one ? LEDGER_CLIENT : 0u) });
	return a;
}

void limits_leave(const struct limits *l, uint32_t place)
{
	const struct ledger_entry e = ledger_at(l->ledger, place);
	struct tally_key keys[2];
	const unsigned n = ledger_keys(&e, keys);

	for (unsigned i = 0; i < n; i++) {
		struct tally_slot *slot = tally_find(l->tally, &keys[i]);
		if (slot && slot->connections > 0) /* a slot with connections never goes, unless
						      another process wrote there */
			slot->connections--;
	}
	ledger_remove(l->ledger, place);
}
