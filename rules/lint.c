/* SPDX-License-Identifier: ISC */
#include "rules/lint.h"

#include "rules/schedule.h"
#include "rules/view.h"

static void warn(struct diags *diags, struct rules_at at, const char *name, const char *help,
	struct span text)
{
	DIAG(diags, DIAG_WARNING, at, (uint32_t)strlen(name), help, SPAN("\""), span_str(name),
		SPAN("\" "), text);
}

static bool has_optional_file(const struct rule_set *set)
{
	for (size_t i = 0; i < set->n_files; i++)
		if (set->files_optional[i])
			return true;
	return false;
}

static void lint_set(const struct rule_set *set, struct diags *diags)
{
	if (set->dynamic || has_optional_file(set))
		return;
	if (set->kind == SET_UNUSED)
		warn(diags, set->at, set->name,
			"use it in \"from\", \"recipients\", \"sender\" or \"domains\", or remove "
			"it",
			SPAN("is used by no rule"));
	else if (set->n_members == 0)
		warn(diags, set->at, set->name,
			"nothing is in it; add members, or say \"optional\" behind its file",
			SPAN("is an empty set"));
}

static void lint_schedule(const struct schedule *schedule, struct diags *diags)
{
	if (!schedule_ever_open(schedule))
		warn(diags, schedule->at, schedule->name,
			"deny beats allow, and what nothing allows is closed; see its \"allow\" "
			"and \"deny\" lines",
			SPAN("is never open: a rule with this schedule never matches"));
}

static void warn_shadowed(const struct rule_view v, const struct rule *by, struct diags *diags)
{
	uint8_t line[24];
	struct out o;

	out_init(&o, line, sizeof(line));
	out_u64(&o, rule_view(by).at.line);
	DIAG(diags, DIAG_WARNING, v.at, (uint32_t)strlen(v.name),
		"the first rule that matches decides: move this one up, or narrow the other",
		SPAN("rule \""), span_str(v.name), SPAN("\" is never reached: \""),
		span_str(rule_view(by).name), SPAN("\" ("), span_str(rule_view(by).at.file),
		SPAN(":"), out_span(&o), SPAN(") takes everything first"));
}

static void lint_shadows(const struct ruleset *rs, struct diags *diags)
{
	struct shadow shadow = { .rs = rs };

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct rule_view v = rule_view(&rs->rules[i]);
		const struct rule *by = rule_shadowed_by(&shadow, i);

		if (by != NULL)
			warn_shadowed(v, by, diags);
		if (!shadow_gave_up(&shadow))
			continue;
		DIAG(diags, DIAG_NOTE, v.at, (uint32_t)strlen(v.name), NULL,
			SPAN("too many rules, addresses and members to compare: no rule from here "
			     "on is looked at for being never reached"));
		return;
	}
}

/* TLS passes an inspected rule in no form, so a login there is always in clear. */
static void lint_auth_in_clear(const struct publish *p, struct diags *diags)
{
	if (p == NULL || p->pass || p->commands->verbs[SMTP_VERB_AUTH].action != VERB_ALLOW)
		return;
	warn(diags, p->inspect_at.line != 0 ? p->inspect_at : p->at, p->name,
		"publish the server with \"pass\" so that it offers TLS itself, or use a relay "
		"listener with tls",
		SPAN("is inspected and allows AUTH: passwords cross the network in clear"));
}

/* Mail programs try once: what an MX elsewhere does not take at this moment would be lost to their
 * users. */
static void lint_login_without_queue(const struct relay *r, struct diags *diags)
{
	if (r == NULL || r->auth == NULL)
		return;
	for (size_t i = 0; i < r->n_deliver; i++)
		if (r->deliver[i]->mx) {
			warn(diags, r->front.at, r->front.name,
				"deliver through a route to a queue, as in \"next-hop "
				"127.0.0.1:10025\"",
				SPAN("takes mail from programs that log in and do not retry, and "
				     "delivers it by MX "
				     "without a queue"));
			return;
		}
}

/* ---- what relays are made of ---- */

static bool listens_with(const struct relay *r, const void *certificate)
{
	for (size_t i = 0; i < r->n_listen; i++)
		for (size_t j = 0; j < r->listen[i].n_certificates; j++)
			if (r->listen[i].certificates[j] == certificate)
				return true;
	return false;
}

