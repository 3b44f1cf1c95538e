/* SPDX-License-Identifier: ISC */
#include "rules/kernel/run/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "rules/kernel/run/program.h"

#define TEXT_FIRST ((size_t)64 << 10)
#define TEXT_LAST  ((size_t)256 << 20)

static const struct span nothing = { NULL, 0 };

/* ---- text of any size ---- */

struct writing {
	const struct kernel_plan *plan;
	enum ip_family family;
	struct span a, b;
	const struct iptables_seen *seen;
	enum iptables_part part;
};

static int write_text(void (*print)(struct out *o, const struct writing *w),
	const struct writing *w, struct span *textp)
{
	for (size_t size = TEXT_FIRST; size <= TEXT_LAST; size *= 4) {
		void *block = malloc(size);
		struct out o;

		if (block == NULL)
			break;
		out_init(&o, block, size);
		print(&o, w);
		*textp = out_span(&o);
		if (!o.full)
			return 0;
		free(block);
	}
	*textp = nothing;
	return err_trace(-ENOMEM);
}

static void text_free(struct span text)
{
	free((void *)(uintptr_t)text.p);
}

static void print_set(struct out *o, const struct writing *w)
{
	iptables_render(o, w->plan, w->family);
}

static void print_routing(struct out *o, const struct writing *w)
{
	routing_render(o, w->plan);
}

static void print_nft(struct out *o, const struct writing *w)
{
	nft_render(o, w->plan);
}

static void print_script(struct out *o, const struct writing *w)
{
	iptables_script(o, w->a, w->seen, w->part);
}

static void print_cut(struct out *o, const struct writing *w)
{
	iptables_cut(o, w->a);
}

static void print_routing_cut(struct out *o, const struct writing *w)
{
	routing_cut(o, w->a, w->b);
}

static void print_routing_script(struct out *o, const struct writing *w)
{
	routing_script(o, w->a, w->b);
}

int apply_render_set(const struct kernel_plan *plan, enum ip_family family, struct span *setp)
{
	return write_text(print_set, &(struct writing){ .plan = plan, .family = family }, setp);
}

int apply_render_routing(const struct kernel_plan *plan, struct span *routingp)
{
	return write_text(print_routing, &(struct writing){ .plan = plan }, routingp);
}

int apply_render_nft(const struct kernel_plan *plan, struct span *tablep)
{
	return write_text(print_nft, &(struct writing){ .plan = plan }, tablep);
}

/* ---- programs ---- */

int apply_failed(struct out *why, const char *program, const struct program *p)
{
	if (p->status == PROGRAM_MISSING) {
		out_str(why, program);
		out_str(why,
			" cannot be executed: is it installed below /usr/sbin? (Debian packages "
			"iptables, iproute2, nftables)\n");
		return APPLY_E_PROGRAM;
	}
	out_str(why, program);
	out_str(why, " failed with status ");
	out_u64(why, (uint64_t)p->status);
	out_str(why, ": ");
	out_escaped(why, p->err, 1000);
	out_octet(why, '\n');
	return APPLY_E_PROGRAM;
}

/* @outp: what it printed, the caller's to free; or NULL. */
static int run(struct out *why, const char *const argv[], struct span input, struct span *outp)
{
	struct program p;
	int r = program_run(&p, argv, input);

	if (r < 0)
		return r;
	if (p.status != 0)
		r = apply_failed(why, argv[0], &p);
	if (r == 0 && outp != NULL) {
		*outp = p.out;
		p.out = nothing;
	}
	program_free(&p);
	return r;
}

static const char *tool(enum ip_family family, const char *four, const char *six)
{
	return family == IP_V4 ? four : six;
}

static int restore(struct out *why, enum ip_family family, struct span script, bool test)
{
	const char *program = tool(family, "iptables-restore", "ip6tables-restore");

	if (script.n == 0)
		return 0;
	return run(why,
		(const char *const[]){
			program, "-w", "5", "--noflush", test ? "--test" : NULL, NULL },
		script, NULL);
}

