/* SPDX-License-Identifier: ISC */
#include "proxy/house/bans.h"

#include <errno.h>
#include <stdlib.h>

#include "rules/view.h"

/* ---- what may be banned ---- */

static const char *const whats[TALLY_WHATS] = { [TALLY_CONNECTIONS] = "rate",
	[TALLY_ERRORS] = "errors",
	[TALLY_RECIPIENTS] = "recipients",
	[TALLY_OCTETS] = "octets" };

const char *bans_what(enum tally_what what)
{
	return whats[what];
}

bool bans_what_find(struct span text, enum tally_what *whatp)
{
	for (unsigned i = 0; i < TALLY_WHATS; i++)
		if (span_eq(text, span_str(whats[i]))) {
			*whatp = (enum tally_what)i;
			return true;
		}
	return false;
}

const struct publish *bans_rule(const struct ruleset *rs, const char *name)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (strcmp(rule_front(&rs->rules[i])->name, name) == 0)
			return rule_front(&rs->rules[i]);
	return NULL;
}

static unsigned client_bits(const struct ruleset *rs, enum ip_family family)
{
	return family == IP_V4 ? 32 : rs->host.client_prefix;
}

int bans_check(struct ban *ban, const struct ruleset *rs, uint64_t now_ms)
{
	const struct publish *rule = bans_rule(rs, ban->rule);
	const struct limit_windows *w = rule ? &rule->limits.windows[ban->by] : NULL;

	if (!w || w->then == LIMIT_THEN_NOTHING ||
		ban->client.bits != client_bits(rs, ban->client.ip.family) || ban->end_ms <= now_ms)
		return BANS_E_RULES;
	if (ban->end_ms > now_ms + w->then_ms)
		ban->end_ms = now_ms + w->then_ms;
	return 0;
}

int bans_read(const struct msg *m, const struct ruleset *rs, uint64_t now_ms, struct ban *ban)
{
	struct role_ban told;
	enum ip_family family;

	if (m->fd >= 0 || m->body.n != sizeof(told))
		return BANS_E_NONSENSE;
	memcpy(&told, m->body.p, sizeof(told));
	family = told.client.family;
	if (told.rule[sizeof(told.rule) - 1] != '\0' || (family != IP_V4 && family != IP_V6) ||
		told.what >= TALLY_WHATS || told.seconds == 0)
		return BANS_E_NONSENSE;
	*ban = (struct ban){ .by = (enum tally_what)told.what,
		.client.bits = client_bits(rs, family),
		.end_ms = now_ms + (uint64_t)told.seconds * 1000 };
	ban->client.ip = ip_mask(&told.client, ban->client.bits);
	strcpy(ban->rule, told.rule);
	return bans_check(ban, rs, now_ms);
}

bool bans_may(struct bans_pace *p, uint64_t now_ms)
{
	const uint64_t due_ms = p->due_ms > now_ms ? p->due_ms : now_ms;

	if (due_ms - now_ms > (BANS_BURST - 1) * BANS_EACH_MS)
		return false;
	p->due_ms = due_ms + BANS_EACH_MS;
	return true;
}

/* ---- the list ---- */

static bool same_client(const struct ban *ban, const struct ip_prefix *client)
{
	return ban->client.bits == client->bits && ip_eq(&ban->client.ip, &client->ip);
}

static struct ban *find(const struct bans *b, const struct ban *ban)
{
	for (size_t i = 0; i < b->n; i++)
		if (same_client(&b->list[i], &ban->client) &&
			strcmp(b->list[i].rule, ban->rule) == 0)
			return &b->list[i];
	return NULL;
}

static bool make_room(struct bans *b)
{
	const size_t room = b->room ? 2 * b->room : 16;
	struct ban *more;

	if (b->n < b->room)
		return true;
	more = realloc(b->list, room * sizeof(*more));
	if (!more)
		return false;
	b->list = more;
	b->room = room;
	return true;
}

int bans_add(struct bans *b, const struct ban *ban)
{
	struct ban *there = find(b, ban);

	if (!there && b->n == BANS_MAX)
		return BANS_E_FULL;
	if (!there && !make_room(b))
		return -ENOMEM;
	if (!there)
		b->list[b->n++] = *ban;
	else if (there->end_ms < ban->end_ms)
		*there = *ban;
	b->unkept = true;
	return 0;
}

/* The last one takes its place. */
static void take_out(struct bans *b, size_t at)
{
	b->list[at] = b->list[--b->n];
	b->unkept = true;
}

size_t bans_del(struct bans *b, const struct ip_prefix *client,
	void (*lifted)(void *context, const struct ban *ban), void *context)
{
	const size_t before = b->n;

	for (size_t i = b->n; i-- > 0;) {
		if (!same_client(&b->list[i], client))
			continue;
		if (lifted)
			lifted(context, &b->list[i]);
		take_out(b, i);
	}
	return before - b->n;
}

void bans_flush(struct bans *b)
{
	b->unkept = b->unkept || b->n > 0;
	b->n = 0;
}

void bans_look(struct bans *b, uint64_t now_ms)
{
	for (size_t i = b->n; i-- > 0;)
		if (b->list[i].end_ms <= now_ms)
			take_out(b, i);
}

void bans_rules(struct bans *b, const struct ruleset *rs, uint64_t now_ms)
{
	for (size_t i = b->n; i-- > 0;)
		if (bans_check(&b->list[i], rs, now_ms) != 0)
			take_out(b, i);
}

void bans_deinit(struct bans *b)
{
	free(b->list);
	*b = (struct bans){ 0 };
}
