/* SPDX-License-Identifier: ISC */
#include "filter/policy/windows.h"

#include <stdatomic.h>

static const struct {
	enum code client, total;
} codes[TALLY_WHATS] = {
	[TALLY_CONNECTIONS] = { CODE_LIMIT_RATE, CODE_LIMIT_RATE_TOTAL },
	[TALLY_ERRORS] = { CODE_LIMIT_ERRORS_CLIENT, CODE_COUNT }, /* there is no total of these */
	[TALLY_RECIPIENTS] = { CODE_LIMIT_RECIPIENTS_CLIENT, CODE_LIMIT_RECIPIENTS_TOTAL },
	[TALLY_OCTETS] = { CODE_LIMIT_OCTETS_CLIENT, CODE_LIMIT_OCTETS_TOTAL },
};

static const struct limit_answer it_may = { .code = CODE_COUNT };

/* @n as the tally counts it. Limits and what is held against them are rounded alike: what is as
 * large as the limit fits into it. */
static uint32_t units(enum tally_what what, uint64_t n)
{
	if (what == TALLY_OCTETS)
		n = n / TALLY_OCTETS_UNIT + (n % TALLY_OCTETS_UNIT != 0);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

bool windows_of(const struct rule_limits *limits, enum tally_what what)
{
	return limits->windows[what].client.n != 0 || limits->windows[what].total.n != 0;
}

/* ---- bans ---- */

struct limit_answer window_ban(
	struct tally_slot *slot, const struct rule_limits *limits, uint64_t now_ms)
{
	const uint32_t by = slot->banned_by;

	atomic_signal_fence(memory_order_seq_cst); /* it is not read again behind the check: another
						      process may write there */
	if (slot->banned_ms <= now_ms || by >= TALLY_WHATS ||
		limits->windows[by].then == LIMIT_THEN_NOTHING)
		return it_may;
	return (struct limit_answer){ .code = codes[by].client,
		.permanent = limits->windows[by].then == LIMIT_THEN_REFUSE,
		.at = limits->windows[by].at };
}

uint64_t window_ban_begin(struct tally_slot *slot, const struct rule_limits *limits,
	enum tally_what what, uint64_t now_ms)
{
	const struct limit_windows *w = &limits->windows[what];

	if (w->then == LIMIT_THEN_NOTHING || window_ban(slot, limits, now_ms).code != CODE_COUNT)
		return 0;
	slot->banned_ms = now_ms + w->then_ms;
	slot->banned_by = what;
	return w->then_ms;
}

/* ---- room ---- */

static uint32_t left(struct tally_slot *slot, const struct limit_window *w, enum tally_what what,
	uint64_t now_ms)
{
	if (w->n == 0)
		return UINT32_MAX;
	return slot ? tally_left(&slot->windows[what], units(what, w->n), w->ms, now_ms) : 0;
}

static struct limit_answer over_client(struct tally_slot *slot, const struct rule_limits *limits,
	enum tally_what what, bool used_up, uint64_t now_ms)
{
	const struct limit_windows *w = &limits->windows[what];
	const uint64_t ban_ms = slot && used_up ? window_ban_begin(slot, limits, what, now_ms) : 0;

	return (struct limit_answer){ .code = codes[what].client,
		.permanent = w->then == LIMIT_THEN_REFUSE,
		.at = w->at,
		.ban_ms = ban_ms,
		.ban_by = what };
}

struct limit_answer window_room(struct window_slots slots, const struct rule_limits *limits,
	enum tally_what what, uint64_t n, bool take, uint64_t now_ms)
{
	const struct limit_windows *w = &limits->windows[what];
	const uint32_t wanted = n > 0 ? units(what, n) : 1;
	const uint32_t of_client = left(slots.client, &w->client, what, now_ms);

	if (of_client < wanted)
		return over_client(slots.client, limits, what, of_client == 0, now_ms);
	if (left(slots.whole, &w->total, what, now_ms) < wanted)
		return (struct limit_answer){ .code = codes[what].total, .at = w->at };
	if (take)
		window_count(slots, limits, what, n, now_ms);
	return it_may;
}

static void count_in(struct tally_slot *slot, const struct limit_window *w, enum tally_what what,
	uint64_t n, uint64_t now_ms)
{
	if (slot && w->n != 0)
		tally_add(&slot->windows[what], units(what, n), w->ms, now_ms);
}

void window_count(struct window_slots slots, const struct rule_limits *limits, enum tally_what what,
	uint64_t n, uint64_t now_ms)
{
	count_in(slots.client, &limits->windows[what].client, what, n, now_ms);
	count_in(slots.whole, &limits->windows[what].total, what, n, now_ms);
}
