/* SPDX-License-Identifier: ISC */
#include "proxy/relay/hop_inside.h"

/* What the client hears of a domain that no mail can go to. A next hop that rules name is ours:
 * that it is not found is no fault of his. */
static enum code code_of(enum resolve_what what, enum resolve_result r)
{
	if (what == RESOLVE_HOST)
		return CODE_HOP_NAME;
	switch (r) {
	case RESOLVE_OK:
	case RESOLVE_TEMPFAIL: return CODE_HOP_NO_ANSWER;
	case RESOLVE_NONE: return CODE_HOP_NO_DOMAIN;
	case RESOLVE_NULL_MX: return CODE_HOP_NULL_MX;
	case RESOLVE_LOOP: return CODE_HOP_LOOP;
	case RESOLVE_BOGUS: return CODE_HOP_BOGUS;
	case RESOLVE_BAD: return CODE_HOP_BAD_DOMAIN;
	case RESOLVE_UNUSABLE: return CODE_HOP_UNUSABLE;
	}
	return CODE_HOP_NO_ANSWER;
}

/* Of one that postern-resolve does not answer for: as if it had said so. */
static struct span silence(struct resolve_said *said)
{
	*said = (struct resolve_said){ .result = RESOLVE_TEMPFAIL };
	return span_of(said, offsetof(struct resolve_said, name));
}

static void on_answered(struct ask *k, const struct msg *m)
{
	struct hop *h = (struct hop *)(void *)((char *)k - offsetof(struct hop, ask));
	const bool given = m && m->type == RESOLVE_SAID;
	char name[TARGETS_NAME];
	struct resolve_said said;
	enum resolve_result r;

	ask_end(k);
	memcpy(name, h->target->name, sizeof(name));
	r = targets_take(h->targets, h->target, given ? m->body : silence(&said));
	h->target = NULL;
	if (r == RESOLVE_OK)
		hop_dial(h);
	else
		hop_unknown(h, code_of(h->targets->what, r), span_str(name));
}

static uint32_t place_of(const struct hop *h)
{
	const struct ruleset *rs = h->hops->proxy->rules;
	uint32_t i = 0;

	while (i < rs->n_routes && rs->routes[i] != h->route)
		i++;
	return i;
}

void hop_look_up(struct hop *h)
{
	const struct span name = span_str(h->target->name);
	const struct resolve_ask ask = { .route = place_of(h), .what = h->targets->what };
	uint8_t body[sizeof(ask) + TARGETS_NAME];

	h->state = HOP_LOOKING_UP;
	wheel_cancel(&h->hops->proxy->wheel, &h->timer); /* a question has its own */
	memcpy(body, &ask, sizeof(ask));
	memcpy(body + sizeof(ask), name.p, name.n);
	h->ask.answered = on_answered;
	ask_begin(&h->hops->asks, &h->ask);
	ask_say(&h->ask, RESOLVE_ASK, body, sizeof(ask) + name.n);
}
