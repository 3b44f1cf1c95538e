/* SPDX-License-Identifier: ISC */
/* Doctor: does the host forward something past the filter, or drop what clients send? */
#include <string.h>

#include "cli/doctor.h"

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
	enum ip_family family, const struct ip_port *to, const char *says)
{
	char address[DOCTOR_ADDRESS_MAX], ip[DOCTOR_ADDRESS_MAX], in[DOCTOR_OPTION_MAX],
		destination[80] = "";
	struct doctor_finding *f;

	doctor_clients_option(d, in);
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
static bool lets_through(struct doctor *d, enum ip_family family, const struct ip_port *to)
{
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);
	struct tables_packet packet = { .dst = to->ip, .dport = to->port };
	char in[DOCTOR_OPTION_MAX];

	if (t == NULL || !forwards(family))
		return false;
	doctor_clients_option(d, in);
	if (in[0] != '\0')
		packet.in = span_str(in + strlen(" -i "));
	return !doctor_drops(tables_walk(t, "filter", "FORWARD", &packet, NULL, NULL));
}

static void examine_around_family(struct doctor *d, const struct publish *rule,
	enum ip_family family, const struct ip_port *to)
{
	if (lets_through(d, family, to))
		tell_way_around(d, DOCTOR_FAULT, rule, family, to,
			"mail goes past the filter as soon as nothing diverts it");
}

static void examine_around_external(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const struct ip_port *to = &external->addr;

	if (external->any) {
		examine_around_family(d, rule, IP_V4, to);
		examine_around_family(d, rule, IP_V6, to);
	} else if (!doctor_is_local(&to->ip)) {
		examine_around_family(d, rule, to->ip.family, to);
	}
}

static void examine_around_internal(
	struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	const enum ip_family family = server->ip.family;

	if (!doctor_is_local(&server->ip) && lets_through(d, family, server))
		tell_way_around(d, DOCTOR_WARNING, rule, family, server,
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
	const bool v4 = can_look(d, IP_V4), v6 = can_look(d, IP_V6);

	if (!v4 && !v6)
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

static void examine_client_path(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	char in[ROUTES_NAME_MAX], back[ROUTES_NAME_MAX];
	const char *why;
	const struct tables *t = doctor_tables(d, IP_V4, &why);
	struct doctor_finding *f;

	if (external->any || external->addr.ip.family != IP_V4 || t == NULL || d->told)
		return;
	doctor_interface(d, t, &external->addr, in);
	if (in[0] == '\0' || strchr(in, '+') != NULL)
		return;
	d->told = 1;
	doctor_default_interface(IP_V4, back);
	if (rp_filter(in) != 1 || back[0] == '\0' || strcmp(in, back) == 0) {
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
