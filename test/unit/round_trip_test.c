/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "test/unit/check_cases.h"

#define TEXT_MAX (64u << 10)

static struct span read_file(const char *path)
{
	static char text[TEXT_MAX];
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		fail_msg("%s cannot be opened", path);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return span_of(text, n);
}

/* ---- two rule sets, field by field ---- */

/* Places are the same where they were printed; without origins only that there was one. */
static bool with_places;

static void same_at(const struct rules_at *a, const struct rules_at *b)
{
	assert_int_equal(a->line != 0, b->line != 0);
	if (!with_places || a->line == 0)
		return;
	assert_int_equal(a->line, b->line);
	assert_string_equal(a->file, b->file);
}

static void same_str(const char *a, const char *b)
{
	assert_int_equal(a != NULL, b != NULL);
	if (a != NULL)
		assert_string_equal(a, b);
}

#define SAME_NAME(a, b) same_str((a) != NULL ? (a)->name : NULL, (b) != NULL ? (b)->name : NULL)

static void same_member(const struct set_member *a, const struct set_member *b)
{
	assert_true(span_eq(a->text, b->text));
	assert_memory_equal(&a->prefix, &b->prefix, sizeof(a->prefix));
	assert_int_equal(a->below, b->below);
	assert_int_equal(a->from_file, b->from_file);
}

static void same_set(const struct rule_set *a, const struct rule_set *b)
{
	same_str(a->name, b->name);
	same_at(&a->at, &b->at);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->n_members, b->n_members);
	for (size_t i = 0; i < a->n_members; i++)
		same_member(&a->members[i], &b->members[i]);
	assert_int_equal(a->n_files, b->n_files);
	for (size_t i = 0; i < a->n_files; i++) {
		same_str(a->files[i], b->files[i]);
		assert_int_equal(a->files_optional[i], b->files_optional[i]);
	}
	assert_int_equal(a->dynamic, b->dynamic);
	assert_int_equal(a->timeout_s, b->timeout_s);
}

static void same_items(const struct expr_item *a, const struct expr_item *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		SAME_NAME(a[i].set, b[i].set);
		same_member(&a[i].literal, &b[i].literal);
		same_at(&a[i].at, &b[i].at);
	}
}

static void same_expr(const struct rule_expr *a, const struct rule_expr *b)
{
	assert_int_equal(a->given, b->given);
	assert_int_equal(a->any, b->any);
	same_at(&a->at, &b->at);
	assert_int_equal(a->n_in, b->n_in);
	assert_int_equal(a->n_except, b->n_except);
	same_items(a->in, b->in, a->n_in);
	same_items(a->except, b->except, a->n_except);
}

static void same_schedule(const struct schedule *a, const struct schedule *b)
{
	same_str(a->name, b->name);
	same_at(&a->at, &b->at);
	same_str(a->zone, b->zone);
	assert_non_null(b->tz);
	assert_int_equal(a->n_spans, b->n_spans);
	for (size_t i = 0; i < a->n_spans; i++) {
		const struct schedule_span *x = &a->spans[i], *y = &b->spans[i];

		same_at(&x->at, &y->at);
		assert_int_equal(x->deny, y->deny);
		assert_int_equal(x->dated, y->dated);
		assert_int_equal(x->weekdays, y->weekdays);
		assert_int_equal(x->first_day, y->first_day);
		assert_int_equal(x->last_day, y->last_day);
		assert_int_equal(x->from_min, y->from_min);
		assert_int_equal(x->to_min, y->to_min);
	}
}

static void same_reply(const struct rule_reply *a, const struct rule_reply *b)
{
	assert_int_equal(a->code, b->code);
	same_str(a->text, b->text);
}

static void same_table(const struct command_table *a, const struct command_table *b)
{
	same_str(a->name, b->name);
	same_at(&a->at, &b->at);
	SAME_NAME(a->like, b->like);
	assert_int_equal(a->built_in, b->built_in);
	for (size_t i = 0; i < SMTP_VERB_NAMED; i++) {
		const struct verb_row *x = &a->verbs[i], *y = &b->verbs[i];

		assert_int_equal(x->action, y->action);
		assert_int_equal(x->given, y->given);
		assert_int_equal(x->max, y->max);
		assert_int_equal(x->per_message, y->per_message);
		same_reply(&x->reply, &y->reply);
		same_at(&x->at, &y->at);
	}
	assert_int_equal(a->extensions, b->extensions);
	for (size_t i = 0; i < SMTP_EXT_COUNT; i++)
		same_at(&a->extension_at[i], &b->extension_at[i]);
	assert_int_equal(a->starttls_offered, b->starttls_offered);
	same_at(&a->starttls_at, &b->starttls_at);
	assert_int_equal(a->bare_newline, b->bare_newline);
	assert_int_equal(a->binary, b->binary);
	assert_int_equal(a->local_tolerant, b->local_tolerant);
	assert_int_equal(a->max_line, b->max_line);
	assert_int_equal(a->max_header, b->max_header);
}

