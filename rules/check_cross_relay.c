/* SPDX-License-Identifier: ISC */
/* What only several statements of a relay together can break. */
#include "rules/check.h"
#include "rules/view.h"

static bool relay_gave(const struct named *named, enum relay_row row)
{
	return named->seen->first[row] != NULL;
}

static bool relay_faulty(const struct named *named, enum relay_row row)
{
	return named->seen->faulty >> row & 1;
}

static void check_open(struct check *c, const struct named *named)
{
	const struct relay *r = named->object;

	if (!relay_gave(named, RELAY_RECIPIENTS) || relay_faulty(named, RELAY_RECIPIENTS) ||
		relay_faulty(named, RELAY_FROM) || relay_faulty(named, RELAY_AUTH) ||
		named->seen->unknown)
		return; /* what was told already may be what closes it */
	if (r->front.recipients.any && !r->auth_required && expr_is_open(&r->front.from))
		DIAG(c->diags, DIAG_ERROR, named->seen->first[RELAY_RECIPIENTS]->first->next->at,
			named->seen->first[RELAY_RECIPIENTS]->first->next->width,
			"add \"auth required NAME\", or use \"recipients in SET\"",
			SPAN("open relay: any client may send to any domain without login"));
}

static void check_login(struct check *c, const struct named *named)
{
	const struct relay *r = named->object;
	const struct verb_row *row = &r->front.commands->verbs[SMTP_VERB_AUTH];

	if (r->auth_required && r->auth != NULL && row->action != VERB_ALLOW &&
		row->action != VERB_AFTER_TLS)
		CHECK_TELL(c, named->seen->first[RELAY_AUTH],
			"write \"inspect commands submission\"",
			SPAN("login is required, but command table \""),
			span_str(r->front.commands->name), SPAN("\" does not allow AUTH"));
}

/* AUTH is offered inside TLS alone: who comes to such an address could do nothing at all. */
static void check_clear(struct check *c, const struct relay *r)
{
	for (size_t i = 0; r->auth_required && i < r->n_listen; i++)
		if (r->listen[i].tls == LISTEN_CLEAR && r->listen[i].addr.at.line != 0)
			DIAG(c->diags, DIAG_ERROR, r->listen[i].addr.at,
				cross_width(&r->listen[i].addr),
				"add \"starttls required certificate NAME\" behind it, or give the "
				"relay for "
				"clients without login a block of its own",
				SPAN("login is required, and offered inside TLS only, which this "
				     "address "
				     "does not have: nobody could send anything"));
}

/* ---- auth ... via next-hop: who checks the password is a server of the routes ---- */

static void check_via_next_hop(struct check *c, const struct relay *r)
{
	const struct route *route;

	if (r->auth == NULL || r->auth->via != AUTH_NEXT_HOP || r->n_deliver == 0)
		return;
	route = relay_named_route(r);
	if (route == NULL)
		CHECK_TELL_AT(c, r->auth_at, "auth",
			"add a route with \"next-hop HOST:PORT\" to \"deliver\"", SPAN("auth \""),
			span_str(r->auth->name),
			SPAN("\" asks the next hop, but every route of this relay delivers by MX"));
	else if (route->tls == ROUTE_TLS_NONE)
		DIAG(c->diags, DIAG_WARNING, r->auth_at, sizeof("auth") - 1,
			"say \"tls required\" or \"tls verify\" in that route", SPAN("auth \""),
			span_str(r->auth->name), SPAN("\" passes passwords on by route \""),
			span_str(route->name),
			SPAN("\", which says \"tls none\": they cross the network in clear"));
}

/* ---- deliver ---- */

static void check_circle(struct check *c, const struct relay *r, const struct route *route)
{
	for (size_t i = 0; i < route->n_hops; i++)
		for (size_t j = 0; j < r->n_listen; j++)
			if (route->hops[i].name == NULL && r->listen[j].addr.at.line != 0 &&
				cross_same_endpoint(&route->hops[i].addr, &r->listen[j].addr))
				CHECK_TELL_AT(c, r->deliver_at, "deliver", NULL, SPAN("route \""),
					span_str(route->name),
					SPAN("\" leads to an address that this relay listens on "
					     "itself: "
					     "a message would come back until its hop count ends "
					     "it"));
}

void cross_relay(struct check *c, const struct named *named)
{
	const struct relay *r = named->object;

	check_open(c, named);
	if (!relay_faulty(named, RELAY_INSPECT))
		check_login(c, named);
	if (!relay_faulty(named, RELAY_LISTEN) && !relay_faulty(named, RELAY_AUTH))
		check_clear(c, r);
	if (!relay_faulty(named, RELAY_DELIVER) && !relay_faulty(named, RELAY_AUTH))
		check_via_next_hop(c, r);
	for (size_t i = 0; i < r->n_deliver; i++)
		check_circle(c, r, r->deliver[i]);
}
