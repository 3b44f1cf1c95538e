/* SPDX-License-Identifier: ISC */
#include "filter/limits/limits.h"

bool limits_ban_by_session(const struct rule_limits *limits)
{
	const struct limit_windows *w = &limits->windows[TALLY_ERRORS];

	return w->then != LIMIT_THEN_NOTHING && w->client.n == 0;
}

static bool counts_clients(const struct rule_limits *limits)
{
	if (limits->connections_client || limits_ban_by_session(limits))
		return true;
	for (unsigned i = 0; i < TALLY_WHATS; i++)
		if (limits->windows[i].client.n != 0)
			return true;
	return false;
}

static bool counts_whole(const struct rule_limits *limits)
{
	if (limits->connections_total)
		return true;
	for (unsigned i = 0; i < TALLY_WHATS; i++)
		if (limits->windows[i].total.n != 0)
			return true;
	return false;
}

static struct limit_answer refused(enum code code, struct rules_at at)
{
	return (struct limit_answer){ .code = code, .at = at };
}

/* ---- connections ---- */

/* Whether the client may come at all: what its other sessions did stands against it. */
static struct limit_answer judge_client(
	struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	struct limit_answer a = window_ban(slot, limits, now_ms);

	if (a.code != CODE_COUNT)
		return a;
	if (limits->connections_client && slot->connections >= limits->connections_client)
		return refused(CODE_LIMIT_CONNECTIONS_CLIENT, limits->connections_at);
	return window_room(
		(struct window_slots){ .client = slot }, limits, TALLY_ERRORS, 0, false, now_ms);
}

/* The whole rule counts it already. Of both slots NULL means that there is no room. */
static struct limit_answer judge(
	struct window_slots slots, const struct rule_limits *limits, uint64_t now_ms)
{
	struct limit_answer a = { .code = CODE_COUNT };

	if ((counts_whole(limits) && !slots.whole) || (counts_clients(limits) && !slots.client))
		return refused(CODE_LIMIT_MEMORY,
			limits->connections_at); /* who cannot be counted cannot be let in */
	if (slots.whole && limits->connections_total &&
		slots.whole->connections > limits->connections_total)
		return refused(CODE_LIMIT_CONNECTIONS_TOTAL, limits->connections_at);
	if (counts_clients(limits))
		a = judge_client(slots.client, limits, now_ms);
	if (a.code == CODE_COUNT && windows_of(limits, TALLY_CONNECTIONS))
		a = window_room(slots, limits, TALLY_CONNECTIONS, 1, true, now_ms);
	return a;
}

struct limit_answer limits_enter(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms,
	uint32_t *placep)
{
	const struct tally_key all = { .rule = rule };
	const struct tally_key his = { .rule = rule,
		.client = ip_mask(client, client->family == IP_V4 ? 32 : l->client_prefix) };
	struct window_slots slots;
	struct limit_answer a;

	if (ledger_full(l->ledger))
		return refused(CODE_LIMIT_MEMORY, (struct rules_at){ 0 });
	slots.whole = tally_at(l->tally, &all, now_ms);
	if (slots.whole)
		slots.whole->connections++; /* so that it does not make room for the next */
	slots.client = tally_at(l->tally, &his, now_ms);
	a = judge(slots, limits, now_ms);
	if (a.code != CODE_COUNT) {
		if (slots.whole)
			slots.whole->connections--;
		return a;
	}
	if (slots.client)
		slots.client->connections++;
	*placep = ledger_add(l->ledger, &(struct ledger_entry){ .rule = rule,
						.client = his.client,
						.counted = (slots.whole ? LEDGER_RULE : 0u) |
							   (slots.client ? LEDGER_CLIENT : 0u) });
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

/* ---- what sessions bring ---- */

/* Their slots, of those that are asked for: a connection holds them, unless another process wrote
 * there. */
static struct window_slots slots_of(const struct limits *l, uint32_t place,
	const struct rule_limits *limits, enum tally_what what, uint64_t now_ms)
{
	const struct ledger_entry e = ledger_at(l->ledger, place);
	const struct tally_key all = { .rule = e.rule };
	const struct tally_key his = { .rule = e.rule, .client = e.client };
	struct window_slots slots = { 0 };

	if (counts_clients(limits))
		slots.client = tally_at(l->tally, &his, now_ms);
	if (limits->windows[what].total.n != 0)
		slots.whole = tally_at(l->tally, &all, now_ms);
	return slots;
}

struct limit_answer limits_room(const struct limits *l, uint32_t place,
	const struct rule_limits *limits, enum tally_what what, uint64_t n, bool take,
	uint64_t now_ms)
{
	return window_room(slots_of(l, place, limits, what, now_ms), limits, what, n, take, now_ms);
}

void limits_count(const struct limits *l, uint32_t place, const struct rule_limits *limits,
	enum tally_what what, uint64_t n, uint64_t now_ms)
{
	window_count(slots_of(l, place, limits, what, now_ms), limits, what, n, now_ms);
}

uint64_t limits_session_over(
	const struct limits *l, uint32_t place, const struct rule_limits *limits, uint64_t now_ms)
{
	struct tally_slot *slot = slots_of(l, place, limits, TALLY_ERRORS, now_ms).client;

	return slot ? window_ban_begin(slot, limits, TALLY_ERRORS, now_ms) : 0;
}
