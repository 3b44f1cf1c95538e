/* SPDX-License-Identifier: ISC */
/* Doctor: does the firewall bring what clients ask for, and let it in? */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor_managed.h"
#include "cli/doctor_nft.h"
#include "cli/doctor_run.h"
#include "rules/kernel/plan.h"

#define LINE_SHOWN 120 /* octets of somebody's rule; four times as many when escaped */

const char *doctor_line(char block[static DOCTOR_LINE_MAX], struct span line)
{
	struct out o;

	while (line.n > 0 && line.p[0] == ' ')
		line = span_from(line, 1);
	out_init(&o, block, DOCTOR_LINE_MAX);
	out_escaped(&o, line, LINE_SHOWN);
	return out_cstr(&o);
}

/* ---- what diverts ---- */

/* "10525", or the end of "10.0.0.1:10525" */
static bool names_port(struct span value, uint32_t port)
{
	uint64_t v;

	for (size_t colon = span_chr(value, ':'); colon < value.n; colon = span_chr(value, ':'))
		value = span_from(value, colon + 1);
	return span_u64(value, 65535, &v) && v == port;
}

static bool is_diversion(struct span target, struct span options, const void *context)
{
	const struct hostconf *host = context;

	if (host->mode == MODE_MANAGED)
		return span_eq(target, SPAN("NFQUEUE")) &&
		       names_port(tables_option(options, "--queue-num"), KERNEL_QUEUE);
	if (host->intercept == INTERCEPT_TPROXY)
		return span_eq(target, SPAN("TPROXY")) &&
		       names_port(tables_option(options, "--on-port"), host->intercept_port);
	if (span_eq(target, SPAN("DNAT")))
		return names_port(tables_option(options, "--to-destination"), host->intercept_port);
	return span_eq(target, SPAN("REDIRECT")) &&
	       names_port(tables_option(options, "--to-ports"), host->intercept_port);
}

struct tables_end doctor_diversion(
	struct doctor *d, const struct tables *t, const struct ip_port *to)
{
	const struct tables_packet packet = { .dst = to->ip, .dport = to->port };
	const bool mangle = d->mode == MODE_MANAGED || d->host->intercept == INTERCEPT_TPROXY;
	const char *table = mangle ? "mangle" : "nat";

	return tables_walk(t, table, "PREROUTING", &packet, is_diversion, d->host);
}

static void take_interface(struct span said, char name[static ROUTES_NAME_MAX])
{
	size_t n = 0;

	for (; n < said.n && n + 1 < ROUTES_NAME_MAX; n++) {
		const uint8_t c = said.p[n];

		if (!ascii_alpha(c) && !ascii_digit(c) && strchr(".-_@+:", c) == NULL)
			break;
		name[n] = (char)c;
	}
	name[n == said.n ? n : 0] = '\0';
}

void doctor_interface(struct doctor *d, const struct tables *t, const struct ip_port *to,
	char name[static ROUTES_NAME_MAX])
{
	char found[ROUTES_NAME_MAX];
	struct tables_end end;

	if (d->mode == MODE_MANAGED) {
		doctor_interface_of(&to->ip, found);
		if (found[0] == '\0')
			doctor_default_interface(to->ip.family, found);
		take_interface(span_str(found), name);
		return;
	}
	end = doctor_diversion(d, t, to);
	take_interface(end.found ? tables_option(end.line, "-i") : SPAN(""), name);
}

void doctor_clients_option(struct doctor *d, char option[static DOCTOR_OPTION_MAX])
{
	option[0] = '\0';
	for (size_t i = 0; i < d->rules->n_rules && option[0] == '\0'; i++) {
		const struct publish *p = d->rules->rules[i].publish;
		const struct rule_endpoint *e = p != NULL ? &p->external[0] : NULL;
		const char *why;
		const struct tables *t =
			e != NULL ? doctor_tables(d, e->addr.ip.family, &why) : NULL;
		char name[ROUTES_NAME_MAX];

		if (t == NULL)
			continue;
		doctor_interface(d, t, &e->addr, name);
		if (name[0] != '\0')
			snprintf(option, DOCTOR_OPTION_MAX, " -i %s", name);
	}
}

static void type_diversion(
	struct doctor *d, struct doctor_finding *f, enum ip_family family, const struct ip_port *to)
{
	char address[DOCTOR_ADDRESS_MAX], in[DOCTOR_OPTION_MAX], destination[80] = "";

