/* SPDX-License-Identifier: ISC */
#include "cli/explain.h"
#include "cli/name.h"
#include "rules/view.h"

/*
 * 1 partners-with-tls  rules.conf:10  no    from  203.0.113.9 is in partners (203.0.113.0/24)
 *                                           when  office-hours: ...
 * 2 everyone-else      rules.conf:17  YES   from  any, not in scanners
 *
 * Columns are as wide as what stands in them.
 */
struct table {
	struct out *o;
	const struct explain *e;
	size_t number_n, name_n, place_n;
	size_t indent; /* of the reasons */
	bool first;    /* no reason of this rule was printed yet */
};

static size_t digits(uint64_t v)
{
	size_t n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

static void pad(struct out *o, size_t from, size_t width)
{
	while (o->n < from + width && !o->full)
		out_octet(o, ' ');
}

static void put_place(struct out *o, const struct rules_at *at)
{
	out_str(o, at->file);
	out_octet(o, ':');
	out_u64(o, at->line);
}

/* ---- one line for each reason ---- */

static size_t label_width(const char *label)
{
	return strlen(label) < 4 ? 6 : strlen(label) + 2;
}

static void put_reason(struct table *t, const char *label)
{
	if (!t->first)
		pad(t->o, t->o->n, t->indent);
	t->first = false;
	out_str(t->o, label);
	pad(t->o, t->o->n - strlen(label), label_width(label));
}

static void put_row(
	struct table *t, uint64_t number, const char *name, const struct rules_at *at, bool matched)
{
	struct out *o = t->o;
	size_t start = o->n;

	if (number > 0)
		out_u64(o, number);
	else
		out_octet(o, '-');
	pad(o, start, t->number_n + 1);
	start = o->n;
	out_str(o, name);
	pad(o, start, t->name_n + 2);
	start = o->n;
	put_place(o, at);
	pad(o, start, t->place_n + 2);
	out_str(o, matched ? "YES   " : "no    ");
	t->first = true;
}

static void on_rule(void *context, const struct rule *rule, bool matched)
{
	const struct rule_view v = rule_view(rule);

	put_row(context, v.number, v.name, &v.at, matched);
}

/* Where it goes is told behind, once it is known that it goes there. */
static void on_part(void *context, enum match_part part, bool holds, struct span why)
{
	static const char *const labels[] = {
		[MATCH_TO] = "to", [MATCH_FROM] = "from", [MATCH_WHEN] = "when"
	};
	struct table *t = context;

	if (part == MATCH_TO && holds)
		return;
	put_reason(t, labels[part]);
	out_bytes(t->o, why);
	out_octet(t->o, '\n');
}

/* ---- where it goes ---- */

static void put_internal(struct out *o, const struct publish *p, const struct ip_port *to)
{
	const size_t n = p->balance == BALANCE_FIRST && p->n_internal > 0 ? 1 : p->n_internal;

	if (p->internal_original)
		out_str(o, "the address the client asked for");
	for (size_t i = 0; i < n; i++) {
		const struct ip_port server = rule_internal(p, i, to);

		out_str(o, i > 0 ? " or " : NULL);
		ip_port_print(o, &server);
	}
	if (n > 1)
		out_str(o, " in turn");
}

static const char *address_words(enum client_address how)
{
	switch (how) {
	case CLIENT_KEEP: return ", client address kept";
	case CLIENT_GATEWAY: return ", from the gateway's address";
	case CLIENT_XCLIENT: return ", client address told by XCLIENT";
	case CLIENT_PROXY_V2: return ", client address told by PROXY version 2";
	}
	return NULL;
}

static void put_relay(struct out *o, const struct relay *r)
{
	out_str(o, "relay on this host, which delivers by ");
	for (size_t i = 0; i < r->n_deliver; i++) {
		out_str(o, i > 0 ? ", " : NULL);
		out_str(o, r->deliver[i]->name);
	}
}

/* What a client has to do before mail is taken. */
static void put_conditions(struct table *t, const struct relay *r)
{
	const char *listen = explain_listen(t->e);

	if (listen[0] != '\0') {
		put_reason(t, "tls");
		out_str(t->o, listen);
		out_octet(t->o, '\n');
	}
	if (r->auth != NULL) {
		put_reason(t, "auth");
		out_str(t->o, r->auth_required ? "required, by " : "allowed, by ");
		out_str(t->o, r->auth->name);
		out_str(t->o, ", inside TLS\n");
	}
}

static void put_target(struct table *t, const struct rule *rule, const struct ip_port *to)
{
	const struct publish *p = rule->publish;

	put_reason(t, "to");
	if (p != NULL) {
		put_internal(t->o, p, to);
		out_str(t->o, address_words(p->client_address));
		out_str(t->o, p->pass ? ", not inspected" : NULL);
	} else {
		put_relay(t->o, rule->relay);
	}
	out_octet(t->o, '\n');
	if (rule->relay != NULL)
		put_conditions(t, rule->relay);
}

/* ---- --line ---- */

static void put_table_name(struct out *o, const struct command_table *table)
{
	out_str(o, " (commands ");
	out_str(o, table->name);
	if (table->like != NULL) {
		out_str(o, ", like ");
		out_str(o, table->like->name);
	}
	out_octet(o, ')');
}

static void put_refusal(struct out *o, const struct explain_line *l)
{
	char code[7];

	out_str(o, l->fault ? "session ends: " : "refused: ");
	out_u64(o, l->verdict.reply);
	out_octet(o, ' ');
	out_str(o, l->verdict.text);
	out_str(o, " (");
	out_str(o, code_text(l->verdict.code, code));
	if (l->verdict.at.line > 0) {
		out_str(o, ", ");
		put_place(o, &l->verdict.at);
	}
	out_octet(o, ')');
}

static void put_defect(struct table *t, const struct explain_line *l)
{
	pad(t->o, t->o->n, t->indent + label_width(l->label));
	out_str(t->o, l->defect);
	if (!l->fault) {
		out_str(t->o, ", at octet ");
		out_u64(t->o, l->defect_at + 1);
	}
	out_octet(t->o, '\n');
}

static void put_line(struct table *t, const struct rule *rule)
{
	const struct explain_line *l = &t->e->line;
	const struct publish *p = rule_front(rule);

	put_reason(t, !p->pass ? l->label : "line");
	if (p->pass)
		out_str(t->o, "passes as it is, unseen");
	else if (l->verdict.pass)
		out_str(t->o, "allowed");
	else
		put_refusal(t->o, l);
	if (!p->pass && l->verdict.pass)
		put_table_name(t->o, p->commands);
	out_octet(t->o, '\n');
	if (!p->pass && l->defect != NULL)
		put_defect(t, l);
	if (l->routed) {
		put_reason(t, "way");
		explain_way(t->o, l);
		out_octet(t->o, '\n');
	}
}

/* ---- no rule ---- */

/* Not written: line 0 of the file where it would be. */
static const struct rules_at *default_place(const struct ruleset *rs)
{
	static const struct rules_at nowhere = { "rules.conf", 0, 0 };

	return rs->default_at.line > 0 ? &rs->default_at : &nowhere;
}

static void put_default(struct table *t, const struct ruleset *rs)
{
	put_row(t, 0, "default", default_place(rs), true);
	out_str(t->o, name_default(rs->default_action));
	if (rs->default_action == DEFAULT_REFUSE) {
		out_str(t->o, ": ");
		out_u64(t->o, rs->default_reply.code);
		out_octet(t->o, ' ');
		out_str(t->o, rs->default_reply.text);
	}
	out_octet(t->o, '\n');
}

/* ---- the whole ---- */

static void widen(size_t *widthp, size_t n)
{
	if (n > *widthp)
		*widthp = n;
}

static void measure_row(
	struct table *t, uint64_t number, const char *name, const struct rules_at *at)
{
	widen(&t->number_n, digits(number));
	widen(&t->name_n, strlen(name));
	widen(&t->place_n, strlen(at->file) + 1 + digits(at->line));
}

static void measure(struct table *t)
{
	const struct ruleset *rs = t->e->load.ruleset;

	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct rule_view v = rule_view(&rs->rules[i]);

		measure_row(t, v.number, v.name, &v.at);
		if (&rs->rules[i] == t->e->rule)
			break;
	}
	if (t->e->rule == NULL)
		measure_row(t, 0, "default", default_place(rs));
	t->indent = t->number_n + 1 + t->name_n + 2 + t->place_n + 2 + 6;
}

void explain_text(struct out *o, void *context)
{
	const struct explain *e = context;
	struct table t = { .o = o, .e = e };
	const struct match_trace trace = { on_rule, on_part, &t };

	measure(&t);
	ruleset_match(e->load.ruleset, &e->facts, &trace);
	if (e->rule == NULL) {
		put_default(&t, e->load.ruleset);
		return;
	}
	put_target(&t, e->rule, &e->facts.to);
	if (e->line.given)
		put_line(&t, e->rule);
}
