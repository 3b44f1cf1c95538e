/* SPDX-License-Identifier: ISC */
/* postern firewall status --backend nft */
#include <stdlib.h>
#include <string.h>

#include "cli/firewall.h"
#include "cli/json.h"
#include "rules/kernel/nft_list.h"
#include "rules/kernel/run/list.h"

#define WHY_MAX 4096

struct status {
	struct apply_seen seen; /* its routing */
	struct span routing[2], want, have;
	bool different;
};

/* Calls @each for every chain that is there or should be, each once. */
static void each_chain(struct status *s,
	void (*each)(struct status *s, struct span name, enum iptables_state state, void *context),
	void *context)
{
	const struct span texts[] = { s->want, s->have };

	for (size_t i = 0; i < 2; i++)
		for (struct span rest = texts[i]; rest.n > 0;) {
			struct nft_chain c;
			enum iptables_state state;

			if (!nft_next_chain(&rest, &c))
				break;
			state = nft_compare(s->want, s->have, c.name);
			if (i == 0 || state == IPTABLES_SURPLUS)
				each(s, c.name, state, context);
		}
}

static enum iptables_state routing_state(const struct status *s, size_t i)
{
	return apply_routing_state(s->seen.family[i].routing, s->routing[i]);
}

static void note_chain(struct status *s, struct span name, enum iptables_state state, void *context)
{
	(void)name;
	(void)context;
	s->different = s->different || !apply_state_is_right(state);
}

static void find_differences(struct status *s)
{
	each_chain(s, note_chain, NULL);
	for (size_t i = 0; i < s->seen.n; i++)
		s->different = s->different || !apply_state_is_right(routing_state(s, i));
}

/* ---- text ---- */

static void print_chain(
	struct status *s, struct span name, enum iptables_state state, void *context)
{
	struct out *o = context;

	(void)s;
	if (apply_state_is_right(state))
		return;
	out_str(o, "inet postern ");
	out_escaped(o, name, 64);
	out_str(o, ": ");
	out_str(o, apply_state_word(state));
	out_octet(o, '\n');
}

static void print_count(void *context, const struct nft_count *c)
{
	struct out *o = context;

	if (c->packets == 0)
		return;
	out_escaped(o, c->comment, 200);
	out_str(o, ": ");
	out_u64(o, c->packets);
	out_str(o, c->drops ? " dropped\n" : " diverted\n");
}

static void print_text(struct out *o, void *context)
{
	struct status *s = context;

	out_str(o, s->different ? "the kernel differs from the rules\n" : "in sync\n");
	each_chain(s, print_chain, o);
	for (size_t i = 0; i < s->seen.n; i++) {
		if (apply_state_is_right(routing_state(s, i)))
			continue;
		out_str(o, apply_family_word(&s->seen.family[i]));
		out_str(o, " routing: ");
		out_str(o, apply_state_word(routing_state(s, i)));
		out_octet(o, '\n');
	}
	nft_counts(s->have, print_count, o);
}

/* ---- JSON ---- */

static void json_chain(struct status *s, struct span name, enum iptables_state state, void *context)
{
	struct json *j = context;

	(void)s;
	json_open(j, NULL, '{');
	json_str(j, "table", "inet postern");
	json_span(j, "chain", name);
	json_str(j, "state", apply_state_word(state));
	json_close(j, '}');
}

static void json_routing(struct json *j, const struct status *s, size_t i)
{
	json_open(j, NULL, '{');
	json_u64(j, "family", (uint64_t)s->seen.family[i].family);
	json_str(j, "table", "routing");
	json_str(j, "state", apply_state_word(routing_state(s, i)));
	json_close(j, '}');
}

static void json_count(void *context, const struct nft_count *c)
{
	struct json *j = context;

	if (c->packets == 0)
		return;
	json_open(j, NULL, '{');
	json_span(j, "comment", c->comment);
	json_u64(j, c->drops ? "dropped" : "diverted", c->packets);
	json_u64(j, c->drops ? "dropped_octets" : "diverted_octets", c->octets);
	json_close(j, '}');
}

static void print_json(struct out *o, void *context)
{
	struct status *s = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	json_str(&j, "backend", "nft");
	json_bool(&j, "in_sync", !s->different);
	json_open(&j, "places", '[');
	each_chain(s, json_chain, &j);
	for (size_t i = 0; i < s->seen.n; i++)
		json_routing(&j, s, i);
	json_close(&j, ']');
	json_open(&j, "counters", '[');
	nft_counts(s->have, json_count, &j);
	json_close(&j, ']');
	json_close(&j, '}');
	out_octet(o, '\n');
}

/* ---- the whole ---- */

static int look(struct status *s, const struct kernel_plan *plan, struct out *why)
{
	int r = apply_see(&s->seen, why);

	for (size_t i = 0; plan != NULL && r == 0 && i < s->seen.n; i++)
		r = apply_render_routing(plan, &s->routing[i]);
	if (r == 0)
		r = list_nft(&s->have, why);
	return r ? r : list_wanted_nft(plan, &s->want, why);
}

static int show(const struct cli *c, struct status *s)
{
	int exit;

	find_differences(s);
	exit = cli_print(c->json ? print_json : print_text, s);
	return exit == CLI_OK && s->different ? CLI_DIFFERENT : exit;
}

int firewall_status_nft(const struct cli *c, const struct kernel_plan *plan)
{
	struct status s = { 0 };
	char text[WHY_MAX];
	struct out why;
	int r, exit;

	out_init(&why, text, sizeof(text) - 1);
	r = look(&s, plan, &why);
	exit = r == 0 ? show(c, &s) : firewall_exit("status", r, &why);
	for (size_t i = 0; i < 2; i++)
		free((void *)(uintptr_t)s.routing[i].p);
	free((void *)(uintptr_t)s.want.p);
	free((void *)(uintptr_t)s.have.p);
	apply_unsee(&s.seen);
	return exit;
}
