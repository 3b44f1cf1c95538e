/* SPDX-License-Identifier: ISC */
#include "rules/check.h"
#include "rules/view.h"

static bool gave(const struct block_seen *seen, enum publish_row row)
{
	return seen->first[row] != NULL;
}

/* ---- pass: nothing that only an inspected rule can do ---- */

static void tell_beside_pass(struct check *c, const struct statement *st)
{
	CHECK_TELL(c, st, "take \"pass\" out, or this statement", SPAN("\""), st->first->text,
		SPAN("\" stands beside \"pass\", but a passed session is not looked at"));
}

static void check_pass_limits(struct check *c, const struct publish *p)
{
	const struct {
		const struct rules_at *at;
		const char *word;
	} limits[] = {
		{ &p->limits.message_at, "message" },
		{ &p->limits.windows[TALLY_RECIPIENTS].at, "recipients" },
		{ &p->limits.windows[TALLY_ERRORS].at, "errors" },
		{ &p->limits.windows[TALLY_OCTETS].at, "octets" },
		{ &p->limits.slow_at, "slow" },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].at->line != 0)
			CHECK_TELL_AT(c, *limits[i].at, "limit",
				"take \"pass\" out, or this statement", SPAN("\"limit "),
				span_str(limits[i].word),
				SPAN("\" stands beside \"pass\", but a passed session is not "
				     "looked at"));
}

static void check_pass(struct check *c, const struct publish *p, const struct block_seen *seen)
{
	static const enum publish_row inspecting[] = { PUBLISH_INSPECT, PUBLISH_RECIPIENTS,
		PUBLISH_BANNER };

	for (size_t i = 0; i < sizeof(inspecting) / sizeof(inspecting[0]); i++)
		if (gave(seen, inspecting[i]))
			tell_beside_pass(c, seen->first[inspecting[i]]);
	check_pass_limits(c, p);
	if (p->client_address == CLIENT_XCLIENT)
		CHECK_TELL_AT(c, p->client_address_at, "client-address",
			"\"client-address proxy-v2\" works beside \"pass\"",
			SPAN("\"client-address xclient\" stands beside \"pass\": XCLIENT is an "
			     "SMTP command, and a passed session is "
			     "not spoken to"));
	DIAG(c->diags, DIAG_NOTE, p->pass_at, sizeof("pass") - 1, NULL, SPAN("publish \""),
		span_str(p->name),
		SPAN("\" is not inspected: commands, STARTTLS and messages pass as they are"));
}

/* ---- inspected rules ---- */

static void check_starttls(struct check *c, const struct publish *p)
{
	if (p->commands->starttls_offered)
		CHECK_TELL_AT(c, p->inspect_at, "inspect",
			"a rule with \"pass\" lets STARTTLS through, uninspected",
			SPAN("command table \""), span_str(p->commands->name),
			SPAN("\" offers STARTTLS, which ends inspection: that is for relays only"));
}

static void check_gateway(struct check *c, const struct publish *p, const struct block_seen *seen)
{
	if (p->client_address != CLIENT_GATEWAY)
		return;
	if (!gave(seen, PUBLISH_RECIPIENTS) && seen->unknown)
		return; /* what was told already may be what is missing */
	if (!gave(seen, PUBLISH_RECIPIENTS))
		CHECK_TELL_AT(c, p->client_address_at, "client-address",
			"add \"recipients in SET\"",
			SPAN("\"client-address gateway\" without \"recipients\": a server usually "
			     "trusts the gateway's address and "
			     "would relay for anyone"));
	else if (p->recipients.any && expr_is_open(&p->from))
		DIAG(c->diags, DIAG_WARNING, p->recipients.at, sizeof("recipients") - 1, NULL,
			SPAN("\"recipients any\" with \"client-address gateway\": if the server "
			     "trusts the gateway's address, this is "
			     "an open relay"));
}

/* ---- both ---- */

bool cross_same_endpoint(const struct rule_endpoint *a, const struct rule_endpoint *b)
{
	return !a->any && !b->any && a->addr.port == b->addr.port &&
	       ip_eq(&a->addr.ip, &b->addr.ip);
}

static void check_circle(struct check *c, const struct publish *p)
{
	for (size_t i = 0; i < p->n_internal; i++)
		for (size_t j = 0; j < p->n_external; j++)
			if (p->internal[i].at.line != 0 &&
				cross_same_endpoint(&p->internal[i], &p->external[j]))
				CHECK_TELL_AT(c, p->internal_at, "internal", NULL,
					SPAN("the internal server is the published address itself: "
					     "a connection would come back for ever"));
}

/* ---- client-address keep: an address of one family can only be shown to a server of that ---- */

