/* SPDX-License-Identifier: ISC */
/* Doctor: what posternd listens on, is it this host's and free? */
#include <unistd.h>

#include "cli/doctor.h"

/* "postfix (pid 711)", or what is known. */
static void name_process(char text[static 96], const struct sockets_listener *l)
{
	char name[SOCKETS_NAME_MAX];
	long pid;

	if (sockets_process(l->inode, &pid, name))
		snprintf(text, 96, "%s (process %ld)", name, pid);
	else
		snprintf(text, 96, "a program that only root may see");
}

static void tell_taken(struct doctor *d, const struct publish *rule, struct rules_at at,
	const struct ip_port *where, const struct sockets_listener *l)
{
	char address[DOCTOR_ADDRESS_MAX], taken[DOCTOR_ADDRESS_MAX], who[96];
	struct doctor_finding *f;

	name_process(who, l);
	f = doctor_tell(d, DOCTOR_FAULT, rule, at, "%s is taken: %s listens on %s",
		doctor_ip_port(address, where), who, doctor_ip_port(taken, &l->at));
	doctor_advise(f, "stop that program, or have it listen elsewhere; \"ss -ltnp\" shows it");
}

/* May whoever starts posternd have the port? Known only of ourselves. */
static bool port_is_low(uint16_t port)
{
	uint64_t first = 1024;

	doctor_proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", &first);
	return port < first && geteuid() != 0;
}

static void tell_free(struct doctor *d, const struct publish *rule, struct rules_at at,
	const struct ip_port *where)
{
	char address[DOCTOR_ADDRESS_MAX];
	struct doctor_finding *f;

	doctor_ip_port(address, where);
	if (d->runs) {
		f = doctor_tell(d, DOCTOR_FAULT, rule, at,
			"nobody listens on %s though posternd runs", address);
		doctor_type(f, "postern -c %s apply", d->c->dir);
	} else if (port_is_low(where->port)) {
		f = doctor_tell(d, DOCTOR_WARNING, rule, at,
			"%s is free, but a port below 1024 needs a right", address);
		doctor_advise(f, "start posternd as root, or give it CAP_NET_BIND_SERVICE");
	} else {
		doctor_tell(d, DOCTOR_OK, rule, at, "%s is this host's and free", address);
	}
}

static void examine_port(struct doctor *d, const struct publish *rule, struct rules_at at,
	const struct ip_port *where)
{
	const struct sockets_listener *l = doctor_listener(d, where);
	char address[DOCTOR_ADDRESS_MAX];

	if (l == NULL)
		tell_free(d, rule, at, where);
	else if (doctor_is_ours(d, l))
		doctor_tell(d, DOCTOR_OK, rule, at, "posternd listens on %s",
			doctor_ip_port(address, where));
	else
		tell_taken(d, rule, at, where, l);
}

static void examine_external(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	char address[DOCTOR_ADDRESS_MAX];
	struct doctor_finding *f;

	if (external->any) {
		f = doctor_tell(d, DOCTOR_FAULT, rule, external->at,
			"\"external any\" needs connections that a firewall diverts");
		doctor_advise(f, "add \"mode external\" to postern.conf, or name the addresses");
	} else if (!doctor_is_local(&external->addr.ip)) {
		f = doctor_tell(d, DOCTOR_FAULT, rule, external->at,
			"%s is no address of this host", doctor_ip(address, &external->addr.ip));
		doctor_advise(f, "correct it, or: ip address add %s/%s dev INTERFACE", address,
			external->addr.ip.family == IP_V6 ? "128" : "32");
	} else {
		examine_port(d, rule, external->at, &external->addr);
	}
}

void doctor_listen(struct doctor *d)
{
	doctor_each_external(d, examine_external);
}

static void examine_own_port(struct doctor *d, const struct publish *rule, uint16_t port)
{
	const struct ip_port where = { .ip = { .family = IP_V4 }, .port = port };

	examine_port(d, rule, rule != NULL ? rule->at : d->said->intercept_at, &where);
}

/* In `mode managed` each rule that is inspected has its own, and those that none lists have one. */
void doctor_intercept(struct doctor *d)
{
	if (d->mode != MODE_MANAGED) {
		examine_own_port(d, NULL, (uint16_t)d->host->intercept_port);
		return;
	}
	examine_own_port(d, NULL, lane_port(d->host, 0));
	for (size_t i = 0; i < d->lanes.n; i++)
		if (d->lanes.list[i].kind == LANE_PROXY)
			examine_own_port(d, d->lanes.list[i].rule,
				lane_port(d->host, d->lanes.list[i].number));
}

/* ---- a mail server where the rules publish ---- */

/* What is left of a connection when nothing diverts it. */
static bool input_drops(struct doctor *d, const struct ip_port *to)
{
	const struct tables_packet packet = { .dst = to->ip, .dport = to->port };
	const char *why;
	const struct tables *t = doctor_tables(d, to->ip.family, &why);
	struct tables_end end;

	if (t == NULL)
		return false;
	end = tables_walk(t, "filter", "INPUT", &packet, NULL, NULL);
	return !end.doubt && doctor_drops(end);
}

static void tell_local_server(struct doctor *d, const struct publish *rule,
	const struct rule_endpoint *external, const struct sockets_listener *l)
{
	const struct ip_port *to = &external->addr;
	char address[DOCTOR_ADDRESS_MAX], ip[DOCTOR_ADDRESS_MAX], who[96], diverted[80] = "";
	struct doctor_finding *f;

	name_process(who, l);
	f = doctor_tell(d, DOCTOR_FAULT, rule, external->at,
		"%s listens on %s, and takes mail for %s past the filter as soon as nothing "
		"diverts it",
		who, doctor_ip_port(ip, &l->at), doctor_ip_port(address, to));
	if (d->host->intercept == INTERCEPT_TPROXY)
		snprintf(diverted, sizeof(diverted), " -m mark ! --mark 0x%08x/0x%08x",
			d->host->mark, d->host->mark_mask);
	doctor_type(f, "%s -I INPUT -d %s -p tcp --dport %u%s -j DROP",
		doctor_iptables(to->ip.family), doctor_ip(ip, &to->ip), to->port, diverted);
}

static void examine_local_server(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const struct sockets_listener *l;

	if (external->any || !doctor_is_local(&external->addr.ip))
		return;
	l = doctor_listener(d, &external->addr);
	if (l != NULL && !doctor_is_ours(d, l) && !input_drops(d, &external->addr))
		tell_local_server(d, rule, external, l);
}

void doctor_local_server(struct doctor *d)
{
	const size_t before = d->n;

	doctor_each_external(d, examine_local_server);
	if (d->n == before)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"no other program takes mail at a published address");
}
