/* SPDX-License-Identifier: ISC */
#include "proxy/relay/targets.h"

static void put_name(struct target *t, struct span name)
{
	const size_t n = name.n < TARGETS_NAME ? name.n : TARGETS_NAME - 1;

	if (n > 0)
		memcpy(t->name, name.p, n);
	t->name[n] = '\0';
}

static void add(struct targets *t, struct ip_port addr, bool unknown, struct span name)
{
	struct target *one = &t->target[t->n];

	if (t->n == TARGETS_MAX)
		return;
	t->n++;
	one->addr = addr;
	one->unknown = unknown;
	one->tried = false;
	put_name(one, name);
}

void targets_init(struct targets *t, const struct route *route, struct span domain)
{
	t->n = 0;
	t->what = route->mx ? RESOLVE_MAIL : RESOLVE_HOST;
	if (route->mx)
		add(t, (struct ip_port){ .port = MX_PORT }, true, domain);
	for (size_t i = 0; i < route->n_hops; i++) {
		const struct next_hop *hop = &route->hops[i];

		add(t, hop->addr.addr, hop->name != NULL, span_str(hop->name));
	}
}

struct target *targets_next(struct targets *t, const struct rests *rests, uint64_t now_ms)
{
	struct target *resting = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct target *one = &t->target[i];

		if (one->tried)
			continue;
		if (one->unknown || !rests_has(rests, &one->addr, now_ms))
			return one;
		if (!resting)
			resting = one;
	}
	return resting;
}

/* ---- what postern-resolve says ---- */

/* It is another process: nothing of it is believed before it was looked at. */
static bool read_said(struct span body, struct resolve_said *said)
{
	const size_t head = offsetof(struct resolve_said, name);

	if (body.n < head || body.n > sizeof(*said))
		return false;
	memset(said, 0, sizeof(*said));
	memcpy(said, body.p, body.n);
	if (said->n > RESOLVE_ADDRESSES || said->names > RESOLVE_NAMES ||
		body.n != head + said->names * sizeof(said->name[0]))
		return false;
	for (uint32_t i = 0; i < said->n; i++)
		if (said->address[i].name >= said->names ||
			(said->address[i].ip.family != IP_V4 &&
				said->address[i].ip.family != IP_V6))
			return false;
	for (uint32_t i = 0; i < said->names; i++)
		if (!memchr(said->name[i], '\0', sizeof(said->name[i])))
			return false;
	return true;
}

/* Room for @n at @at, where one stands that goes. Return: how many have room. */
static size_t make_room(struct targets *t, size_t at, size_t n)
{
	size_t behind = t->n - at - 1;

	if (n > TARGETS_MAX - at)
		n = TARGETS_MAX - at;
	if (behind > TARGETS_MAX - at - n)
		behind = TARGETS_MAX - at - n;
	memmove(&t->target[at + n], &t->target[at + 1], behind * sizeof(t->target[0]));
	t->n = at + n + behind;
	return n;
}

bool targets_others(const struct targets *t, const struct target *one)
{
	for (size_t i = 0; i < t->n; i++)
		if (&t->target[i] != one && !t->target[i].tried)
			return true;
	return false;
}

enum resolve_result targets_take(struct targets *t, struct target *unknown, struct span body)
{
	const size_t at = (size_t)(unknown - t->target);
	const uint16_t port = unknown->addr.port;
	struct resolve_said said;
	size_t n;

	if (!read_said(body, &said))
		said.result = RESOLVE_TEMPFAIL;
	if (said.result > RESOLVE_RESULT_MAX || (said.result == RESOLVE_OK && said.n == 0))
		said.result = RESOLVE_TEMPFAIL;
	n = make_room(t, at, said.result == RESOLVE_OK ? said.n : 0);
	for (size_t i = 0; i < n; i++) {
		struct target *one = &t->target[at + i];

		*one = (struct target){ .addr = { said.address[i].ip, port } };
		put_name(one, span_str(said.name[said.address[i].name]));
	}
	return (enum resolve_result)said.result;
}
