/* SPDX-License-Identifier: ISC */
/* Doctor: what the rest of the firewall does to connections that the gate has let in. */
#include <stdlib.h>

#include "cli/doctor.h"
#include "cli/doctor_nft.h"
#include "cli/doctor_run.h"
#include "rules/view.h"

/* A connection of a lane, in one direction through one hook. */
struct way {
	struct doctor *d;
	const struct lane *lane;
	const char *hook; /* as iptables spells it */
	enum ip_family family;
	struct tables_packet packet;
};

/* ---- lines that let it through, also those of rules that come later ---- */

static void type_ufw(const struct way *w, struct doctor_finding *f)
{
	const struct hostconf *host = w->d->host;
	char address[DOCTOR_ADDRESS_MAX];

	if (strcmp(w->hook, "FORWARD") == 0 && w->packet.server.family != IP_NONE)
		doctor_type(f, "ufw route prepend allow proto tcp to %s port %u",
			doctor_ip(address, &w->packet.server), w->packet.dport);
	else if (strcmp(w->hook, "FORWARD") == 0)
		doctor_type(f, "ufw route prepend allow proto tcp to any port %u", w->packet.dport);
	else if (host->intercept == INTERCEPT_TPROXY)
		doctor_type(f, "ufw prepend allow proto tcp to any port %u", w->packet.dport);
	else
		doctor_type(f, "ufw prepend allow proto tcp to any port %u:%u", lane_port(host, 0),
			lane_port(host, lanes_max(host)));
}

/* It would take out again whatever is put into its chains. */
static void type_firewalld(const struct way *w, struct doctor_finding *f)
{
	doctor_type(f,
		"firewall-cmd --permanent --direct --add-rule ipv%d filter %s 0 -p tcp -m connmark "
		"! --mark 0x0/0x%x -j ACCEPT && firewall-cmd --reload",
		(int)w->family, w->hook, w->d->host->lane_mask);
}

static void type_accept(const struct way *w, struct doctor_finding *f, const struct tables *t)
{
	if (tables_has_chain(t, "ufw"))
		type_ufw(w, f);
	else if (tables_has_chain(t, "INPUT_ZONES"))
		type_firewalld(w, f);
	else
		doctor_type(f, "%s -I %s %u -p tcp -m connmark ! --mark 0x0/0x%x -j ACCEPT",
			doctor_iptables(w->family), w->hook, doctor_place(t, "filter", w->hook),
			w->d->host->lane_mask);
}

/* ---- one hook ---- */

enum seen { SEEN_INPUT, SEEN_FORWARD, SEEN_ANSWERS }; /* bits of d->told, of each family */

static bool is_told(struct doctor *d, enum seen seen, enum ip_family family)
{
	return (d->told >> (2 * (unsigned)seen + (family == IP_V6)) & 1) != 0;
}

static void set_told(struct doctor *d, enum seen seen, enum ip_family family)
{
	d->told |= 1u << (2 * (unsigned)seen + (family == IP_V6));
}

/* What is wrong with one lane is so with all, and one line mends it: it is told once. */
static void look(const struct way *w, enum seen seen, const char *what)
{
	struct doctor *d = w->d;
	char line[DOCTOR_LINE_MAX];
	const char *why;
	const struct tables *t = doctor_tables(d, w->family, &why);
	struct doctor_finding *f;
	struct tables_end end;

	if (t == NULL || is_told(d, seen, w->family))
		return; /* that it cannot be had is told by "divert" */
	end = tables_walk(t, "filter", w->hook, &w->packet, NULL, NULL);
	if (!doctor_drops(end))
		return;
	set_told(d, seen, w->family);
	f = doctor_tell(d, end.doubt ? DOCTOR_WARNING : DOCTOR_FAULT, w->lane->rule,
		w->lane->rule->at, "%s of %s %s %s (%s)", w->hook, doctor_iptables(w->family),
		end.doubt ? "may drop" : "drops", what, doctor_line(line, end.line));
	type_accept(w, f, t);
}

/* It would take out again whatever is put into its table. */
static void type_nft(
	struct doctor *d, struct doctor_finding *f, const char *hook, const struct nft_chain *c)
{
	const struct hostconf *host = d->host;

	if (strcmp(c->table, "firewalld") == 0 && strcmp(hook, "input") == 0)
		doctor_type(f,
			"firewall-cmd --permanent --add-port=%u-%u/tcp && firewall-cmd --reload",
			lane_port(host, 0), lane_port(host, lanes_max(host)));
	else
		doctor_type(f, "nft insert rule %s %s %s ct mark and 0x%x != 0 accept", c->family,
			c->table, c->name, host->lane_mask);
}

