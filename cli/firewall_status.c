/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "cli/firewall.h"
#include "cli/json.h"

#define WHY_MAX 4096

/* What the lines of one comment, of both families, have counted. */
struct counted {
	struct span comment;
	uint64_t diverted, diverted_octets, dropped;
};

struct status {
	struct apply_seen seen;
	struct span set[2], routing[2]; /* as it should be */
	struct counted *tallies;
	size_t n_tallies;
	bool different;
};

static enum iptables_state chain_state(const struct status *s, size_t i, enum kernel_chain chain)
{
	return iptables_compare(s->set[i], s->seen.family[i].saved, chain);
}

static enum iptables_state routing_state(const struct status *s, size_t i)
{
	return apply_routing_state(s->seen.family[i].routing, s->routing[i]);
}

static void find_differences(struct status *s)
{
	for (size_t i = 0; i < s->seen.n; i++) {
		s->different = s->different || !apply_state_is_right(routing_state(s, i));
		for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++)
			s->different = s->different || !apply_state_is_right(chain_state(s, i, c));
	}
}

/* ---- counters ---- */

static void count_line(void *context, const struct iptables_count *count)
{
	(void)count;
	++*(size_t *)context;
}

static struct counted *tally_of(struct status *s, struct span comment)
{
	for (size_t i = 0; i < s->n_tallies; i++)
		if (span_eq(s->tallies[i].comment, comment))
			return &s->tallies[i];
	s->tallies[s->n_tallies] = (struct counted){ .comment = comment };
	return &s->tallies[s->n_tallies++];
}

static void tally_line(void *context, const struct iptables_count *count)
{
	struct status *s = context;
	const bool drop = span_eq(count->target, SPAN("DROP"));
	struct counted *t;

	if (!drop && !span_eq(count->target, SPAN("REDIRECT")) &&
		!span_eq(count->target, SPAN("TPROXY")) && !span_eq(count->target, SPAN("DNAT")))
		return;
	t = tally_of(s, count->comment);
	if (drop) {
		t->dropped += count->packets;
	} else {
		t->diverted += count->packets;
		t->diverted_octets += count->octets;
	}
}

static bool add_up(struct status *s)
{
	size_t n = 1;

	for (size_t i = 0; i < s->seen.n; i++)
		iptables_counts(s->seen.family[i].saved, count_line, &n);
	s->tallies = calloc(n, sizeof(*s->tallies));
	if (s->tallies == NULL)
		return false;
	for (size_t i = 0; i < s->seen.n; i++)
		iptables_counts(s->seen.family[i].saved, tally_line, s);
	return true;
}

/* ---- text ---- */

static void print_chain(struct out *o, const struct status *s, size_t i, enum kernel_chain chain)
{
	const enum iptables_state state = chain_state(s, i, chain);

	if (apply_state_is_right(state))
		return;
	out_str(o, apply_family_word(&s->seen.family[i]));
	out_octet(o, ' ');
	out_str(o, iptables_places[chain].table);
	out_octet(o, ' ');
	out_str(o, iptables_places[chain].name);
	out_str(o, ": ");
	out_str(o, apply_state_word(state));
	out_octet(o, '\n');
}

static void print_tally(struct out *o, const struct counted *t)
{
	cli_plain(o, t->comment);
	o->n -= !o->full; /* its end of line */
	out_str(o, ": ");
	out_u64(o, t->diverted);
	out_str(o, " diverted, ");
	out_u64(o, t->dropped);
	out_str(o, " dropped\n");
}

static void print_text(struct out *o, void *context)
{
	const struct status *s = context;

	out_str(o, s->different ? "the kernel differs from the rules\n" : "in sync\n");
	for (size_t i = 0; i < s->seen.n; i++) {
		for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++)
			print_chain(o, s, i, c);
		if (apply_state_is_right(routing_state(s, i)))
			continue;
		out_str(o, apply_family_word(&s->seen.family[i]));
		out_str(o, " routing: ");
		out_str(o, apply_state_word(routing_state(s, i)));
		out_octet(o, '\n');
	}
	for (size_t i = 0; i < s->n_tallies; i++)
		print_tally(o, &s->tallies[i]);
}

/* ---- JSON ---- */

static void json_place(struct json *j, const struct status *s, size_t i, const char *table,
	const char *chain, enum iptables_state state)
{
	json_open(j, NULL, '{');
	json_u64(j, "family", (uint64_t)s->seen.family[i].family);
	json_str(j, "table", table);
	json_str(j, "chain", chain);
	json_str(j, "state", apply_state_word(state));
	json_close(j, '}');
}

static void json_family(struct json *j, const struct status *s, size_t i)
{
	for (enum kernel_chain c = 0; c < KERNEL_CHAINS; c++)
		json_place(j, s, i, iptables_places[c].table, iptables_places[c].name,
			chain_state(s, i, c));
	json_place(j, s, i, "routing", NULL, routing_state(s, i));
}

static void print_json(struct out *o, void *context)
{
	const struct status *s = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	json_str(&j, "backend", "iptables");
	json_bool(&j, "in_sync", !s->different);
	json_open(&j, "places", '[');
	for (size_t i = 0; i < s->seen.n; i++)
		json_family(&j, s, i);
	json_close(&j, ']');
	json_open(&j, "counters", '[');
	for (size_t i = 0; i < s->n_tallies; i++) {
		json_open(&j, NULL, '{');
		json_span(&j, "comment", s->tallies[i].comment);
		json_u64(&j, "diverted", s->tallies[i].diverted);
		json_u64(&j, "diverted_octets", s->tallies[i].diverted_octets);
		json_u64(&j, "dropped", s->tallies[i].dropped);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	out_octet(o, '\n');
}

/* ---- the whole ---- */

static int want(struct status *s, const struct kernel_plan *plan)
{
	int r = 0;

	for (size_t i = 0; plan != NULL && r == 0 && i < s->seen.n; i++) {
		r = apply_render_set(plan, s->seen.family[i].family, &s->set[i]);
		if (r == 0)
			r = apply_render_routing(plan, &s->routing[i]);
	}
	return r;
}

static int show(const struct cli *c, struct status *s)
{
	int exit;

	find_differences(s);
	if (!add_up(s))
		return cli_fail(CLI_UNAVAILABLE, "not enough memory");
	exit = cli_print(c->json ? print_json : print_text, s);
	return exit == CLI_OK && s->different ? CLI_DIFFERENT : exit;
}

static void status_free(struct status *s)
{
	for (int i = 0; i < 2; i++) {
		free((void *)(uintptr_t)s->set[i].p);
		free((void *)(uintptr_t)s->routing[i].p);
	}
	free(s->tallies);
	apply_unsee(&s->seen);
}

int firewall_status(const struct cli *c, const struct kernel_plan *plan)
{
	struct status s = { 0 };
	char text[WHY_MAX];
	struct out why;
	int r, exit;

	out_init(&why, text, sizeof(text) - 1);
	r = apply_see(&s.seen, &why);
	if (r == 0)
		r = want(&s, plan);
	exit = r == 0 ? show(c, &s) : firewall_exit("status", r, &why);
	status_free(&s);
	return exit;
}
