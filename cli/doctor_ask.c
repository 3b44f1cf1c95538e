/* SPDX-License-Identifier: ISC */
/* What several examinations ask of this host and of the rules. */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cli/doctor.h"
#include "cli/doctor_run.h"
#include "proxy/sockets.h"
#include "rules/view.h"

#define SERVERS_MAX 1024 /* told apart; what is beyond is asked about each time */

/* ---- text ---- */

const char *doctor_ip(char block[static DOCTOR_ADDRESS_MAX], const struct ip *ip)
{
	struct out o;

	out_init(&o, block, DOCTOR_ADDRESS_MAX);
	ip_print(&o, ip);
	return out_cstr(&o);
}

const char *doctor_ip_port(char block[static DOCTOR_ADDRESS_MAX], const struct ip_port *port)
{
	struct out o;

	out_init(&o, block, DOCTOR_ADDRESS_MAX);
	ip_port_print(&o, port);
	return out_cstr(&o);
}

const char *doctor_iptables(enum ip_family family)
{
	return family == IP_V6 ? "ip6tables" : "iptables";
}

const char *doctor_ip_option(enum ip_family family)
{
	return family == IP_V6 ? "-6 " : "";
}

/* ---- rules ---- */

void doctor_each_external(
	struct doctor *d, void (*one)(struct doctor *d, const struct publish *rule,
				  const struct rule_endpoint *external))
{
	for (size_t i = 0; i < d->rules->n_rules; i++) {
		const struct publish *p = d->rules->rules[i].publish;

		for (size_t k = 0; p != NULL && k < p->n_external; k++)
			one(d, p, &p->external[k]);
	}
}

static bool is_known(struct ip_port *known, size_t *np, const struct ip_port *server)
{
	for (size_t i = 0; i < *np; i++)
		if (known[i].port == server->port && ip_eq(&known[i].ip, &server->ip))
			return true;
	if (*np < SERVERS_MAX)
		known[(*np)++] = *server;
	return false;
}

void doctor_each_internal(struct doctor *d, bool (*wants)(const struct publish *rule),
	void (*one)(struct doctor *d, const struct publish *rule, const struct ip_port *server))
{
	static struct ip_port known[SERVERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < d->rules->n_rules; i++) {
		const struct publish *p = d->rules->rules[i].publish;

		if (p == NULL || !wants(p))
			continue;
		for (size_t k = 0; k < p->n_internal * p->n_external; k++) {
			const struct ip_port server = rule_internal(
				p, k / p->n_external, &p->external[k % p->n_external].addr);

			if (!p->internal_original && !is_known(known, &n, &server))
				one(d, p, &server);
		}
	}
}

/* ---- this host ---- */

