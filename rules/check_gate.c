/* SPDX-License-Identifier: ISC */
/* `gate fail-open`: what the kernel does alone when nobody asks it, and so must be able to. */
#include "rules/check.h"
#include "rules/view.h"

#define TELL(c, p, level, help, ...) DIAG((c)->diags, (level), (p)->gate_at, 4, (help), __VA_ARGS__)

static bool shares(const struct publish *p, const struct rule *other)
{
	const struct rule_view v = rule_view(other);

	for (size_t i = 0; i < p->n_external && other->publish != p; i++)
		for (size_t j = 0; j < v.n_endpoints; j++) {
			const struct rule_endpoint *e = rule_endpoint(other, j);

			if (e->at.line != 0 && rule_endpoint_is(e, &p->external[i].addr))
				return true;
		}
	return false;
}

static void check_alone(struct check *c, const struct publish *p)
{
	for (size_t i = 0; i < c->rs->n_rules; i++)
		if (shares(p, &c->rs->rules[i]))
			TELL(c, p, DIAG_ERROR, "give this rule an address or a port of its own",
				SPAN("\"gate fail-open\" opens the address and port to everybody, "
				     "and \""),
				span_str(rule_view(&c->rs->rules[i]).name),
				SPAN("\" publishes them, too"));
}

/* Nobody looks at the client, the hour and the counts then. */
static void check_conditions(struct check *c, const struct publish *p)
{
	if (p->when != NULL || (p->from.given && !p->from.any))
		TELL(c, p, DIAG_ERROR, "take \"gate fail-open\" out, or \"from\" and \"when\"",
			SPAN("\"gate fail-open\" lets everybody in, at any hour, and the rule is "
			     "for some"));
	else if (p->from.n_except > 0)
		TELL(c, p, DIAG_WARNING, NULL,
			SPAN("without the gate those behind \"except\" come in, too"));
}

static void check_ways(struct check *c, const struct publish *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n_external; i++)
		any = any || p->external[i].any;
	if (any || p->internal_original)
		TELL(c, p, DIAG_ERROR, "name the addresses, or take \"gate fail-open\" out",
			SPAN("\"gate fail-open\" needs one way for each published address: not "
			     "\"external "
			     "any\", nor \"internal original\""));
	if (p->client_address == CLIENT_PROXY_V2)
		TELL(c, p, DIAG_ERROR, "take one of both out",
			SPAN("\"gate fail-open\" stands beside \"client-address proxy-v2\", which "
			     "needs a "
			     "proxy"));
}

void cross_gate(struct check *c)
{
	for (size_t i = 0; i < c->rs->n_rules; i++) {
		const struct publish *p = c->rs->rules[i].publish;

		if (p == NULL || !p->gate_fail_open)
			continue;
		check_alone(c, p);
		check_conditions(c, p);
		check_ways(c, p);
	}
}