static bool asks(const struct relay *r, const void *auth)
{
	return r->auth == auth;
}

static bool delivers_by(const struct relay *r, const void *route)
{
	for (size_t i = 0; i < r->n_deliver; i++)
		if (r->deliver[i] == route)
			return true;
	return false;
}

static bool is_used(const struct ruleset *rs, bool (*uses)(const struct relay *r, const void *part),
	const void *part)
{
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].relay != NULL && uses(rs->rules[i].relay, part))
			return true;
	return false;
}

static void warn_unused(struct diags *diags, struct rules_at at, const char *name, const char *help)
{
	warn(diags, at, name, help, SPAN("is used by no relay"));
}

static void lint_resolver(const struct route *route, struct diags *diags)
{
	bool looked_up = route->mx;

	for (size_t i = 0; i < route->n_hops; i++)
		looked_up = looked_up || route->hops[i].name != NULL;
	if (route->has_resolver && !looked_up)
		warn(diags, route->at, route->name, "take \"resolver\" out",
			SPAN("names a resolver, but its next hops are addresses: nothing is looked "
			     "up"));
}

static void lint_relay_parts(const struct ruleset *rs, struct diags *diags)
{
	for (size_t i = 0; i < rs->n_certificates; i++)
		if (!is_used(rs, listens_with, rs->certificates[i]))
			warn_unused(diags, rs->certificates[i]->at, rs->certificates[i]->name,
				"name it in a \"listen\" statement, or remove it");
	for (size_t i = 0; i < rs->n_auths; i++)
		if (!is_used(rs, asks, rs->auths[i]))
			warn_unused(diags, rs->auths[i]->at, rs->auths[i]->name,
				"name it in an \"auth\" statement of a relay, or remove it");
	for (size_t i = 0; i < rs->n_routes; i++) {
		if (!is_used(rs, delivers_by, rs->routes[i]))
			warn_unused(diags, rs->routes[i]->at, rs->routes[i]->name,
				"name it in a \"deliver\" statement, or remove it");
		lint_resolver(rs->routes[i], diags);
	}
}

/* ---- limits ---- */

static void warn_limit(
	struct diags *diags, const struct limit_windows *w, const char *help, struct span text)
{
	DIAG(diags, DIAG_WARNING, w->at, sizeof("limit") - 1, help, text);
}

/* Who alone can use up what all share shuts out the others. */
static void lint_totals(const struct rule_limits *l, struct diags *diags)
{
	for (size_t i = 0; i < TALLY_WHATS; i++)
		if (l->windows[i].total.n != 0 && l->windows[i].client.n == 0)
			warn_limit(diags, &l->windows[i],
				"add a limit \"per client\" in front of the total",
				SPAN("one client alone can use up this total, and shut out "
				     "everybody"));
}

static bool is_below(const struct limit_window *w, uint64_t octets)
{
	return w->n != 0 && w->n < octets;
}

static void lint_octets(const struct rule_limits *l, struct diags *diags)
{
	const struct limit_windows *w = &l->windows[TALLY_OCTETS];

	if (is_below(&w->client, l->message) || is_below(&w->total, l->message))
		warn_limit(diags, w, "raise this limit, or lower \"limit message\"",
			SPAN("a message as large as \"limit message\" allows is refused by this "
			     "limit when it declares its size"));
}

static void lint_limits(const struct rule *rule, struct diags *diags)
{
	const struct rule_limits *l =
		rule->publish != NULL ? &rule->publish->limits : &rule->relay->front.limits;

	lint_totals(l, diags);
	lint_octets(l, diags);
}

void rules_lint(const struct ruleset *rs, struct diags *diags)
{
	for (size_t i = 0; i < rs->n_sets; i++)
		lint_set(rs->sets[i], diags);
	for (size_t i = 0; i < rs->n_schedules; i++)
		lint_schedule(rs->schedules[i], diags);
	lint_relay_parts(rs, diags);
	lint_shadows(rs, diags);
	for (size_t i = 0; i < rs->n_rules; i++) {
		lint_auth_in_clear(rs->rules[i].publish, diags);
		lint_login_without_queue(rs->rules[i].relay, diags);
		lint_limits(&rs->rules[i], diags);
	}
}