static bool is_of(const struct ifaddrs *a, const struct ip *ip)
{
	struct sockaddr_storage sa = { 0 };
	struct ip_port have;

	if (a->ifa_addr == NULL ||
		(a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
		return false;
	memcpy(&sa, a->ifa_addr,
		a->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						  : sizeof(struct sockaddr_in6));
	have = sockets_from_kernel(&sa);
	return ip_eq(&have.ip, ip);
}

bool doctor_is_local(const struct ip *ip)
{
	const bool loopback = ip->family == IP_V4 && ip->octets[0] == 127;
	struct ifaddrs *list;
	bool found = loopback || ip_eq(ip, &(struct ip){ .family = ip->family });

	if (found || getifaddrs(&list) < 0)
		return found;
	for (const struct ifaddrs *a = list; a != NULL && !found; a = a->ifa_next)
		found = is_of(a, ip);
	freeifaddrs(list);
	return found;
}

void doctor_interface_of(const struct ip *ip, char name[static ROUTES_NAME_MAX])
{
	struct ifaddrs *list;

	name[0] = '\0';
	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *a = list; a != NULL && name[0] == '\0'; a = a->ifa_next)
		if (is_of(a, ip) && (a->ifa_flags & IFF_LOOPBACK) == 0)
			snprintf(name, ROUTES_NAME_MAX, "%s", a->ifa_name);
	freeifaddrs(list);
}

bool doctor_proc_number(const char *path, uint64_t *vp)
{
	size_t n;
	char *text = run_read(path, &n);
	const struct span all = span_of(text, n);
	const bool found =
		text != NULL && span_u64(span_sub(all, 0, span_chr(all, '\n')), UINT64_MAX, vp);

	free(text);
	return found;
}

/* ---- who listens ---- */

static void read_sockets(struct doctor *d, const char *path)
{
	size_t n;
	char *text = run_read(path, &n);

	if (text != NULL)
		sockets_read(&d->sockets, span_of(text, n));
	free(text);
}

const struct sockets_listener *doctor_listener(struct doctor *d, const struct ip_port *at)
{
	if (!d->sockets_looked) {
		read_sockets(d, "/proc/net/tcp");
		read_sockets(d, "/proc/net/tcp6");
		d->sockets_looked = true;
	}
	return sockets_find(&d->sockets, at);
}

bool doctor_is_ours(struct doctor *d, const struct sockets_listener *l)
{
	char name[SOCKETS_NAME_MAX];
	long pid;

	for (size_t i = 0; i < d->n_listeners; i++)
		if (d->listeners[i].port == l->at.port && ip_eq(&d->listeners[i].ip, &l->at.ip))
			return true;
	return sockets_process(l->inode, &pid, name) &&
	       (strcmp(name, "posternd") == 0 || strcmp(name, "postern-proxy") == 0);
}

/* ---- the firewall's rules ---- */

static void look(struct doctor_rules *r, const char *program)
{
	const char *const argv[] = { program, NULL };
	size_t n;
	const int error = run_program(argv, &r->text, &n);

	r->looked = true;
	if (error == RUN_E_MISSING)
		snprintf(r->why, sizeof(r->why), "%s is not installed", program);
	else if (error != RUN_OK)
		snprintf(r->why, sizeof(r->why), "%s failed", program);
	else if (tables_read(&r->tables, span_of(r->text, n)) < 0)
		snprintf(r->why, sizeof(r->why), "not enough memory for what %s says", program);
}

const struct tables *doctor_tables(struct doctor *d, enum ip_family family, const char **whyp)
{
	struct doctor_rules *r = family == IP_V6 ? &d->v6 : &d->v4;

	if (!r->looked)
		look(r, family == IP_V6 ? "ip6tables-save" : "iptables-save");
	*whyp = r->why;
	return r->why[0] == '\0' ? &r->tables : NULL;
}

unsigned doctor_place(const struct tables *t, const char *table, const char *hook)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tables_line *l = &t->lines[i];

		if (l->rule && span_eq(l->table, span_str(table)) &&
			span_eq(l->chain, span_str(hook)))
			return span_istarts(tables_option(l->rest, "-j"), SPAN("POSTERN-")) ? 2 : 1;
	}
	return 1;
}

/* ---- routes ---- */

enum doctor_route doctor_route(const struct ip *to, char name[static ROUTES_NAME_MAX])
{
	char address[DOCTOR_ADDRESS_MAX];
	const char *const argv[] = { "ip", "-j", to->family == IP_V6 ? "-6" : "-4", "route", "get",
		doctor_ip(address, to), NULL };
	bool local = false, found;
	char *text;
	size_t n;
	const int r = run_program(argv, &text, &n);

	if (r == RUN_E_MISSING)
		return DOCTOR_ROUTE_NO_TOOL;
	found = r == RUN_OK && routes_first(span_of(text, n), name, &local);
	free(text);
	if (!found)
		return DOCTOR_ROUTE_NONE;
	return local ? DOCTOR_ROUTE_LOCAL : DOCTOR_ROUTE_OUT;
}

void doctor_default_interface(enum ip_family family, char name[static ROUTES_NAME_MAX])
{
	const char *const argv[] = { "ip", "-j", family == IP_V6 ? "-6" : "-4", "route", "show",
		"default", NULL };
	bool local;
	char *text;
	size_t n;

	if (run_program(argv, &text, &n) != RUN_OK || !routes_first(span_of(text, n), name, &local))
		name[0] = '\0';
	free(text);
}