static void same_windows(const struct limit_windows *a, const struct limit_windows *b)
{
	assert_int_equal(a->client.n, b->client.n);
	assert_int_equal(a->client.ms, b->client.ms);
	assert_int_equal(a->total.n, b->total.n);
	assert_int_equal(a->total.ms, b->total.ms);
	assert_int_equal(a->then, b->then);
	assert_int_equal(a->then_ms, b->then_ms);
	same_at(&a->at, &b->at);
}

static void same_limits(const struct rule_limits *a, const struct rule_limits *b)
{
	assert_int_equal(a->connections_client, b->connections_client);
	assert_int_equal(a->connections_total, b->connections_total);
	for (unsigned i = 0; i < TALLY_WHATS; i++)
		same_windows(&a->windows[i], &b->windows[i]);
	assert_int_equal(a->errors, b->errors);
	assert_int_equal(a->errors_given, b->errors_given);
	assert_int_equal(a->recipients, b->recipients);
	assert_int_equal(a->recipients_given, b->recipients_given);
	assert_int_equal(a->message, b->message);
	assert_int_equal(a->slow_octets, b->slow_octets);
	assert_int_equal(a->slow_ms, b->slow_ms);
	same_at(&a->connections_at, &b->connections_at);
	same_at(&a->message_at, &b->message_at);
	same_at(&a->slow_at, &b->slow_at);
}

static void same_endpoint(const struct rule_endpoint *a, const struct rule_endpoint *b)
{
	assert_int_equal(a->any, b->any);
	assert_true(ip_eq(&a->addr.ip, &b->addr.ip));
	assert_int_equal(a->addr.port, b->addr.port);
	same_at(&a->at, &b->at);
}

static void same_smtp(const struct smtp_conf *a, const struct smtp_conf *b)
{
	assert_memory_equal(a->line_max, b->line_max, sizeof(a->line_max));
	assert_int_equal(a->extensions, b->extensions);
	assert_int_equal(a->max_message, b->max_message);
	assert_int_equal(a->max_line, b->max_line);
	assert_int_equal(a->max_header, b->max_header);
	assert_int_equal(a->header_lines, b->header_lines);
	assert_int_equal(a->bare_newline, b->bare_newline);
	assert_int_equal(a->binary, b->binary);
	assert_int_equal(a->local_tolerant, b->local_tolerant);
	same_str(a->banner, b->banner);
}

static void same_publish(const struct publish *a, const struct publish *b)
{
	same_str(a->name, b->name);
	same_at(&a->at, &b->at);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->n_external, b->n_external);
	for (size_t i = 0; i < a->n_external; i++)
		same_endpoint(&a->external[i], &b->external[i]);
	assert_int_equal(a->internal_original, b->internal_original);
	same_at(&a->internal_at, &b->internal_at);
	assert_int_equal(a->n_internal, b->n_internal);
	for (size_t i = 0; i < a->n_internal; i++) {
		same_endpoint(&a->internal[i], &b->internal[i]);
		assert_int_equal(a->internal_port_given[i], b->internal_port_given[i]);
	}
	assert_int_equal(a->balance, b->balance);
	same_expr(&a->from, &b->from);
	SAME_NAME(a->when, b->when);
	same_at(&a->when_at, &b->when_at);
	assert_int_equal(a->pass, b->pass);
	assert_int_equal(a->gate_fail_open, b->gate_fail_open);
	same_at(&a->pass_at, &b->pass_at);
	same_at(&a->gate_at, &b->gate_at);
	SAME_NAME(a->commands, b->commands);
	SAME_NAME(a->screen, b->screen);
	same_at(&a->inspect_at, &b->inspect_at);
	same_expr(&a->recipients, &b->recipients);
	assert_int_equal(a->client_address, b->client_address);
	same_at(&a->client_address_at, &b->client_address_at);
	same_limits(&a->limits, &b->limits);
	assert_memory_equal(&a->timeouts, &b->timeouts, sizeof(a->timeouts));
	assert_int_equal(a->log, b->log);
	assert_int_equal(a->log_given, b->log_given);
	same_str(a->banner, b->banner);
	same_at(&a->banner_at, &b->banner_at);
	same_smtp(&a->smtp, &b->smtp);
}