static int ip_batch(struct out *why, enum ip_family family, struct span script)
{
	if (script.n == 0)
		return 0;
	return run(why,
		(const char *const[]){ "ip", tool(family, "-4", "-6"), "-batch", "-", NULL },
		script, NULL);
}

/* ---- what is there ---- */

static bool has_ipv6(void)
{
	return access("/proc/net/if_inet6", F_OK) == 0;
}

/* "ip route show table" fails for a table without routes, and then there is nothing to see. */
static int see_routes(enum ip_family family, struct span *routesp)
{
	struct program p;
	const int r = program_run(&p,
		(const char *const[]){ "ip", tool(family, "-4", "-6"), "route", "show", "table",
			ROUTING_TABLE, NULL },
		nothing);

	if (r < 0)
		return r;
	*routesp = p.out;
	p.out = nothing;
	program_free(&p);
	return 0;
}

static int see_routing(struct apply_family *f, struct out *why)
{
	struct span rules = nothing, routes = nothing;
	int r = run(why,
		(const char *const[]){
			"ip", "-N", tool(f->family, "-4", "-6"), "rule", "show", NULL },
		nothing, &rules);

	if (r == 0)
		r = see_routes(f->family, &routes);
	if (r == 0)
		r = write_text(print_routing_cut, &(struct writing){ .a = rules, .b = routes },
			&f->routing);
	text_free(rules);
	text_free(routes);
	return r;
}

/* Where there is no iptables, as on a host that has only nft, there are no rules of its. */
static int see_tables(struct apply_family *f, struct out *why)
{
	const char *name = tool(f->family, "iptables-save", "ip6tables-save");
	struct program p;
	int r = program_run(&p, (const char *const[]){ name, "-c", NULL }, nothing);

	if (r < 0)
		return r;
	if (p.status == 0) {
		f->saved = p.out;
		p.out = nothing;
	} else if (p.status != PROGRAM_MISSING) {
		r = apply_failed(why, name, &p);
	}
	program_free(&p);
	return r;
}

int apply_see(struct apply_seen *seen, struct out *why)
{
	int r = 0;

	*seen = (struct apply_seen){ .family = { { .family = IP_V4 }, { .family = IP_V6 } },
		.n = has_ipv6() ? 2 : 1 };
	for (size_t i = 0; r == 0 && i < seen->n; i++) {
		struct apply_family *f = &seen->family[i];

		r = see_tables(f, why);
		if (r == 0)
			r = see_routing(f, why);
	}
	return r;
}

void apply_unsee(struct apply_seen *seen)
{
	for (size_t i = 0; i < 2; i++) {
		text_free(seen->family[i].saved);
		text_free(seen->family[i].routing);
		seen->family[i] = (struct apply_family){ 0 };
	}
}

/* ---- what differs ---- */

const char *apply_state_word(enum iptables_state state)
{
	static const char *const words[] = { [IPTABLES_IN_SYNC] = "in sync",
		[IPTABLES_MISSING] = "missing",
		[IPTABLES_CHANGED] = "changed",
		[IPTABLES_MOVED] = "not first in its hook",
		[IPTABLES_SURPLUS] = "not asked for",
		[IPTABLES_UNNEEDED] = "not needed" };

	return words[state];
}

enum iptables_state apply_routing_state(struct span have, struct span want)
{
	if (span_eq(have, want))
		return have.n > 0 ? IPTABLES_IN_SYNC : IPTABLES_UNNEEDED;
	if (have.n == 0)
		return IPTABLES_MISSING;
	return want.n == 0 ? IPTABLES_SURPLUS : IPTABLES_CHANGED;
}

bool apply_state_is_right(enum iptables_state state)
{
	return state == IPTABLES_IN_SYNC || state == IPTABLES_UNNEEDED;
}

const char *apply_family_word(const struct apply_family *f)
{
	return f->family == IP_V4 ? "IPv4" : "IPv6";
}

