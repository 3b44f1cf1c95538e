/* SPDX-License-Identifier: ISC */
/* Doctor: does somebody take what is published out of connection tracking? Its lane would be lost.
 */
#include <string.h>

#include "cli/doctor.h"

static bool is_untracking(struct span target, struct span options, const void *context)
{
	(void)context;
	return span_eq(target, SPAN("NOTRACK")) ||
	       (span_eq(target, SPAN("CT")) &&
		       memmem(options.p, options.n, "--notrack", 9) != NULL);
}

/* Behind our jump, or where there is none as its first. */
static void type_exception(
	struct doctor_finding *f, const struct tables *t, const struct ip_port *to)
{
	char address[DOCTOR_ADDRESS_MAX];

	doctor_type(f, "%s -t raw -I PREROUTING %u -d %s -p tcp --dport %u -j ACCEPT",
		doctor_iptables(to->ip.family), doctor_place(t, "raw", "PREROUTING"),
		doctor_ip(address, &to->ip), to->port);
}

static void examine(
	struct doctor *d, const struct publish *rule, const struct rule_endpoint *external)
{
	const struct ip_port *to = &external->addr;
	char address[DOCTOR_ADDRESS_MAX], line[DOCTOR_LINE_MAX], in[ROUTES_NAME_MAX];
	struct tables_packet packet = { .dst = to->ip, .dport = to->port, .others = true };
	const char *why;
	const struct tables *t = external->any ? NULL : doctor_tables(d, to->ip.family, &why);
	struct tables_end end;

	if (t == NULL)
		return;
	doctor_interface(d, t, to, in);
	packet.in = span_str(in);
	end = tables_walk(t, "raw", "PREROUTING", &packet, is_untracking, NULL);
	if (end.found)
		type_exception(doctor_tell(d, DOCTOR_FAULT, rule, external->at,
				       "%s is taken out of connection tracking, without which "
				       "nobody gets in (%s rule \"%s\")",
				       doctor_ip_port(address, to), doctor_iptables(to->ip.family),
				       doctor_line(line, end.line)),
			t, to);
}

void doctor_track(struct doctor *d)
{
	const size_t before = d->n;

	doctor_each_external(d, examine);
	if (d->n == before)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"connections to what is published are tracked");
}
