/* SPDX-License-Identifier: ISC */
#include "proxy/house/unbuilt.h"

#include <assert.h>

#include "proxy/roles.h"

static_assert(WORKERS_MAX == 64, "a message below names it");

struct report {
	struct out *o;
	const struct unbuilt_may *may;
	enum host_mode mode;
	unsigned n;   /* errors */
	bool warning; /* what follows only tells */
};

/* @name: of the rule, NULL: none. @text: what is the matter, and what to do. */
static void report(
	struct report *r, struct rules_at at, const char *kind, const char *name, const char *text)
{
	out_str(r->o, at.file ? at.file : "postern.conf");
	if (at.line) {
		out_octet(r->o, ':');
		out_u64(r->o, at.line);
	}
	out_str(r->o, r->warning ? ": warning: " : ": error: ");
	if (name) {
		out_str(r->o, kind);
		out_octet(r->o, ' ');
		out_str(r->o, name);
		out_str(r->o, ": ");
	}
	out_str(r->o, text);
	out_octet(r->o, '\n');
	r->n += !r->warning;
}

static struct rules_at either(struct rules_at at, struct rules_at otherwise)
{
	return at.line ? at : otherwise;
}

static bool is_diverted(enum host_mode mode)
{
	return mode == MODE_EXTERNAL || mode == MODE_MANAGED || mode == MODE_SETS_ONLY;
}

/* Only a firewall that diverts connections brings what was for any address. */
static void check_addresses(struct report *r, const struct publish *p)
{
	if (is_diverted(r->mode))
		return;
	for (size_t i = 0; i < p->n_external; i++)
		if (p->external[i].any)
			report(r, p->external[i].at, "publish", p->name,
				"\"external any\" needs connections that a firewall diverts: add "
				"\"mode managed\" or \"mode external\" to postern.conf, or name "
				"the addresses, as in "
				"\"external 198.51.100.2:25\"");
	if (p->internal_original)
		report(r, p->internal_at, "publish", p->name,
			"\"internal original\" needs connections that a firewall diverts: add "
			"\"mode managed\" or \"mode external\" to postern.conf, or name the "
			"server, as in "
			"\"internal 10.0.0.21:25\"");
}

static void check_keep(struct report *r, const struct publish *p)
{
	if (p->client_address != CLIENT_KEEP || r->may->transparent)
		return;
	report(r, either(p->client_address_at, p->at), "publish", p->name,
		p->pass ? "\"client-address keep\" (the default) needs CAP_NET_RAW, which this "
			  "process does not have: start it as root, or add the line "
			  "\"client-address gateway\" or \"client-address proxy-v2\""
			: "\"client-address keep\" (the default) needs CAP_NET_RAW, which this "
			  "process does not have: start it as root, or add the line "
			  "\"client-address gateway\", \"client-address xclient\" or "
			  "\"client-address proxy-v2\"");
}

static bool serves(const struct publish *p, enum ip_family family)
{
	for (size_t i = 0; i < p->n_internal; i++)
		if (p->internal[i].addr.ip.family == family)
			return true;
	return false;
}

/* The kernel carries a passed session, and does not translate between families. */
static void check_families(struct report *r, const struct publish *p)
{
	if (r->mode != MODE_MANAGED || !p->pass || p->client_address == CLIENT_PROXY_V2 ||
		p->internal_original)
		return;
	for (size_t i = 0; i < p->n_external; i++)
		if (!p->external[i].any && !serves(p, p->external[i].addr.ip.family))
			report(r, p->external[i].at, "publish", p->name,
				"none of its internal servers has an address of this family, and "
				"the kernel, which "
				"carries passed sessions, does not translate: name one, or add "
				"\"client-address proxy-v2\"");
}

/* The gate reads the hellos, of what the kernel carries. */
static void check_tls(struct report *r, const struct publish *p)
{
	if (!(p->log & RULE_LOG_TLS))
		return;
	if (r->mode != MODE_MANAGED)
		report(r, p->log_at, "publish", p->name,
			"\"log tls\" needs the gate of \"mode managed\": take \"tls\" out");
	else if (p->client_address == CLIENT_PROXY_V2)
		report(r, p->log_at, "publish", p->name,
			"\"log tls\" is for sessions that the kernel carries, and \"client-address "
			"proxy-v2\" leaves them to a proxy: take \"tls\" out");
}

static void check_publish(struct report *r, const struct publish *p)
{
	check_tls(r, p);
	check_addresses(r, p);
	check_families(r, p);
	check_keep(r, p);
	if (p->screen)
		report(r, either(p->inspect_at, p->at), "publish", p->name,
			"the message screener is not built yet: take \"screen\" out of the inspect "
			"statement");
	if (p->gate_fail_open && r->mode != MODE_MANAGED)
		report(r, p->gate_at, "publish", p->name,
			"\"gate fail-open\" is for the gate of \"mode managed\": say that in "
			"postern.conf, or "
			"take it out");
}

