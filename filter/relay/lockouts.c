/* SPDX-License-Identifier: ISC */
#include "filter/relay/lockouts.h"

#include "base/out.h"

/* Windows of a slot that mean something else here. */
#define FAILURES TALLY_ERRORS
#define ACCOUNTS TALLY_RECIPIENTS /* of a client: how many it tried */

enum kind { CLIENT = 'c', ACCOUNT = 'a', TRIED = 't', KNOWN = 'k' };

static const struct ip anybody = { 0 };

static struct tally_key key_of(const struct tally *t, enum kind kind, const struct lockout_try *try)
{
	const bool of_user = kind != CLIENT;
	uint8_t block[1024];
	struct out o;

	out_init(&o, block, sizeof(block)); /* a name of a rule, and one of a user: they fit */
	out_octet(&o, (uint8_t)kind);
	out_str(&o, try->auth->name);
	out_octet(&o, '\0');
	if (of_user)
		out_bytes(&o, try->user);
	return (struct tally_key){ .rule = tally_rule(t, out_span(&o)),
		.client = kind == ACCOUNT ? anybody : try->client };
}

static bool is_locked(const struct tally_slot *slot, const struct lockout_try *try)
{
	const uint64_t longest_ms = try->now_ms + try->auth->lockout_for_s * (uint64_t)1000;

	return slot && slot->banned_ms > try->now_ms && slot->banned_ms <= longest_ms;
}

static bool is_known(struct tally *t, const struct lockout_try *try)
{
	const struct tally_key key = key_of(t, KNOWN, try);

	return tally_find(t, &key) != NULL;
}

enum lockout_who lockouts_ask(struct tally *t, const struct lockout_try *try)
{
	struct tally_key key = key_of(t, CLIENT, try);

	if (!try->auth->lockout_failures)
		return LOCKOUT_NOBODY;
	if (is_locked(tally_find(t, &key), try))
		return LOCKOUT_CLIENT;
	key = key_of(t, ACCOUNT, try);
	if (try->user.n && is_locked(tally_find(t, &key), try) && !is_known(t, try))
		return LOCKOUT_ACCOUNT;
	return LOCKOUT_NOBODY;
}

static uint32_t window_of(const struct lockout_try *try)
{
	return try->auth->lockout_in_s * 1000;
}

/* True: it was one too many. */
static bool count(struct tally_slot *slot, const struct lockout_try *try)
{
	const struct auth *auth = try->auth;
	struct tally_window *w;

	if (!slot)
		return false;
	w = &slot->windows[FAILURES];
	tally_add(w, 1, window_of(try), try->now_ms);
	if (tally_left(w, auth->lockout_failures, window_of(try), try->now_ms) > 0)
		return false;
	slot->banned_ms = try->now_ms + auth->lockout_for_s * (uint64_t)1000;
	slot->banned_by = FAILURES;
	*w = (struct tally_window){ 0 }; /* when it is over, all begins anew */
	return true;
}

/* How many different names this client tried. */
static uint32_t count_account(struct tally *t, const struct lockout_try *try)
{
	const struct tally_key tried = key_of(t, TRIED, try), client = key_of(t, CLIENT, try);
	struct tally_slot *slot = tally_find(t, &tried);
	const bool is_new = !slot || slot->seen_ms + window_of(try) < try->now_ms ||
			    slot->seen_ms > try->now_ms;
	struct tally_window *w;

	tally_at(t, &tried, try->now_ms);
	slot = tally_at(t, &client, try->now_ms);
	if (!slot)
		return 0;
	w = &slot->windows[ACCOUNTS];
	if (is_new)
		tally_add(w, 1, window_of(try), try->now_ms);
	return UINT32_MAX - tally_left(w, UINT32_MAX, window_of(try), try->now_ms);
}

struct lockout_begun lockouts_failed(struct tally *t, const struct lockout_try *try)
{
	struct lockout_begun begun = { .who = LOCKOUT_NOBODY };
	const bool strange = try->user.n && !is_known(t, try);
	struct tally_key key;

	if (!try->auth->lockout_failures)
		return begun;
	if (try->user.n)
		begun.accounts = count_account(t, try);
	key = key_of(t, ACCOUNT, try);
	if (strange && count(tally_at(t, &key, try->now_ms), try))
		begun.who = LOCKOUT_ACCOUNT;
	key = key_of(t, CLIENT, try);
	if (count(tally_at(t, &key, try->now_ms), try))
		begun.who = LOCKOUT_CLIENT;
	return begun;
}

void lockouts_succeeded(struct tally *t, const struct lockout_try *try)
{
	const struct tally_key known = key_of(t, KNOWN, try);

	if (try->auth->lockout_failures)
		tally_at(t, &known, try->now_ms);
}