static void same_relay(const struct relay *a, const struct relay *b)
{
	same_publish(&a->front, &b->front);
	assert_int_equal(a->n_listen, b->n_listen);
	for (size_t i = 0; i < a->n_listen; i++) {
		const struct relay_listen *x = &a->listen[i], *y = &b->listen[i];

		same_endpoint(&x->addr, &y->addr);
		assert_int_equal(x->tls, y->tls);
		assert_int_equal(x->tls_min, y->tls_min);
		assert_int_equal(x->n_certificates, y->n_certificates);
		for (size_t k = 0; k < x->n_certificates; k++)
			SAME_NAME(x->certificates[k], y->certificates[k]);
	}
	SAME_NAME(a->auth, b->auth);
	assert_int_equal(a->auth_required, b->auth_required);
	same_at(&a->auth_at, &b->auth_at);
	assert_int_equal(a->n_deliver, b->n_deliver);
	for (size_t i = 0; i < a->n_deliver; i++)
		SAME_NAME(a->deliver[i], b->deliver[i]);
	same_at(&a->deliver_at, &b->deliver_at);
}

static void same_screen(const struct screen *a, const struct screen *b)
{
	same_str(a->name, b->name);
	SAME_NAME(a->like, b->like);
	assert_int_equal(a->n_rows, b->n_rows);
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct screen_row *x = &a->rows[i], *y = &b->rows[i];

		assert_int_equal(x->kind, y->kind);
		same_expr(&x->expr, &y->expr);
		assert_int_equal(x->n_names, y->n_names);
		for (size_t j = 0; j < x->n_names; j++)
			same_str(x->names[j], y->names[j]);
		assert_int_equal(x->over, y->over);
		assert_int_equal(x->parts, y->parts);
		assert_int_equal(x->action, y->action);
		same_str(x->action_text, y->action_text);
		same_at(&x->at, &y->at);
	}
}

static void same_others(const struct ruleset *a, const struct ruleset *b)
{
	for (size_t i = 0; i < a->n_certificates; i++) {
		same_str(a->certificates[i]->chain, b->certificates[i]->chain);
		same_str(a->certificates[i]->key, b->certificates[i]->key);
	}
	for (size_t i = 0; i < a->n_auths; i++) {
		assert_int_equal(a->auths[i]->via, b->auths[i]->via);
		same_str(a->auths[i]->via_text, b->auths[i]->via_text);
		assert_int_equal(a->auths[i]->n_mechanisms, b->auths[i]->n_mechanisms);
		assert_int_equal(a->auths[i]->lockout_in_s, b->auths[i]->lockout_in_s);
		assert_int_equal(a->auths[i]->lockout_for_s, b->auths[i]->lockout_for_s);
	}
	for (size_t i = 0; i < a->n_routes; i++) {
		const struct route *x = a->routes[i], *y = b->routes[i];

		same_str(x->name, y->name);
		same_expr(&x->domains, &y->domains);
		assert_int_equal(x->mx, y->mx);
		assert_int_equal(x->n_hops, y->n_hops);
		for (size_t k = 0; k < x->n_hops; k++) {
			same_str(x->hops[k].name, y->hops[k].name);
			same_endpoint(&x->hops[k].addr, &y->hops[k].addr);
		}
		assert_int_equal(x->has_resolver, y->has_resolver);
		assert_int_equal(x->resolver.port, y->resolver.port);
		assert_int_equal(x->tls, y->tls);
		assert_true(ip_eq(&x->bind, &y->bind));
	}
}