/* ---- relay rules ---- */

static void relay_unbuilt(
	struct report *r, const struct relay *relay, struct rules_at at, const char *text)
{
	report(r, either(at, relay->front.at), "relay", relay->front.name, text);
}

static bool is_same(const struct rule_endpoint *a, const struct rule_endpoint *b)
{
	return a->addr.port == b->addr.port && (a->any || ip_eq(&a->addr.ip, &b->addr.ip));
}

/* One program listens at an address: a relay's clients and those of a published server do not come
 * to the same. */
static void check_shared(struct report *r, const struct ruleset *rs, const struct relay *relay)
{
	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct publish *p = rs->rules[i].publish;

		if (p && strcmp(p->name, relay->front.name) == 0)
			relay_unbuilt(r, relay, relay->front.at,
				"a publish rule has this name, too, and limits are counted by "
				"name: give "
				"the relay another");
		for (size_t j = 0; p && j < p->n_external; j++)
			for (size_t k = 0; k < relay->n_listen; k++)
				if (is_same(&p->external[j], &relay->listen[k].addr))
					relay_unbuilt(r, relay, relay->listen[k].addr.at,
						"this address is published, too: give the relay "
						"one of "
						"its own");
	}
}

static void check_relay(struct report *r, const struct ruleset *rs, const struct relay *relay)
{
	check_shared(r, rs, relay);
	if (relay->front.screen)
		relay_unbuilt(r, relay, relay->front.inspect_at,
			"the message screener is not built yet: take \"screen\" out of the inspect "
			"statement");
}

static void check_rules(struct report *r, const struct ruleset *rs)
{
	for (size_t i = 0; i < rs->n_rules; i++) {
		if (rs->rules[i].relay)
			check_relay(r, rs, rs->rules[i].relay);
		else
			check_publish(r, rs->rules[i].publish);
	}
	if (rs->default_action == DEFAULT_DROP && r->mode != MODE_MANAGED)
		report(r, rs->default_at, NULL, NULL,
			"\"default drop\" needs the gate of \"mode managed\": a listening proxy "
			"has answered already; "
			"say \"default reset\" or \"default refuse\"");
}

static void check_logs(struct report *r, const struct hostconf *h)
{
	unsigned json = 0;

	for (size_t i = 0; i < h->n_logs; i++) {
		const struct log_sink *log = &h->logs[i];
		if (log->format != LOG_JSON)
			report(r, log->at, NULL, NULL,
				"of the log formats only json is built yet: say \"log json\"");
		else if (json++)
			report(r, log->at, NULL, NULL,
				"one json log is written in this version: take the second out");
		if (log->required)
			report(r, log->at, NULL, NULL,
				"\"required\" is not built yet: mail goes on when the log is full; "
				"take the word out");
		if (log->keep_s)
			report(r, log->at, NULL, NULL,
				"\"keep\" is not built yet: rotate the file by logrotate(8), with "
				"SIGUSR1 to posternd");
	}
}

static void check_host(struct report *r, const struct hostconf *h)
{
	if ((h->mode == MODE_MANAGED || h->mode == MODE_SETS_ONLY) && !r->may->root)
		report(r, h->mode_at, NULL, NULL,
			"this mode changes the kernel's rules: start posternd as root, or "
			"say "
			"\"mode direct\" or \"mode external\"");
	if (h->intercept_at.line && !is_diverted(h->mode))
		report(r, h->intercept_at, NULL, NULL,
			"\"intercept\" is for connections that a firewall diverts: add \"mode "
			"managed\" or \"mode external\", or take it out");
	else if (h->intercept == INTERCEPT_TPROXY && !r->may->transparent)
		report(r, h->intercept_at, NULL, NULL,
			"\"intercept tproxy\" needs CAP_NET_RAW, which this process does not have: "
			"start it as root, or say \"intercept redirect\"");
	if (h->workers > WORKERS_MAX)
		report(r, h->workers_at, NULL, NULL,
			"this version runs at most 64 workers: say \"workers 64\" or fewer, or "
			"nothing for one a core");
	if (h->metrics_socket || h->metrics_textfile)
		report(r, h->metrics_at, NULL, NULL,
			"metrics are not built yet: take the statement out");
	if (h->shared_redis)
		report(r, h->shared_at, NULL, NULL,
			"\"shared redis\" is not built yet: take the statement out");
	check_logs(r, h);
}

unsigned unbuilt_print(struct out *o, const struct ruleset *rs, const struct unbuilt_may *may)
{
	struct report r = { .o = o, .may = may, .mode = rs->host.mode };

	check_rules(&r, rs);
	check_host(&r, &rs->host);
	r.warning = true;
	if (rs->host.user && !may->root)
		report(&r, rs->host.user_at, NULL, NULL,
			"\"user\" has no effect: only root can give roles a user of their own");
	return r.n;
}
