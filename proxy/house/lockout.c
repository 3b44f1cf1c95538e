/* SPDX-License-Identifier: ISC */
#include "proxy/house/lockout.h"

#include <stdio.h>

#include "base/clock.h"
#include "filter/limits/bans.h"
#include "log/facts.h"
#include "proxy/house/house.h"
#include "rules/view.h"

/* ---- one begins ---- */

static void tell_log(struct house *h, const struct ban *ban, uint64_t now_ms)
{
	const struct publish *rule = bans_rule(house_rules(h), ban->rule);
	const int64_t now_ns = clock_wall_ns();

	log_ban(&h->log, now_ns,
		&(struct log_ban){ .rule = ban->rule,
			.client = ban->client,
			.what = bans_what(ban->by),
			.until_ns = now_ns + (int64_t)(ban->end_ms - now_ms) * 1000000,
			.at = rule->limits.windows[ban->by].at });
}

bool lockout_told(struct house *h, struct bans_pace *pace, const struct msg *m)
{
	const uint64_t now_ms = clock_steady_ms();
	struct ban ban;
	int r = bans_read(m, house_rules(h), now_ms, &ban);

	if (r != 0)
		return r == BANS_E_RULES;
	if (!bans_may(pace, now_ms) || bans_add(&h->bans, &ban) != 0) {
		h->lockout.beyond++;
		return true;
	}
	tell_log(h, &ban, now_ms);
	barrier_put(&h->managed, &ban);
	return true;
}

/* ---- lifted ---- */

static struct tally_key key_of(struct house *h, const char *rule, const struct ip_prefix *client)
{
	return (struct tally_key){ .rule = tally_rule(&h->shared.tally, span_str(rule)),
		.client = client->ip };
}

static void lifted(void *house, const struct ban *ban)
{
	struct house *h = house;

	barrier_lift(&h->managed, ban);
}

/* Also what did not get into the list. */
static bool lift_counts(struct house *h, const struct ip_prefix *client)
{
	const struct ruleset *rs = house_rules(h);
	const uint64_t now_ms = clock_steady_ms();
	bool any = false;

	shared_lock(&h->shared);
	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct tally_key key = key_of(h, rule_front(&rs->rules[i])->name, client);

		any |= bans_lift(&h->shared.tally, &key, now_ms);
	}
	shared_unlock(&h->shared);
	return any;
}

bool lockout_lift(struct house *h, const struct ip_prefix *client)
{
	const size_t n = bans_del(&h->bans, client, lifted, h);
	const bool counted = lift_counts(h, client);

	return n > 0 || counted;
}

void lockout_flush(struct house *h)
{
	for (size_t i = 0; i < h->bans.n; i++)
		barrier_lift(&h->managed, &h->bans.list[i]);
	bans_flush(&h->bans);
	shared_lock(&h->shared);
	bans_lift_all(&h->shared.tally, clock_steady_ms());
	shared_unlock(&h->shared);
}

/* ---- in time ---- */

void lockout_restore(struct house *h)
{
	const uint64_t now_ms = clock_steady_ms();

	shared_lock(&h->shared);
	for (size_t i = 0; i < h->bans.n; i++) {
		const struct ban *ban = &h->bans.list[i];
		const struct tally_key key = key_of(h, ban->rule, &ban->client);
		bans_put(&h->shared.tally, &key, ban->by, ban->end_ms, now_ms);
	}
	shared_unlock(&h->shared);
}

void lockout_rules(struct house *h)
{
	bans_rules(&h->bans, house_rules(h), clock_steady_ms());
	barrier_doubt(&h->managed);
}

void lockout_look(struct house *h, uint64_t now_ms)
{
	struct lockout *l = &h->lockout;

	bans_look(&h->bans, now_ms);
	barrier_look(&h->managed);
	if (l->beyond == 0 || now_ms < l->next_ms)
		return;
	l->next_ms = now_ms + LOCKOUT_TELL_MS;
	fprintf(stderr,
		"posternd: %llu more clients were banned at once than are listed: the proxies and "
		"the gate refuse them, and forget them when posternd ends\n",
		(unsigned long long)l->beyond);
	l->beyond = 0;
}
