/* SPDX-License-Identifier: ISC */
/* Doctor: what "client-address keep" needs: a right, and the servers' answers brought here. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/doctor_run.h"

#define TABLE_ADVISED "100"       /* by hand; 5250 is what "postern firewall" owns and removes */
#define A_CLIENT_V4   "192.0.2.9" /* RFC 5737, RFC 3849: some client */
#define A_CLIENT_V6   "2001:db8:ffff::9"

static bool keeps(const struct publish *rule)
{
	return rule->client_address == CLIENT_KEEP;
}

/* ---- the right ---- */

static bool may_be_transparent(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	const bool may =
		fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one)) == 0;

	if (fd >= 0)
		close(fd);
	return may;
}

void doctor_right(struct doctor *d)
{
	struct doctor_finding *f;

	if (d->runs || may_be_transparent()) {
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"clients' addresses may be kept (%s)",
			d->runs ? "posternd runs" : "CAP_NET_RAW");
		return;
	}
	f = doctor_tell(d, DOCTOR_WARNING, NULL, DOCTOR_NOWHERE,
		"keeping clients' addresses needs CAP_NET_RAW, which this user does not have");
	doctor_advise(f, "start posternd as root, or say \"client-address gateway\" in the rule");
}

/* ---- the answers of one server ---- */

struct way {
	struct doctor *d;
	const struct publish *rule;
	const struct ip_port *server;
	enum ip_family family;
	char address[DOCTOR_ADDRESS_MAX], in[ROUTES_NAME_MAX], table[ROUTES_NAME_MAX];
};

static struct doctor_finding *tell(struct way *w, enum doctor_level level, const char *what)
{
	const struct publish *p = w->rule;

	return doctor_tell(w->d, level, p, p->client_address_at.line ? p->client_address_at : p->at,
		"answers of %s: %s", w->address, what);
}

static char *ask_ip(struct way *w, const char *const words[], size_t n_words, size_t *np)
{
	const char *argv[16] = { "ip", "-j", w->family == IP_V6 ? "-6" : "-4" };
	char *text;

	for (size_t i = 0; i < n_words && i + 4 < 16; i++)
		argv[3 + i] = words[i];
	run_program(argv, &text, np);
	return text;
}

static bool has_route(struct way *w)
{
	struct doctor_finding *f;

	switch (doctor_route(&w->server->ip, w->in)) {
	case DOCTOR_ROUTE_OUT: return true;
	case DOCTOR_ROUTE_NO_TOOL:
		f = tell(w, DOCTOR_SKIPPED, "ip is not installed");
		doctor_type(f, "apt install iproute2");
		return false;
	case DOCTOR_ROUTE_LOCAL:
		f = tell(w, DOCTOR_WARNING,
			"the server is on this host, and answers clients past the proxy");
		doctor_advise(f, "say \"client-address gateway\", \"xclient\" or \"proxy-v2\"");
		return false;
	case DOCTOR_ROUTE_NONE: break;
	}
	f = tell(w, DOCTOR_FAULT, "this host has no route to the server");
	doctor_advise(f, "add a route, or correct \"internal\"; \"ip route get %s\" shows it",
		w->address);
	return false;
}

static bool is_marking(struct span target, struct span options, const void *context)
{
	const struct hostconf *host = context;
	const char *const names[] = { "--set-xmark", "--set-mark", "--or-mark" };
	uint32_t value, mask;

	for (size_t i = 0; span_eq(target, SPAN("MARK")) && i < 3; i++)
		if (tables_mark(tables_option(options, names[i]), &value, &mask))
			return (value & host->mark_mask) == host->mark;
	return false;
}

static bool is_marked(struct way *w)
{
	const struct hostconf *host = w->d->host;
	const struct tables_packet packet = {
		.src = w->server->ip, .in = span_str(w->in), .answer = true
	};
	struct doctor_finding *f;
	const char *why;
	const struct tables *t = doctor_tables(w->d, w->family, &why);

	if (t == NULL) {
		tell(w, DOCTOR_SKIPPED, why);
		return false;
	}
	if (tables_walk(t, "mangle", "PREROUTING", &packet, is_marking, host).found)
		return true;
	f = tell(w, DOCTOR_FAULT, "nothing marks them as for a socket of this host");
	doctor_type(f,
		"%s -t mangle -A PREROUTING -i %s -p tcp -m socket --transparent -j MARK "
		"--set-xmark 0x%08x/0x%08x",
		doctor_iptables(w->family), w->in, host->mark, host->mark_mask);
	return false;
}

