/* SPDX-License-Identifier: ISC */
/* Doctor: does somebody else change the bits of marks that are ours? */
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_bits.h"
#include "cli/doctor_match.h"
#include "cli/doctor_run.h"
#include "rules/kernel/routing.h"

static bool is_managed(const struct doctor *d)
{
	return d->mode == MODE_MANAGED;
}

static uint32_t packet_bits(const struct doctor *d)
{
	return d->host->mark_mask | (is_managed(d) ? d->host->lane_mask : 0);
}

static struct bits ours_of(const struct doctor *d, struct bits b)
{
	return (struct bits){ .packet = b.packet & packet_bits(d),
		.connection = b.connection & (is_managed(d) ? d->host->lane_mask : 0) };
}

static void tell(struct doctor *d, enum doctor_level level, struct bits ours, const char *who)
{
	const bool connection = ours.connection != 0;
	struct doctor_finding *f;

	f = doctor_tell(d, level, NULL, connection ? d->said->lane_mask_at : d->said->mark_at,
		"%s changes bits 0x%x of %s marks, which are Postern's", who,
		connection ? ours.connection : ours.packet, connection ? "connection" : "packet");
	doctor_advise(f,
		"give it a mask that leaves out 0x%x, or name other bits by \"mark\" and "
		"\"connection-mark\" in postern.conf and restart posternd",
		packet_bits(d));
}

/* ---- iptables ---- */

/* What `mode external` lets others make is what Postern asked them for: a rule that sets its mark.
 */
static bool sets_our_mark(const struct doctor *d, struct span options)
{
	const char *const names[] = { "--set-xmark", "--tproxy-mark" };
	uint32_t value, mask;

	for (size_t i = 0; i < 2; i++)
		if (tables_mark(tables_option(options, names[i]), &value, &mask))
			return !is_managed(d) && value == d->host->mark &&
			       mask == d->host->mark_mask;
	return false;
}

static void examine_line(struct doctor *d, enum ip_family family, const struct tables_line *l)
{
	static const struct tables_packet any;
	struct span rest = l->rest, target;
	char who[DOCTOR_LINE_MAX + 64], line[DOCTOR_LINE_MAX];
	bool go_to;
	const enum match holds = match_rule(&rest, &any, &go_to);
	struct bits ours;

	target = match_word(&rest);
	ours = ours_of(d, bits_of_target(target, rest));
	if ((ours.packet | ours.connection) == 0 || span_istarts(l->chain, SPAN("POSTERN-")) ||
		sets_our_mark(d, rest))
		return;
	snprintf(who, sizeof(who), "%s table %.*s rule \"%s\"", doctor_iptables(family),
		(int)(l->table.n < 16 ? l->table.n : 16), (const char *)l->table.p,
		doctor_line(line, l->rest));
	tell(d, holds == MATCH_YES ? DOCTOR_FAULT : DOCTOR_WARNING, ours, who);
}

static bool is_looked_at(const struct tables_line *l)
{
	return l->rule && !span_istarts(l->chain, SPAN("POSTERN-"));
}

static void examine_family(struct doctor *d, enum ip_family family)
{
	const char *why;
	const struct tables *t = doctor_tables(d, family, &why);

	for (size_t i = 0; t != NULL && i < t->n; i++)
		if (is_looked_at(&t->lines[i]))
			examine_line(d, family, &t->lines[i]);
}

/* ---- nft ---- */

static bool is_of_iptables(const struct nft_chain *c)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security" };

	for (size_t i = 0; strcmp(c->family, "inet") != 0 && i < 5; i++)
		if (strcmp(c->table, tables[i]) == 0)
			return true;
	return strcmp(c->family, "inet") == 0 && strcmp(c->table, "postern") == 0;
}

static void examine_nft_rule(void *context, const struct nft_chain *c, struct bits bits)
{
	struct doctor *d = context;
	const struct bits ours = ours_of(d, bits);
	char who[3 * NFT_NAME_MAX];

	if ((ours.packet | ours.connection) == 0 || is_of_iptables(c))
		return;
	snprintf(who, sizeof(who), "a rule of nft chain %s %s %s", c->family, c->table, c->name);
	tell(d, DOCTOR_WARNING, ours, who);
}

static void examine_nft(struct doctor *d)
{
	static const char *const argv[] = { "nft", "-j", "list", "ruleset", NULL };
	char *text;
	size_t n;

	if (run_program(argv, &text, &n) == RUN_OK)
		bits_of_nft(span_of(text, n), examine_nft_rule, d);
	free(text);
}

void doctor_marks(struct doctor *d)
{
	const size_t before = d->n;

	examine_family(d, IP_V4);
	examine_family(d, IP_V6);
	examine_nft(d);
	if (d->n == before)
		doctor_tell(d, DOCTOR_OK, NULL, DOCTOR_NOWHERE,
			"nobody else changes the bits 0x%x of marks", packet_bits(d));
}
