/* SPDX-License-Identifier: ISC */
/* Doctor: does the firewall bring what clients ask for, and does nothing go past the filter? */
#include <stdlib.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/doctor_run.h"

#define LINE_SHOWN 120 /* octets of somebody's rule */

static const char *line_text(char block[static 640], struct span line)
{
	struct out o;

	while (line.n > 0 && line.p[0] == ' ')
		line = span_from(line, 1);
	out_init(&o, block, 640);
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
	const char *table = d->host->intercept == INTERCEPT_TPROXY ? "mangle" : "nat";

	return tables_walk(t, table, "PREROUTING", &packet, is_diversion, d->host);
}

/* The interface that a diversion names, fit to be typed; "" when it names none. */
static void interface_of(struct tables_end diversion, char name[static ROUTES_NAME_MAX])
{
	const struct span said = tables_option(diversion.line, "-i");
	size_t n = 0;

	for (; diversion.found && n < said.n && n + 1 < ROUTES_NAME_MAX; n++) {
		const uint8_t c = said.p[n];

		if (!ascii_alpha(c) && !ascii_digit(c) && strchr(".-_@+:", c) == NULL)
			break;
		name[n] = (char)c;
	}
	name[n == said.n ? n : 0] = '\0';
}

/* " -i ext" of any published address's diversion, for lines to type. */
static void clients_option(struct doctor *d, char option[static 40])
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
		interface_of(doctor_diversion(d, t, &e->addr), name);
		if (name[0] != '\0')
			snprintf(option, 40, " -i %s", name);
	}
}

static void type_diversion(
	struct doctor *d, struct doctor_finding *f, enum ip_family family, const struct ip_port *to)
{
	char address[DOCTOR_ADDRESS_MAX], in[40], destination[80] = "";

	clients_option(d, in);
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

static void tell_undiverted(struct doctor *d, const struct publish *rule, struct rules_at at,
	enum ip_family family, const struct ip_port *to, struct tables_end end)
{
	char address[DOCTOR_ADDRESS_MAX], line[640];
	const bool elsewhere = end.line.n > 0 && end.options.n > 0;
	struct doctor_finding *f;

	doctor_ip_port(address, to);
	if (elsewhere)
		f = doctor_tell(d, DOCTOR_FAULT, rule, at, "%s goes elsewhere: %s rule \"%s\"",
			address, doctor_iptables(family), line_text(line, end.line));
	else
		f = doctor_tell(d, DOCTOR_FAULT, rule, at,
			"no %s rule brings connections for %s to posternd", doctor_iptables(family),
			to->ip.family == IP_NONE ? "any address" : address);
	type_diversion(d, f, family, to);
	if (elsewhere) { /* one more rule behind it would not be met */
		f->command = false;
		doctor_advise(
			f, "take that rule out; \"%s-save\" shows it", doctor_iptables(family));
	}
}

static void examine_divert_family(struct doctor *d, const struct publish *rule, struct rules_at at,
	enum ip_family family, const struct ip_port *to)
{
	char address[DOCTOR_ADDRESS_MAX], line[640];
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
		doctor_tell(d, DOCTOR_OK, rule, at, "%s is brought to posternd (%s %s)",
			to->ip.family == IP_NONE ? "any address" : doctor_ip_port(address, to),
			doctor_iptables(family), line_text(line, end.line));
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
	doctor_each_external(d, examine_divert);
}

/* ---- does INPUT let it in? ---- */

static bool drops(struct tables_end end)
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

static void type_accept(struct doctor *d, struct doctor_finding *f, const struct tables *t,
	enum ip_family family, const struct tables_packet *p)
{
	const int n = (int)p->in.n;
	const char *in = n > 0 ? (const char *)p->in.p : "";

	if (tables_has_chain(t, "ufw"))
		doctor_type(f, "ufw insert 1 allow in%s%.*s to any port %u proto tcp",
			n > 0 ? " on " : "", n, in, p->dport);
	else if (access("/run/firewalld", F_OK) == 0)
		doctor_type(f,
			"firewall-cmd --permanent --add-port=%u/tcp && firewall-cmd --reload",
			p->dport);
	else if (p->diverted)
		doctor_type(f,
			"%s -I INPUT%s%.*s -p tcp --dport %u -m conntrack --ctstate DNAT -j ACCEPT",
			doctor_iptables(family), n > 0 ? " -i " : "", n, in, p->dport);
	else
		doctor_type(f, "%s -I INPUT%s%.*s -p tcp -m mark --mark 0x%08x/0x%08x -j ACCEPT",
			doctor_iptables(family), n > 0 ? " -i " : "", n, in, d->host->mark,
			d->host->mark_mask);
}

static void examine_input(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const enum ip_family family = external->any ? IP_V4 : external->addr.ip.family;
	const struct ip_port to = { external->any ? (struct ip){ 0 } : external->addr.ip,
		external->addr.port };
	char in[ROUTES_NAME_MAX], line[640];
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);
	struct tables_packet packet;
	struct doctor_finding *f;
	struct tables_end end;

	if (t == NULL || d->told & 1u << family)
		return;
	interface_of(doctor_diversion(d, t, &to), in);
	packet = diverted_packet(d, &to, in);
	end = tables_walk(t, "filter", "INPUT", &packet, NULL, NULL);
	d->told |= 1u << family;
	if (!drops(end)) {
		doctor_tell(d, DOCTOR_OK, rule, external->at,
			"INPUT of %s takes diverted connections in", doctor_iptables(family));
		return;
	}
	f = doctor_tell(d, end.doubt ? DOCTOR_WARNING : DOCTOR_FAULT, rule, external->at,
		"INPUT of %s %s diverted connections (%s)", doctor_iptables(family),
		end.doubt ? "may drop" : "drops", line_text(line, end.line));
	type_accept(d, f, t, family, &packet);
}