static bool has_rule(struct way *w)
{
	static const char *const words[] = { "rule", "show" };
	const struct hostconf *host = w->d->host;
	struct doctor_finding *f;
	bool bound, found;
	size_t n;
	char *text = ask_ip(w, words, 2, &n);

	found = text != NULL && routes_rule(span_of(text, n), host->mark, w->in, w->table, &bound);
	free(text);
	if (found)
		return true;
	f = tell(w, DOCTOR_FAULT, "no routing rule looks the mark up");
	doctor_type(f, "ip %srule add iif %s fwmark 0x%08x/0x%08x lookup " TABLE_ADVISED,
		doctor_ip_option(w->family), w->in, host->mark, host->mark_mask);
	return false;
}

static bool has_local_route(struct way *w)
{
	const char *const words[] = { "route", "show", "table", w->table };
	struct doctor_finding *f;
	char what[96];
	bool found;
	size_t n;
	char *text = ask_ip(w, words, 4, &n);

	found = text != NULL && routes_local_default(span_of(text, n));
	free(text);
	if (found)
		return true;
	snprintf(what, sizeof(what), "table %s does not make them local", w->table);
	f = tell(w, DOCTOR_FAULT, what);
	doctor_type(f, "ip %sroute add local %s dev lo table %s", doctor_ip_option(w->family),
		w->family == IP_V6 ? "::/0" : "0.0.0.0/0", w->table);
	return false;
}

/* The kernel itself, on a packet as the server would send it. */
static bool kernel_takes(struct way *w)
{
	char server[DOCTOR_ADDRESS_MAX], mark[16], name[ROUTES_NAME_MAX];
	const char *const words[] = { "route", "get",
		w->family == IP_V6 ? A_CLIENT_V6 : A_CLIENT_V4, "from", server, "iif", w->in,
		"mark", mark };
	struct doctor_finding *f;
	bool local = false;
	size_t n;
	char *text;

	doctor_ip(server, &w->server->ip);
	snprintf(mark, sizeof(mark), "0x%x", w->d->host->mark);
	text = ask_ip(w, words, 9, &n);
	if (text != NULL)
		routes_first(span_of(text, n), name, &local);
	free(text);
	if (local)
		return true;
	f = tell(w, DOCTOR_FAULT,
		"the kernel drops them, or sends them elsewhere (rp_filter, other rules)");
	if (w->family == IP_V4)
		doctor_type(f,
			"sysctl -w net.ipv4.conf.%s.rp_filter=2 net.ipv4.conf.all.src_valid_mark=0",
			w->in);
	else
		doctor_advise(f, "\"ip -6 rule\" shows what is looked up first");
	return false;
}

static void examine_return(
	struct doctor *d, const struct publish *rule, const struct ip_port *server)
{
	static bool (*const steps[])(
		struct way *) = { has_route, is_marked, has_rule, has_local_route, kernel_takes };
	struct way w = { .d = d, .rule = rule, .server = server, .family = server->ip.family };
	char what[160];

	doctor_ip(w.address, &server->ip);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!steps[i](&w))
			return;
	snprintf(what, sizeof(what), "come in on %s and reach the proxies (table %s)", w.in,
		w.table);
	tell(&w, DOCTOR_OK, what);
}

/* What the kernel carries to the server by itself has no socket here. */
static bool keeps_by_proxy(const struct publish *rule)
{
	return keeps(rule) && !rule->pass;
}

void doctor_return(struct doctor *d)
{
	if (d->mode == MODE_MANAGED && !d->in_force)
		doctor_tell(d, DOCTOR_SKIPPED, NULL, DOCTOR_NOWHERE,
			"what brings the servers' answers here is not in force");
	else
		doctor_each_internal(
			d, d->mode == MODE_MANAGED ? keeps_by_proxy : keeps, examine_return);
}