uint32_t cross_width(const struct rule_endpoint *e)
{
	uint8_t text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (e->any)
		return sizeof("any") - 1;
	ip_port_print(&o, &e->addr);
	return (uint32_t)o.n;
}

static bool has_internal_of(const struct publish *p, enum ip_family family)
{
	for (size_t i = 0; i < p->n_internal; i++)
		if (p->internal[i].addr.ip.family == family)
			return true;
	return p->internal_original;
}

static void tell_family(struct check *c, const struct publish *p, const struct rule_endpoint *e)
{
	const bool v6 = e->addr.ip.family == IP_V6;

	DIAG(c->diags, DIAG_ERROR, e->at, cross_width(e),
		p->pass ? "add such a server, or write \"client-address gateway\" or "
			  "\"client-address proxy-v2\""
			: "add such a server, or write \"client-address gateway\", "
			  "\"client-address xclient\" or \"client-address proxy-v2\"",
		SPAN("clients of this address have "), v6 ? SPAN("IPv6") : SPAN("IPv4"),
		SPAN(" addresses, and \"client-address keep\""),
		p->client_address_at.line != 0 ? SPAN("") : SPAN(" (the default)"),
		SPAN(" shows them to servers of that family only, of which \"internal\" names "
		     "none"));
}

/* Each family is told once. any:PORT may bring either: who has no server then is refused when he
 * comes. */
static void check_families(struct check *c, const struct publish *p)
{
	bool told[IP_V6 + 1] = { false };

	if (p->client_address != CLIENT_KEEP)
		return;
	for (size_t i = 0; i < p->n_external; i++) {
		const struct rule_endpoint *e = &p->external[i];
		const enum ip_family family = e->addr.ip.family;

		if (e->any || told[family] || has_internal_of(p, family))
			continue;
		told[family] = true;
		tell_family(c, p, e);
	}
}

void cross_publish(struct check *c, const struct named *named)
{
	const struct publish *p = named->object;
	const struct block_seen *seen = named->seen;

	if (p->pass)
		check_pass(c, p, seen);
	else if (gave(seen, PUBLISH_GATE))
		CHECK_TELL(c, seen->first[PUBLISH_GATE], NULL,
			SPAN("\"gate fail-open\" may stand only beside \"pass\": what is inspected "
			     "must not go by uninspected"));
	if (!p->pass && !gave(seen, PUBLISH_PASS)) {
		check_starttls(c, p);
		check_gateway(c, p, seen);
	}
	if (((seen->faulty >> PUBLISH_EXTERNAL | seen->faulty >> PUBLISH_INTERNAL) & 1) == 0) {
		check_circle(c, p);
		if (gave(seen, PUBLISH_EXTERNAL) && gave(seen, PUBLISH_INTERNAL) &&
			((seen->faulty >> PUBLISH_CLIENT_ADDRESS) & 1) == 0 && !seen->unknown)
			check_families(c, p);
	}
}

/* ---- both files ---- */

/* Whoever asks for that port itself came past the interception. In `mode managed` each inspected
 * rule has one of the ports behind it: rules/kernel/lanes.h. */
static void check_intercept_port(struct check *c, const struct rule_endpoint *e)
{
	const struct hostconf *host = &c->rs->host;
	const uint32_t more = host->mode == MODE_MANAGED
				      ? host->lane_mask / (host->lane_mask & (~host->lane_mask + 1))
				      : 0;

	if (e->at.line != 0 && e->addr.port >= host->intercept_port &&
		e->addr.port <= host->intercept_port + more)
		DIAG(c->diags, DIAG_ERROR, e->at, cross_width(e),
			"\"intercept ... port N\" of postern.conf moves it",
			SPAN("this is the port that intercepted connections are taken on: it "
			     "cannot be published itself"));
}

void cross_host(struct check *c)
{
	const enum host_mode mode = c->rs->host.mode;

	if (mode != MODE_EXTERNAL && mode != MODE_MANAGED && mode != MODE_SETS_ONLY)
		return;
	if (mode == MODE_MANAGED && (c->rs->host.mark_mask & c->rs->host.lane_mask))
		DIAG(c->diags, DIAG_ERROR,
			c->rs->host.lane_mask_at.line ? c->rs->host.lane_mask_at
						      : c->rs->host.mark_at,
			0,
			"say \"mark 0x00500000/0x00f00000\" and \"connection-mark 0xff000000\", or "
			"other bits that are not the same",
			SPAN("the masks of \"mark\" and \"connection-mark\" have bits in common"));
	for (size_t i = 0; i < c->rs->n_rules; i++) {
		const struct rule_view v = rule_view(&c->rs->rules[i]);

		for (size_t j = 0; j < v.n_endpoints; j++)
			check_intercept_port(c, rule_endpoint(&c->rs->rules[i], j));
	}
}
