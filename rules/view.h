/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * What publish and relay have in common: name, place, addresses, who, when
 *
 * Callers: rules/match.c, rules/lint*.c, proxy/dial.c, proxy/relay/relayed.c, cli/explain*.c and
 *          cli/replay.c.
 * Purity:  no allocation, no clock, no log, no syscall.
 */
#include "rules/ruleset.h"

struct rule_view {
	const char *name;
	struct rules_at at;
	unsigned number;
	size_t n_endpoints; /* published or listened on: rule_endpoint() */
	const struct rule_expr *from;
	const struct schedule *when; /* NULL: always */
	struct rules_at when_at;
};

/* What a client meets: of a relay, its front. */
static inline const struct publish *rule_front(const struct rule *rule)
{
	return rule->publish != NULL ? rule->publish : &rule->relay->front;
}

static inline struct rule_view rule_view(const struct rule *rule)
{
	const struct publish *p = rule_front(rule);

	return (struct rule_view){ p->name, p->at, p->number, p->n_external, &p->from, p->when,
		p->when_at };
}

static inline const struct rule_endpoint *rule_endpoint(const struct rule *rule, size_t i)
{
	return &rule_front(rule)->external[i];
}

/* Does the published @endpoint stand for what a client asked for? */
static inline bool rule_endpoint_is(const struct rule_endpoint *endpoint, const struct ip_port *to)
{
	return endpoint->addr.port == to->port &&
	       (endpoint->any || ip_eq(&endpoint->addr.ip, &to->ip));
}

/* Where a relay listens for what a client asked for; NULL: nowhere. The same address may be
 * listened on by one statement only; a dual-stack one is any family's. */
static inline const struct relay_listen *relay_listen(
	const struct relay *relay, const struct ip_port *to)
{
	for (size_t i = 0; i < relay->n_listen; i++)
		if (rule_endpoint_is(&relay->listen[i].addr, to))
			return &relay->listen[i];
	return NULL;
}

/* The route of a relay that needs no recipient's domain: who checks a login there, and where mail
 * to <postmaster> goes. NULL: each delivers by MX. */
static inline const struct route *relay_named_route(const struct relay *relay)
{
	for (size_t i = 0; i < relay->n_deliver; i++)
		if (!relay->deliver[i]->mx)
			return relay->deliver[i];
	return NULL;
}

/* Where the @i-th internal of a rule is, for a client that asked for @to: `internal original` is
 * @to itself, and an internal without a port has that of @to. */
static inline struct ip_port rule_internal(
	const struct publish *rule, size_t i, const struct ip_port *to)
{
	struct ip_port server;

	if (rule->internal_original)
		return *to;
	server = rule->internal[i].addr;
	if (!rule->internal_port_given[i])
		server.port = to->port;
	return server;
}