static void same_ruleset(const struct ruleset *a, const struct ruleset *b)
{
	assert_int_equal(a->n_rules, b->n_rules);
	assert_int_equal(a->n_sets, b->n_sets);
	assert_int_equal(a->n_schedules, b->n_schedules);
	assert_int_equal(a->n_tables, b->n_tables);
	assert_int_equal(a->n_screens, b->n_screens);
	assert_int_equal(a->n_certificates, b->n_certificates);
	assert_int_equal(a->n_auths, b->n_auths);
	assert_int_equal(a->n_routes, b->n_routes);
	for (size_t i = 0; i < a->n_sets; i++)
		same_set(a->sets[i], b->sets[i]);
	for (size_t i = 0; i < a->n_schedules; i++)
		same_schedule(a->schedules[i], b->schedules[i]);
	for (size_t i = 0; i < a->n_tables; i++)
		same_table(a->tables[i], b->tables[i]);
	for (size_t i = 0; i < a->n_screens; i++)
		same_screen(a->screens[i], b->screens[i]);
	same_others(a, b);
	for (size_t i = 0; i < a->n_rules; i++)
		if (a->rules[i].publish != NULL)
			same_publish(a->rules[i].publish, b->rules[i].publish);
		else
			same_relay(a->rules[i].relay, b->rules[i].relay);
	assert_int_equal(a->default_action, b->default_action);
	same_reply(&a->default_reply, &b->default_reply);
	same_at(&a->default_at, &b->default_at);
}

/* ---- print, parse, compare ---- */

static void round_trip(struct span text, bool origins)
{
	static uint8_t first[TEXT_MAX], second[TEXT_MAX];
	const struct ruleset *a = build_text(text, (struct span){ 0 }), *b;
	struct out o, again;

	out_init(&o, first, sizeof(first));
	rules_print(&o, a, origins);
	assert_false(o.full);
	b = build_text(out_span(&o), (struct span){ 0 });
	with_places = origins;
	same_ruleset(a, b);
	out_init(&again, second, sizeof(second));
	rules_print(&again, b, origins);
	expect_octets(out_span(&again), out_span(&o), "printed again",
		origins ? "with origins" : "plain");
}

static void what_is_printed_means_the_same(void **state)
{
	static const char *const files[] = { EXAMPLES "/A/rules.conf", EXAMPLES "/B/rules.conf",
		EXAMPLES "/C/rules.conf", UNIT "/everything.conf" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		round_trip(read_file(files[i]), false);
		round_trip(read_file(files[i]), true);
	}
}

static void a_printed_host_means_the_same(void **state)
{
	static const char *const texts[] = {
		"",
		"mode direct\n",
		"mode external\nintercept redirect port 2525\n",
		"postmaster \"\\\"a b\\\"@example.org\"\n",
		"version 1\nmode sets-only\nintercept tproxy port 10525\nmark "
		"0x00100000/0x00f00000\nworkers "
		"3\ndrain 90s\n"
		"require-sandbox no\nuser postern\nhostname mail.example.org\npostmaster "
		"joe@example.org\n"
		"client-prefix 56\ncontrol \"/run/x\" group adm\nstate \"/var/lib/\\\"x\\\"\"\n"
		"log json\nlog w3c \"a.log\" max 100MiB keep 30d required\nlog syslog\nlog journal "
		"\"x\"\n"
		"metrics socket \"m.sock\"\nmetrics textfile \"m.prom\"\nshared redis "
		"\"redis://10.0.0.9\"\n",
	};
	static uint8_t first[4096], second[4096];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct out o, again;

		out_init(&o, first, sizeof(first));
		rules_print_host(&o, &build_text(SPAN("version 1\n"), span_str(texts[i]))->host);
		out_init(&again, second, sizeof(second));
		rules_print_host(&again, &build_text(SPAN("version 1\n"), out_span(&o))->host);
		expect_octets(out_span(&again), out_span(&o), texts[i], "printed again");
		for (const char *line = texts[i]; *line != '\0'; line = strchr(line, '\n') + 1) {
			size_t n = (size_t)(strchr(line, '\n') - line);
			if (memmem(first, o.n, line, n) == NULL)
				fail_msg("%.*s is not printed", (int)n, line);
		}
	}
}

static void a_small_block_is_full_and_not_overrun(void **state)
{
	const struct ruleset *rs =
		build_text(read_file(UNIT "/everything.conf"), (struct span){ 0 });
	struct fence f;

	(void)state;
	fence_init(&f, 4096);
	for (size_t n = 0; n < 4096; n += 7) {
		struct out o;

		out_init(&o, f.room + f.size - n, n);
		rules_print(&o, rs, true);
		assert_true(o.full);
	}
	fence_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_means_the_same),
		cmocka_unit_test(a_printed_host_means_the_same),
		cmocka_unit_test(a_small_block_is_full_and_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
