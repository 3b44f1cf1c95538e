/* SPDX-License-Identifier: ISC */
#include "base/civil.h"
#include "cli/explain.h"
#include "cli/json.h"
#include "cli/name.h"
#include "rules/view.h"

struct writer {
	struct json j;
	bool open; /* a rule of the list, and its parts */
};

static void end_rule(struct writer *w)
{
	if (!w->open)
		return;
	json_close(&w->j, ']');
	json_close(&w->j, '}');
	w->open = false;
}

static void on_rule(void *context, const struct rule *rule, bool matched)
{
	const struct rule_view v = rule_view(rule);
	struct writer *w = context;

	end_rule(w);
	json_open(&w->j, NULL, '{');
	json_u64(&w->j, "number", v.number);
	json_str(&w->j, "name", v.name);
	json_str(&w->j, "file", v.at.file);
	json_u64(&w->j, "line", v.at.line);
	json_bool(&w->j, "matched", matched);
	json_open(&w->j, "parts", '[');
	w->open = true;
}

static void on_part(void *context, enum match_part part, bool holds, struct span why)
{
	static const char *const names[] = {
		[MATCH_TO] = "to", [MATCH_FROM] = "from", [MATCH_WHEN] = "when"
	};
	struct writer *w = context;

	json_open(&w->j, NULL, '{');
	json_str(&w->j, "part", names[part]);
	json_bool(&w->j, "holds", holds);
	json_span(&w->j, "why", why);
	json_close(&w->j, '}');
}

static void put_asked(struct json *j, const struct explain *e)
{
	uint8_t text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	ip_print(&o, &e->facts.client);
	json_span(j, "client", out_span(&o));
	o.n = 0;
	ip_port_print(&o, &e->facts.to);
	json_span(j, "to", out_span(&o));
	o.n = 0;
	civil_print_utc(&o, e->facts.now_s * 1000000000);
	json_span(j, "at", out_span(&o));
}

static void put_publish(struct json *j, const struct publish *p, const struct ip_port *to)
{
	json_str(j, "action", p->pass ? "pass" : "inspect");
	json_str(j, "client_address", name_client_address(p->client_address));
	json_str(j, "balance", p->balance == BALANCE_FIRST ? "first" : "round-robin");
	json_open(j, "internal", '[');
	for (size_t i = 0; i < p->n_internal; i++) {
		const struct ip_port server = rule_internal(p, i, to);
		uint8_t text[64];
		struct out o;

		out_init(&o, text, sizeof(text));
		ip_port_print(&o, &server);
		json_span(j, NULL, out_span(&o));
	}
	json_close(j, ']');
	if (!p->pass)
		json_str(j, "commands", p->commands->name);
}

static void put_relay(struct json *j, const struct explain *e)
{
	const struct relay *r = e->rule->relay;

	json_str(j, "action", "relay");
	json_str(j, "listen", explain_listen(e));
	json_str(j, "auth", r->auth != NULL ? r->auth->name : NULL);
	json_bool(j, "auth_required", r->auth_required);
	json_open(j, "deliver", '[');
	for (size_t i = 0; i < r->n_deliver; i++)
		json_str(j, NULL, r->deliver[i]->name);
	json_close(j, ']');
	json_str(j, "commands", r->front.commands->name);
}

static void put_way(struct json *j, const struct explain_line *l)
{
	json_str(j, "route", l->route != NULL ? l->route->name : NULL);
	if (l->route == NULL)
		return;
	json_bool(j, "mx", l->route->mx);
	json_open(j, "next_hops", '[');
	for (size_t i = 0; i < l->route->n_hops; i++) {
		uint8_t text[320];
		struct out o;

		out_init(&o, text, sizeof(text));
		explain_hop(&o, &l->route->hops[i]);
		json_span(j, NULL, out_span(&o));
	}
	json_close(j, ']');
}

static void put_decision(struct json *j, const struct explain *e)
{
	json_open(j, "decision", '{');
	json_str(j, "rule", e->rule != NULL ? rule_view(e->rule).name : NULL);
	if (e->rule == NULL)
		json_str(j, "action", name_default(e->load.ruleset->default_action));
	else if (e->rule->publish != NULL)
		put_publish(j, e->rule->publish, &e->facts.to);
	else
		put_relay(j, e);
	json_close(j, '}');
}

static void put_line(struct json *j, const struct explain *e)
{
	const struct explain_line *l = &e->line;
	char code[7];

	json_open(j, "line", '{');
	json_str(j, "text", e->line_text);
	json_str(j, "verb", l->label);
	json_bool(j, "pass", l->verdict.pass);
	if (!l->verdict.pass) {
		json_str(j, "code", code_text(l->verdict.code, code));
		json_u64(j, "reply", l->verdict.reply);
		json_str(j, "reply_text", l->verdict.text);
		json_bool(j, "session_ends", l->verdict.cut);
		json_str(j, "defect", l->defect);
	}
	if (l->verdict.at.line > 0) {
		json_str(j, "file", l->verdict.at.file);
		json_u64(j, "line", l->verdict.at.line);
	}
	if (l->routed)
		put_way(j, l);
	json_close(j, '}');
}

void explain_json(struct out *o, void *context)
{
	const struct explain *e = context;
	const struct publish *p = e->rule != NULL ? rule_front(e->rule) : NULL;
	struct writer w = { .j.o = o };
	const struct match_trace trace = { on_rule, on_part, &w };

	json_open(&w.j, NULL, '{');
	put_asked(&w.j, e);
	json_open(&w.j, "rules", '[');
	ruleset_match(e->load.ruleset, &e->facts, &trace);
	end_rule(&w);
	json_close(&w.j, ']');
	put_decision(&w.j, e);
	if (e->line.given && p != NULL && !p->pass)
		put_line(&w.j, e);
	json_close(&w.j, '}');
	out_octet(o, '\n');
}
