/* SPDX-License-Identifier: ISC */
#include "filter/limits/look.h"

static struct limit_answer refused(enum code code, struct rules_at at)
{
	return (struct limit_answer){ .code = code, .at = at };
}

/* Of what is asked about nothing is counted: the answers are those of copies, and who has no slot
 * has done nothing yet. */
static struct limit_answer ask(struct tally_slot client, struct tally_slot whole,
	const struct rule_limits *limits, uint64_t now_ms)
{
	static const struct tally_slot none;
	const struct limit_answer ban = window_ban(&client, limits, now_ms);

	if (limits->windows[TALLY_CONNECTIONS].then != LIMIT_THEN_NOTHING)
		client = none; /* a ban begins with a handshake: who comes too often is let make one
				*/
	if (ban.code != CODE_COUNT || !windows_of(limits, TALLY_CONNECTIONS))
		return ban;
	return window_room((struct window_slots){ &client, &whole }, limits, TALLY_CONNECTIONS, 1,
		false, now_ms);
}

struct limit_answer limits_look(const struct limits *l, uint64_t rule,
	const struct rule_limits *limits, const struct ip *client, uint64_t now_ms)
{
	static const struct tally_slot none;
	const struct tally_key all = { .rule = rule };
	const struct tally_key his = { .rule = rule,
		.client = ip_mask(client, client->family == IP_V4 ? 32 : l->client_prefix) };
	const struct tally_slot *whole = tally_find(l->tally, &all);
	const struct tally_slot *one = tally_find(l->tally, &his);

	if (whole && limits->connections_total && whole->connections >= limits->connections_total)
		return refused(CODE_LIMIT_CONNECTIONS_TOTAL, limits->connections_at);
	if (one && limits->connections_client && one->connections >= limits->connections_client)
		return refused(CODE_LIMIT_CONNECTIONS_CLIENT, limits->connections_at);
	return ask(one ? *one : none, whole ? *whole : none, limits, now_ms);
}