static bool tell_difference(struct out *o, const struct apply_family *f, const char *table,
	const char *chain, enum iptables_state state)
{
	if (apply_state_is_right(state))
		return false;
	out_str(o, apply_family_word(f));
	out_octet(o, ' ');
	out_str(o, table);
	if (chain != NULL)
		out_octet(o, ' ');
	out_str(o, chain);
	out_str(o, ": ");
	out_str(o, apply_state_word(state));
	out_octet(o, '\n');
	return true;
}

bool apply_differ(const struct apply_seen *seen, const struct apply_wanted *w, struct out *o)
{
	bool differ = false;

	for (size_t i = 0; i < seen->n; i++) {
		const struct apply_family *f = &seen->family[i];

		for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++)
			differ |= tell_difference(o, f, iptables_places[c].table,
				iptables_places[c].name, iptables_compare(w->set[i], f->saved, c));
		differ |= tell_difference(
			o, f, "routing", NULL, apply_routing_state(f->routing, w->routing[i]));
	}
	return differ;
}

/* ---- from what is there to what should be ---- */

/* Those of a part: one that is right already is left alone, and keeps its counters. */
static bool tables_are_right(const struct apply_family *f, struct span set, enum iptables_part part)
{
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++) {
		const unsigned of = c <= KERNEL_FORWARD ? IPTABLES_DROP : IPTABLES_WAYS;

		if (part & of && !apply_state_is_right(iptables_compare(set, f->saved, c)))
			return false;
	}
	return true;
}

static int change_tables(const struct apply_family *f, struct span set, enum iptables_part part,
	bool test, struct out *why)
{
	struct iptables_seen seen;
	struct span script;
	int r;

	if (tables_are_right(f, set, part))
		return 0;
	iptables_see(f->saved, &seen);
	r = write_text(
		print_script, &(struct writing){ .a = set, .seen = &seen, .part = part }, &script);
	if (r == 0)
		r = restore(why, f->family, script, test);
	text_free(script);
	return r;
}

static int change_all_tables(const struct apply_seen *seen, const struct apply_wanted *w,
	enum iptables_part part, bool test, struct out *why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < seen->n; i++)
		r = change_tables(&seen->family[i], w->set[i], part, test, why);
	return r;
}

/* One that is right already is left alone, so that no packet goes astray meanwhile. */
static int change_routing(
	const struct apply_seen *seen, const struct apply_wanted *w, struct out *why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < seen->n; i++) {
		const struct apply_family *f = &seen->family[i];
		struct span script;

		if (span_eq(f->routing, w->routing[i]))
			continue;
		r = write_text(print_routing_script,
			&(struct writing){ .a = f->routing, .b = w->routing[i] }, &script);
		if (r == 0)
			r = ip_batch(why, f->family, script);
		text_free(script);
	}
	return r;
}

int apply_bring_in(const struct apply_seen *seen, const struct apply_wanted *w, struct out *why)
{
	int r = change_all_tables(seen, w, IPTABLES_ALL, true, why);

	if (r == 0)
		r = change_all_tables(seen, w, IPTABLES_DROP, false, why);
	if (r == 0)
		r = change_routing(seen, w, why);
	return r == 0 ? change_all_tables(seen, w, IPTABLES_WAYS, false, why) : r;
}

static int take_out(const struct apply_seen *seen, const struct apply_wanted *w, struct out *why)
{
	int r = change_all_tables(seen, w, IPTABLES_WAYS, false, why);

	if (r == 0)
		r = change_routing(seen, w, why);
	return r == 0 ? change_all_tables(seen, w, IPTABLES_DROP, false, why) : r;
}

void apply_wanted_free(struct apply_wanted *w)
{
	for (int i = 0; i < 2; i++) {
		text_free(w->set[i]);
		text_free(w->routing[i]);
	}
	*w = (struct apply_wanted){ 0 };
}

/* What was seen before, as something to want; its routing is borrowed. */
static int want_before(const struct apply_seen *before, struct apply_wanted *w)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < before->n; i++) {
		w->routing[i] = before->family[i].routing;
		r = write_text(
			print_cut, &(struct writing){ .a = before->family[i].saved }, &w->set[i]);
	}
	return r;
}