	doctor_clients_option(d, in);
	if (to->ip.family != IP_NONE)
		snprintf(destination, sizeof(destination), " -d %s", doctor_ip(address, &to->ip));
	if (d->host->intercept == INTERCEPT_TPROXY)
		doctor_type(f,
			"%s -t mangle -A PREROUTING%s%s -p tcp --dport %u -j TPROXY --on-port %u "
			"--tproxy-mark 0x%08x/0x%08x",
			doctor_iptables(family), in, destination, to->port, d->host->intercept_port,
			d->host->mark, d->host->mark_mask);
	else
		doctor_type(f,
			"%s -t nat -A PREROUTING%s%s -p tcp --dport %u -j REDIRECT --to-ports %u",
			doctor_iptables(family), in, destination, to->port,
			d->host->intercept_port);
}

static const char *what_is_asked(char block[static DOCTOR_ADDRESS_MAX], const struct ip_port *to)
{
	return to->ip.family == IP_NONE ? "any address" : doctor_ip_port(block, to);
}

static void tell_undiverted(struct doctor *d, const struct publish *rule, struct rules_at at,
	enum ip_family family, const struct ip_port *to, struct tables_end end)
{
	char address[DOCTOR_ADDRESS_MAX], line[DOCTOR_LINE_MAX];
	const char *program = doctor_iptables(family), *asked = what_is_asked(address, to);
	struct doctor_finding *f;

	if (end.line.n > 0 && !end.policy) { /* a rule behind it would not be met */
		f = doctor_tell(d, DOCTOR_FAULT, rule, at, "%s goes elsewhere: %s rule \"%s\"",
			asked, program, doctor_line(line, end.line));
		doctor_advise(f, "take that rule out; \"%s-save\" shows it", program);
		return;
	}
	if (d->mode == MODE_MANAGED)
		return; /* told already: the kernel differs */
	f = doctor_tell(d, DOCTOR_FAULT, rule, at,
		"no %s rule brings connections for %s to posternd", program, asked);
	type_diversion(d, f, family, to);
}

static void examine_divert_family(struct doctor *d, const struct publish *rule, struct rules_at at,
	enum ip_family family, const struct ip_port *to)
{
	char address[DOCTOR_ADDRESS_MAX], line[DOCTOR_LINE_MAX];
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);
	struct tables_end end;

	if (t == NULL) {
		doctor_tell(d, DOCTOR_SKIPPED, rule, at, "%s", why);
		return;
	}
	end = doctor_diversion(d, t, to);
	if (!end.found)
		tell_undiverted(d, rule, at, family, to, end);
	else
		doctor_tell(d, DOCTOR_OK, rule, at, "%s is brought to %s (%s %s)",
			what_is_asked(address, to),
			d->mode == MODE_MANAGED ? "the gate" : "posternd", doctor_iptables(family),
			doctor_line(line, end.line));
}

static void examine_divert(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const struct ip_port any = { .port = external->addr.port };

	if (!external->any) {
		examine_divert_family(
			d, rule, external->at, external->addr.ip.family, &external->addr);
		return;
	}
	examine_divert_family(d, rule, external->at, IP_V4, &any);
	if (access("/proc/net/if_inet6", F_OK) == 0)
		examine_divert_family(d, rule, external->at, IP_V6, &any);
}

void doctor_divert(struct doctor *d)
{
	if (d->mode == MODE_MANAGED)
		doctor_in_force(d);
	doctor_each_external(d, examine_divert);
}

/* ---- does INPUT let it in? ---- */

bool doctor_drops(struct tables_end end)
{
	return span_eq(end.target, SPAN("DROP")) || span_eq(end.target, SPAN("REJECT"));
}

/* What reaches INPUT of a connection for @to that was diverted. */
static struct tables_packet diverted_packet(
	struct doctor *d, const struct ip_port *to, const char *in)
{
	struct tables_packet p = { .in = span_str(in), .asked = *to };

	if (d->host->intercept == INTERCEPT_TPROXY) { /* addresses stay as they were */
		p.dst = to->ip;
		p.dport = to->port;
		p.mark = d->host->mark;
	} else {
		p.dport = (uint16_t)d->host->intercept_port;
		p.diverted = true;
	}
	return p;
}