void doctor_input(struct doctor *d)
{
	d->told = 0;
	doctor_each_external(d, examine_input);
}

/* ---- what would be forwarded, past the filter ---- */

static bool forwards(enum ip_family family)
{
	uint64_t on = 0;

	return doctor_proc_number(family == IP_V6 ? "/proc/sys/net/ipv6/conf/all/forwarding"
						  : "/proc/sys/net/ipv4/ip_forward",
		       &on) &&
	       on != 0;
}

static void tell_way_around(struct doctor *d, enum doctor_level level, const struct publish *rule,
	const struct ip_port *to, const char *says)
{
	char address[DOCTOR_ADDRESS_MAX], ip[DOCTOR_ADDRESS_MAX], in[40], destination[80] = "";
	const enum ip_family family = to->ip.family == IP_NONE ? IP_V4 : to->ip.family;
	struct doctor_finding *f;

	clients_option(d, in);
	if (to->ip.family != IP_NONE)
		snprintf(destination, sizeof(destination), " -d %s", doctor_ip(ip, &to->ip));
	f = doctor_tell(d, level, rule, rule->at, "%s: FORWARD of %s lets %s through", says,
		doctor_iptables(family),
		to->ip.family == IP_NONE ? "any address" : doctor_ip_port(address, to));
	doctor_type(f, "%s -I FORWARD%s%s -p tcp --dport %u -j DROP", doctor_iptables(family), in,
		destination, to->port);
	f->command = in[0] != '\0'; /* else it would take the inside from the servers, too */
}

/* Would a client's packet be forwarded to @to? */
static bool lets_through(struct doctor *d, const struct ip_port *to)
{
	const enum ip_family family = to->ip.family == IP_NONE ? IP_V4 : to->ip.family;
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);
	struct tables_packet packet = { .dst = to->ip, .dport = to->port };
	struct tables_end end;
	char in[40];

	if (t == NULL || !forwards(family))
		return false;
	clients_option(d, in);
	if (in[0] != '\0')
		packet.in = span_str(in + strlen(" -i "));
	end = tables_walk(t, "filter", "FORWARD", &packet, NULL, NULL);
	return !drops(end);
}

static void examine_around_external(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const struct ip_port to = { external->any ? (struct ip){ 0 } : external->addr.ip,
		external->addr.port };

	if ((external->any || !doctor_is_local(&to.ip)) && lets_through(d, &to))
		tell_way_around(d, DOCTOR_FAULT, rule, &to,
			"mail goes past the filter as soon as nothing diverts it");
}

static void examine_around_internal(
	struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	if (!doctor_is_local(&server->ip) && lets_through(d, server))
		tell_way_around(d, DOCTOR_WARNING, rule, server,
			"clients that have a route to the server reach it past the filter");
}

static bool every_rule(const struct publish *rule)
{
	(void)rule;
	return true;
}

static bool can_look(struct doctor *d, enum ip_family family)
{
	const char *why;

	if (doctor_tables(d, family, &why) != NULL)
		return true;
	doctor_tell(d, DOCTOR_SKIPPED, NULL, DOCTOR_NOWHERE, "%s", why);
	return false;
}

void doctor_around(struct doctor *d)
{
	const size_t before = d->n;

	if (!can_look(d, IP_V4) || !can_look(d, IP_V6))
		return;
	doctor_each_external(d, examine_around_external);
	doctor_each_internal(d, every_rule, examine_around_internal);
	if (d->n == before)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"nothing is forwarded past the filter to what is published");
}

/* ---- clients whose packets the kernel takes for forged ---- */

static uint64_t rp_filter(const char *interface)
{
	char path[96];
	uint64_t all = 0, one = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", interface);
	doctor_proc_number("/proc/sys/net/ipv4/conf/all/rp_filter", &all);
	doctor_proc_number(path, &one);
	return all > one ? all : one;
}

static bool default_leaves_by(char name[static ROUTES_NAME_MAX])
{
	static const char *const argv[] = { "ip", "-j", "-4", "route", "show", "default", NULL };
	bool local, found;
	char *text;
	size_t n;

	found = run_program(argv, &text, &n) == RUN_OK &&
		routes_first(span_of(text, n), name, &local);
	free(text);
	return found;
}

static void examine_client_path(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	char in[ROUTES_NAME_MAX], back[ROUTES_NAME_MAX];
	const char *why;
	const struct tables *t = doctor_tables(d, IP_V4, &why);
	struct doctor_finding *f;

	if (external->any || external->addr.ip.family != IP_V4 || t == NULL || d->told)
		return;
	interface_of(doctor_diversion(d, t, &external->addr), in);
	if (in[0] == '\0' || strchr(in, '+') != NULL)
		return;
	d->told = 1;
	if (rp_filter(in) != 1 || !default_leaves_by(back) || strcmp(in, back) == 0) {
		doctor_tell(d, DOCTOR_OK, rule, external->at,
			"the kernel takes clients' packets in on %s (rp_filter %u)", in,
			(unsigned)rp_filter(in));
		return;
	}
	f = doctor_tell(d, DOCTOR_FAULT, rule, external->at,
		"clients come in on %s, the default route leaves by %s, and the kernel drops what "
		"comes the other way (rp_filter 1)",
		in, back);
	doctor_type(f, "sysctl -w net.ipv4.conf.%s.rp_filter=2", in);
}

void doctor_client_path(struct doctor *d)
{
	d->told = 0;
	doctor_each_external(d, examine_client_path);
}
