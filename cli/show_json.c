/* SPDX-License-Identifier: ISC */
#include "cli/json.h"
#include "cli/name.h"
#include "cli/show.h"
#include "rules/load/load.h"
#include "rules/view.h"

static void put_at(struct json *j, const struct rules_at *at)
{
	json_str(j, "file", at->file);
	json_u64(j, "line", at->line);
}

static void put_endpoint(struct json *j, const struct rule_endpoint *e)
{
	uint8_t text[64];
	struct out o;

	out_init(&o, text, sizeof(text));
	if (e->any) {
		out_str(&o, "any:");
		out_u64(&o, e->addr.port);
	} else {
		ip_port_print(&o, &e->addr);
	}
	json_span(j, NULL, out_span(&o));
}

/* ---- rules ---- */

static void put_publish(struct json *j, const struct publish *p)
{
	json_open(j, "internal", '[');
	for (size_t i = 0; i < p->n_internal; i++)
		put_endpoint(j, &p->internal[i]);
	json_close(j, ']');
	json_bool(j, "internal_original", p->internal_original);
	json_bool(j, "inspected", !p->pass);
	json_str(j, "commands", p->pass ? NULL : p->commands->name);
	json_str(j, "client_address", name_client_address(p->client_address));
}

static void put_relay(struct json *j, const struct relay *r)
{
	json_str(j, "commands", r->front.commands->name);
	json_str(j, "auth", r->auth != NULL ? r->auth->name : NULL);
	json_open(j, "deliver", '[');
	for (size_t i = 0; i < r->n_deliver; i++)
		json_str(j, NULL, r->deliver[i]->name);
	json_close(j, ']');
}

static void put_rule(struct json *j, const struct rule *rule)
{
	const struct rule_view v = rule_view(rule);

	json_open(j, NULL, '{');
	json_u64(j, "number", v.number);
	json_str(j, "kind", rule->publish != NULL ? "publish" : "relay");
	json_str(j, "name", v.name);
	put_at(j, &v.at);
	json_open(j, "external", '[');
	for (size_t i = 0; i < v.n_endpoints; i++)
		put_endpoint(j, rule_endpoint(rule, i));
	json_close(j, ']');
	json_str(j, "when", v.when != NULL ? v.when->name : NULL);
	if (rule->publish != NULL)
		put_publish(j, rule->publish);
	else
		put_relay(j, rule->relay);
	json_close(j, '}');
}

static void put_set(struct json *j, const struct rule_set *set)
{
	json_open(j, NULL, '{');
	json_str(j, "name", set->name);
	put_at(j, &set->at);
	json_str(j, "kind", name_set_kind(set->kind));
	json_u64(j, "members", set->n_members);
	json_open(j, "files", '[');
	for (size_t i = 0; i < set->n_files; i++)
		json_str(j, NULL, set->files[i]);
	json_close(j, ']');
	json_bool(j, "dynamic", set->dynamic);
	json_close(j, '}');
}

void show_rules_json(struct out *o, void *context)
{
	const struct load *l = context;
	const struct ruleset *rs = l->ruleset;
	struct json j = { .o = o };

	json_open(&j, NULL, '{');
	json_u64(&j, "version", rs->version);
	json_open(&j, "rules", '[');
	for (size_t i = 0; i < rs->n_rules; i++)
		put_rule(&j, &rs->rules[i]);
	json_close(&j, ']');
	json_str(&j, "default", name_default(rs->default_action));
	json_open(&j, "sets", '[');
	for (size_t i = 0; i < rs->n_sets; i++)
		put_set(&j, rs->sets[i]);
	json_close(&j, ']');
	json_open(&j, "schedules", '[');
	for (size_t i = 0; i < rs->n_schedules; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "name", rs->schedules[i]->name);
		put_at(&j, &rs->schedules[i]->at);
		json_str(&j, "timezone", rs->schedules[i]->zone);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	out_octet(o, '\n');
}

/* ---- command tables ---- */

static void put_verb(struct json *j, enum smtp_verb verb, const struct verb_row *row)
{
	json_open(j, NULL, '{');
	json_str(j, "verb", smtp_verb_name(verb));
	json_str(j, "action", name_verb_action(row->action));
	if (row->action == VERB_ALLOW)
		json_u64(j, "max", row->max);
	if (row->per_message > 0)
		json_u64(j, "per_message", row->per_message);
	if (row->reply.code != 0) {
		json_u64(j, "reply", row->reply.code);
		json_str(j, "text", row->reply.text);
	}
	json_close(j, '}');
}

static void put_table(struct json *j, const struct command_table *table)
{
	json_open(j, NULL, '{');
	json_str(j, "name", table->name);
	json_bool(j, "built_in", table->built_in);
	json_str(j, "like", table->like != NULL ? table->like->name : NULL);
	json_open(j, "verbs", '[');
	for (unsigned verb = 0; verb < SMTP_VERB_NAMED; verb++)
		if (table->verbs[verb].given)
			put_verb(j, (enum smtp_verb)verb, &table->verbs[verb]);
	json_close(j, ']');
	json_open(j, "extensions", '[');
	for (unsigned ext = 0; ext < SMTP_EXT_COUNT; ext++)
		if (table->extensions >> ext & 1)
			json_str(j, NULL, smtp_ext_name((enum smtp_extension)ext));
	json_close(j, ']');
	json_str(j, "bare_newline",
		table->bare_newline == SMTP_NEWLINE_NORMALISE ? "normalise" : "refuse");
	json_bool(j, "binary", table->binary);
	json_str(j, "local_part", table->local_tolerant ? "tolerant" : "strict");
	json_u64(j, "max_line", table->max_line);
	json_u64(j, "max_header", table->max_header);
	json_close(j, '}');
}

void show_table_json(struct out *o, void *context)
{
	struct json j = { .o = o };

	put_table(&j, context);
	out_octet(o, '\n');
}

void show_tables_json(struct out *o, void *context)
{
	const struct show_tables *tables = context;
	struct json j = { .o = o };

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < tables->n; i++)
		put_table(&j, tables->list[i]);
	json_close(&j, ']');
	out_octet(o, '\n');
}