static bool is_empty(const struct apply_wanted *w)
{
	return w->set[0].n == 0 && w->set[1].n == 0;
}

int apply_take_back(const struct apply_seen *before, struct out *why)
{
	struct apply_wanted w = { 0 };
	struct apply_seen now;
	int r = want_before(before, &w);

	if (r == 0) {
		r = apply_see(&now, why);
		if (r == 0)
			r = is_empty(&w) ? take_out(&now, &w, why) : apply_bring_in(&now, &w, why);
		apply_unsee(&now);
	}
	out_str(why, r == 0 ? "everything is as it was before\n"
			    : "what was done could not be taken back: see \"postern firewall "
			      "status\", and say \"postern firewall remove\"\n");
	text_free(w.set[0]);
	text_free(w.set[1]);
	return r;
}

/* ---- nft ---- */

static int nft(struct out *why, struct span script, bool test)
{
	return run(
		why, (const char *const[]){ "nft", test ? "-cf" : "-f", "-", NULL }, script, NULL);
}

int apply_remove_nft(struct out *why)
{
	struct program p;
	int r = program_run(&p,
		(const char *const[]){ "nft", "list", "table", "inet", "postern", NULL }, nothing);
	bool there;

	if (r < 0)
		return r;
	there = p.status == 0;
	program_free(&p);
	return there ? nft(why, SPAN("delete table inet postern\n"), false) : 0;
}

/* ---- the whole ---- */

int apply_remove_iptables(struct out *why)
{
	const struct apply_wanted w = { 0 };
	struct apply_seen seen;
	int r = apply_see(&seen, why);

	if (r == 0)
		r = take_out(&seen, &w, why);
	apply_unsee(&seen);
	return r;
}

int apply_remove(struct out *why)
{
	const int r = apply_remove_iptables(why);
	const int s = apply_remove_nft(why);

	return r ? r : s;
}

int apply_want(
	const struct apply_seen *seen, const struct kernel_plan *plan, struct apply_wanted *w)
{
	int r = 0;

	*w = (struct apply_wanted){ 0 };
	for (size_t i = 0; r == 0 && i < seen->n; i++) {
		r = apply_render_set(plan, seen->family[i].family, &w->set[i]);
		if (r == 0)
			r = apply_render_routing(plan, &w->routing[i]);
	}
	return r;
}

int apply_iptables(const struct kernel_plan *plan, struct out *why)
{
	struct apply_wanted w = { 0 };
	struct apply_seen seen;
	int r = apply_see(&seen, why);

	if (r == 0)
		r = apply_want(&seen, plan, &w);
	if (r == 0) {
		r = apply_bring_in(&seen, &w, why);
		if (r != 0)
			apply_take_back(&seen, why);
	}
	apply_wanted_free(&w);
	apply_unsee(&seen);
	return r ? r : apply_remove_nft(why);
}

/* The table is one transaction. The routing goes in before it, and comes out again with it. */
static int bring_in_nft(const struct apply_seen *seen, const struct apply_wanted *w,
	struct span table, struct out *why)
{
	int r = nft(why, table, true);

	if (r == 0)
		r = change_routing(seen, w, why);
	if (r == 0)
		r = nft(why, table, false);
	if (r != 0)
		apply_take_back(seen, why);
	return r;
}

int apply_nft(const struct kernel_plan *plan, struct out *why)
{
	const struct apply_wanted none = { 0 };
	struct apply_wanted w = { 0 };
	struct apply_seen seen;
	struct span table = nothing;
	int r = apply_see(&seen, why);

	if (r == 0)
		r = apply_want(&seen, plan, &w);
	if (r == 0)
		r = apply_render_nft(plan, &table);
	if (r == 0)
		r = bring_in_nft(&seen, &w, table, why);
	if (r == 0) /* those of the other backend: the ways first */
		r = change_all_tables(&seen, &none, IPTABLES_WAYS, false, why);
	if (r == 0)
		r = change_all_tables(&seen, &none, IPTABLES_DROP, false, why);
	text_free(table);
	apply_wanted_free(&w);
	apply_unsee(&seen);
	return r;
}