/* Every chain of the hook must accept, those that iptables does not know, too. */
static void look_at_nft(struct doctor *d, const char *hook, uint16_t port)
{
	static const char *const argv[] = { "nft", "-j", "list", "ruleset", NULL };
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	struct nft_chain c;
	char *text;
	size_t n;

	if (run_program(argv, &text, &n) != RUN_OK)
		return; /* who has no nft has no such chain */
	for (size_t i = 0; i < 2; i++) {
		if (!nft_drops(span_of(text, n), hook, families[i], port, &c))
			continue;
		type_nft(d,
			doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
				"nft chain %s %s %s drops, and no rule there is seen to accept "
				"what the gate has let in",
				c.family, c.table, c.name),
			hook, &c);
		if (strcmp(c.family, "inet") == 0)
			break; /* of both */
	}
	free(text);
}

static void tell_well(struct doctor *d, size_t before, const char *hook, const char *what)
{
	if (d->n == before)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE, "%s lets %s through", hook, what);
}

/* ---- lanes, for each external of their rules ---- */

static void each_way(
	struct doctor *d, bool proxies, void (*one)(struct way *w, const struct ip_port *asked))
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };

	for (size_t i = 0; i < 2 * d->lanes.n; i++) {
		const struct lane *l = &d->lanes.list[i / 2];
		const struct publish *p = l->rule;

		for (size_t k = 0; (l->kind == LANE_PROXY) == proxies && k < p->n_external; k++) {
			const struct rule_endpoint *e = &p->external[k];
			struct way w = { .d = d, .lane = l, .family = families[i % 2] };

			w.packet.connmark = lane_mark(d->host, l->number);
			w.packet.asked = e->addr;
			w.packet.others = true; /* ours are for "divert" to judge */
			if (e->any || e->addr.ip.family == w.family)
				one(&w, &e->addr);
		}
	}
}

/* ---- INPUT: to the proxies ---- */

static void look_at_input(struct way *w, const struct ip_port *asked)
{
	const struct hostconf *host = w->d->host;
	char in[ROUTES_NAME_MAX];

	doctor_interface(w->d, NULL, asked, in);
	w->hook = "INPUT";
	w->packet.in = span_str(in);
	if (host->intercept == INTERCEPT_TPROXY) { /* addresses stay as they were */
		w->packet.dst = asked->ip;
		w->packet.dport = asked->port;
		w->packet.mark = host->mark;
	} else {
		w->packet.dport = lane_port(host, w->lane->number);
		w->packet.diverted = true;
	}
	look(w, SEEN_INPUT, "connections on their way to posternd");
}

void doctor_input_lanes(struct doctor *d)
{
	const size_t before = d->n;

	d->told = 0;
	each_way(d, true, look_at_input);
	look_at_nft(d, "input", lane_port(d->host, 0));
	tell_well(d, before, "INPUT", "connections on their way to posternd");
}

/* ---- FORWARD: what passes, and its answers ---- */

static void look_at_answers(struct way *w, const char *in, const char *out)
{
	struct tables_packet *p = &w->packet;

	p->src = p->dst;
	p->dst = (struct ip){ 0 };
	p->in = span_str(in);
	p->out = span_str(out);
	p->answer = true;
	look(w, SEEN_ANSWERS, "answers to sessions that pass");
}

static void look_at_forward(struct way *w, const struct ip_port *asked)
{
	const bool passes = w->lane->kind == LANE_PASS;
	struct ip_port server = *asked;
	char in[ROUTES_NAME_MAX], out[ROUTES_NAME_MAX] = "";

	if (passes)
		server = rule_internal(w->lane->rule, w->lane->internal, asked);
	if (passes && server.ip.family != w->family)
		return;
	doctor_interface(w->d, NULL, asked, in);
	if (server.ip.family != IP_NONE && doctor_route(&server.ip, out) != DOCTOR_ROUTE_OUT)
		return; /* told by "servers" */
	w->hook = "FORWARD";
	w->packet.in = span_str(in);
	w->packet.out = span_str(out);
	w->packet.dst = w->packet.server = server.ip;
	w->packet.dport = server.port;
	w->packet.diverted = passes;
	look(w, SEEN_FORWARD, "sessions that pass");
	look_at_answers(w, out, in);
}

/* NULL: nothing passes. */
static const struct lane *first_that_passes(const struct doctor *d)
{
	for (size_t i = 0; i < d->lanes.n; i++)
		if (d->lanes.list[i].kind != LANE_PROXY)
			return &d->lanes.list[i];
	return NULL;
}

void doctor_forward(struct doctor *d)
{
	const struct lane *first = first_that_passes(d);
	const size_t before = d->n;

	if (first == NULL)
		return;
	d->told = 0;
	each_way(d, false, look_at_forward);
	look_at_nft(d, "forward",
		rule_internal(first->rule, first->internal, &first->rule->external[0].addr).port);
	tell_well(d, before, "FORWARD", "sessions that pass");
}