/* It would take out again whatever is put into its chains. */
static void type_firewalld(struct doctor_finding *f, uint16_t port)
{
	doctor_type(f, "firewall-cmd --permanent --add-port=%u/tcp && firewall-cmd --reload", port);
}

static void type_accept(struct doctor *d, struct doctor_finding *f, const struct tables *t,
	enum ip_family family, const struct tables_packet *p)
{
	const int n = (int)p->in.n;
	const char *in = n > 0 ? (const char *)p->in.p : "";

	if (tables_has_chain(t, "ufw"))
		doctor_type(f, "ufw insert 1 allow in%s%.*s to any port %u proto tcp",
			n > 0 ? " on " : "", n, in, p->dport);
	else if (tables_has_chain(t, "INPUT_ZONES"))
		type_firewalld(f, p->dport);
	else if (p->diverted)
		doctor_type(f,
			"%s -I INPUT%s%.*s -p tcp --dport %u -m conntrack --ctstate DNAT -j ACCEPT",
			doctor_iptables(family), n > 0 ? " -i " : "", n, in, p->dport);
	else
		doctor_type(f, "%s -I INPUT%s%.*s -p tcp -m mark --mark 0x%08x/0x%08x -j ACCEPT",
			doctor_iptables(family), n > 0 ? " -i " : "", n, in, d->host->mark,
			d->host->mark_mask);
}

static void examine_input_family(struct doctor *d, const struct publish *rule, struct rules_at at,
	enum ip_family family, const struct ip_port *to)
{
	char in[ROUTES_NAME_MAX], line[DOCTOR_LINE_MAX];
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);
	struct tables_packet packet;
	struct doctor_finding *f;
	struct tables_end end;

	if (t == NULL)
		return; /* told by "divert" */
	doctor_interface(d, t, to, in);
	packet = diverted_packet(d, to, in);
	end = tables_walk(t, "filter", "INPUT", &packet, NULL, NULL);
	if (!doctor_drops(end)) {
		doctor_tell(d, DOCTOR_OK, rule, at, "INPUT of %s takes diverted connections in",
			doctor_iptables(family));
		return;
	}
	f = doctor_tell(d, end.doubt ? DOCTOR_WARNING : DOCTOR_FAULT, rule, at,
		"INPUT of %s %s diverted connections (%s)", doctor_iptables(family),
		end.doubt ? "may drop" : "drops", doctor_line(line, end.line));
	type_accept(d, f, t, family, &packet);
}

/* Every chain of the hook must accept, those that iptables does not know, too. */
static void examine_nft(struct doctor *d, enum ip_family family, uint16_t port)
{
	static const char *const argv[] = { "nft", "-j", "list", "ruleset", NULL };
	struct doctor_finding *f;
	struct nft_chain c;
	char *text;
	size_t n;

	if (run_program(argv, &text, &n) != RUN_OK)
		return; /* who has no nft has no such chain */
	if (nft_drops(span_of(text, n), "input", family, port, &c)) {
		f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
			"nft chain %s %s %s drops, and no rule there is seen to accept port %u",
			c.family, c.table, c.name, port);
		if (strcmp(c.table, "firewalld") == 0)
			type_firewalld(f, port);
		else if (d->host->intercept == INTERCEPT_TPROXY)
			doctor_type(f, "nft insert rule %s %s %s tcp dport %u accept", c.family,
				c.table, c.name, port);
		else
			doctor_type(f,
				"nft insert rule %s %s %s tcp dport %u ct status dnat accept",
				c.family, c.table, c.name, port);
	}
	free(text);
}

/* Once for each family: what differs between published addresses is told by "divert". */
static void examine_input(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	const uint16_t port = d->host->intercept == INTERCEPT_TPROXY
				      ? external->addr.port
				      : (uint16_t)d->host->intercept_port;

	for (size_t i = 0; i < 2; i++) {
		if ((!external->any && external->addr.ip.family != families[i]) ||
			d->told & 1u << families[i])
			continue;
		d->told |= 1u << families[i];
		examine_input_family(d, rule, external->at, families[i], &external->addr);
		examine_nft(d, families[i], port);
	}
}

void doctor_input(struct doctor *d)
{
	d->told = 0;
	doctor_each_external(d, examine_input);
}
