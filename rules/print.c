/* SPDX-License-Identifier: ISC */
#include "rules/print.h"

#include "rules/rules.h"
#include "rules/schedule.h"

/* ---- sets ---- */

#define MEMBERS_A_LINE 4 /* a statement has a bound on its words, a set has none */

static void print_members(struct print *pr, const struct rule_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n_members; i++) {
		if (set->members[i].from_file)
			continue;
		if (n % MEMBERS_A_LINE == 0) {
			if (n > 0)
				print_end(pr);
			print_row(pr, NULL, "members");
		}
		print_comma(pr, n++ % MEMBERS_A_LINE);
		print_member(pr, &set->members[i]);
	}
	if (n > 0)
		print_end(pr);
}

void print_set(struct print *pr, const struct rule_set *set)
{
	print_open(pr, &set->at, "set", set->name);
	out_str(pr->o, " {\n");
	print_members(pr, set);
	for (size_t i = 0; i < set->n_files; i++) {
		print_row(pr, NULL, "file");
		print_text(pr, set->files[i]);
		if (set->files_optional[i])
			print_word(pr, "optional");
		print_end(pr);
	}
	if (set->dynamic) {
		print_row(pr, NULL, "dynamic");
		if (set->timeout_s != 0) {
			print_word(pr, "timeout");
			print_value(pr, UNIT_SECONDS, set->timeout_s);
		}
		print_end(pr);
	}
	print_close(pr);
}

/* ---- schedules ---- */

static void print_span(struct print *pr, const struct schedule_span *s)
{
	print_row(pr, &s->at, s->deny ? "deny " : "allow ");
	schedule_span_print(pr->o, s);
	print_end(pr);
}

void print_schedule(struct print *pr, const struct schedule *s)
{
	print_open(pr, &s->at, "schedule", s->name);
	out_str(pr->o, " {\n");
	print_row(pr, NULL, "timezone");
	print_text(pr, s->zone);
	print_end(pr);
	for (size_t i = 0; i < s->n_spans; i++)
		print_span(pr, &s->spans[i]);
	print_close(pr);
}

/* ---- the whole ---- */

void print_default(struct print *pr, const struct ruleset *rs)
{
	static const char *const actions[] = {
		[DEFAULT_REFUSE] = "refuse", [DEFAULT_RESET] = "reset", [DEFAULT_DROP] = "drop"
	};

	if (rs->default_at.line == 0)
		return; /* not said */
	print_open(pr, &rs->default_at, "default", actions[rs->default_action]);
	if (rs->default_action == DEFAULT_REFUSE)
		print_reply(pr, &rs->default_reply);
	print_end(pr);
}

void rules_print(struct out *o, const struct ruleset *rs, bool origins)
{
	struct print pr = { .o = o, .origins = origins };

	out_str(o, "version 1\n");
	for (size_t i = 0; i < rs->n_sets; i++)
		print_set(&pr, rs->sets[i]);
	for (size_t i = 0; i < rs->n_schedules; i++)
		print_schedule(&pr, rs->schedules[i]);
	for (size_t i = 0; i < rs->n_tables; i++)
		print_table(&pr, rs->tables[i]);
	for (size_t i = 0; i < rs->n_screens; i++)
		print_screen(&pr, rs->screens[i]);
	for (size_t i = 0; i < rs->n_certificates; i++)
		print_certificate(&pr, rs->certificates[i]);
	for (size_t i = 0; i < rs->n_auths; i++)
		print_auth(&pr, rs->auths[i]);
	for (size_t i = 0; i < rs->n_routes; i++)
		print_route(&pr, rs->routes[i]);
	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].publish != NULL)
			print_publish(&pr, rs->rules[i].publish);
		else
			print_relay(&pr, rs->rules[i].relay);
	print_default(&pr, rs);
}
