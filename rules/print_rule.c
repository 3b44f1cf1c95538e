/* SPDX-License-Identifier: ISC */
#include "rules/print.h"

/* ---- what publish and relay share ---- */

static void print_from(struct print *pr, const struct rule_expr *from)
{
	if (!from->given)
		return;
	print_row(pr, &from->at, "from");
	print_expr(pr, from, false);
	print_end(pr);
}

static void print_when(struct print *pr, const struct schedule *when, const struct rules_at *at)
{
	if (when == NULL)
		return;
	print_row(pr, at, "when");
	print_word(pr, when->name);
	print_end(pr);
}

static void print_recipients(struct print *pr, const struct rule_expr *recipients)
{
	if (!recipients->given)
		return;
	print_row(pr, &recipients->at, "recipients");
	print_expr(pr, recipients, true);
	print_end(pr);
}

static void print_inspect(struct print *pr, const struct rules_at *at,
	const struct command_table *table, const struct screen *screen)
{
	if (at->line == 0)
		return;
	print_row(pr, at, "inspect commands");
	print_word(pr, table->name);
	if (screen != NULL) {
		print_word(pr, "screen");
		print_word(pr, screen->name);
	}
	print_end(pr);
}

static void print_banner(struct print *pr, const struct rules_at *at, const char *banner)
{
	if (at->line == 0)
		return;
	print_row(pr, at, "banner");
	if (banner != NULL)
		print_text(pr, banner);
	else
		print_word(pr, "pass");
	print_end(pr);
}

/* ---- limits ---- */

static void print_connections(struct print *pr, const struct rule_limits *l)
{
	print_row(pr, &l->connections_at, "limit connections");
	if (l->connections_client != 0) {
		print_value(pr, UNIT_COUNT, l->connections_client);
		print_word(pr, "per client");
	}
	if (l->connections_total != 0) {
		print_comma(pr, l->connections_client != 0);
		print_value(pr, UNIT_COUNT, l->connections_total);
		print_word(pr, "total");
	}
	print_end(pr);
}

static void print_window(struct print *pr, enum value_unit unit, const struct limit_window *w,
	const char *whose, size_t *np)
{
	if (w->n == 0)
		return;
	print_comma(pr, (*np)++);
	print_value(pr, unit, w->n);
	print_word(pr, "per");
	print_value(pr, UNIT_MILLISECONDS, w->ms);
	print_word(pr, whose);
}

/* @single: the limit of one session or message, in front of those of a time; "" where there is
 * none. */
static void print_windows(struct print *pr, const char *word, const struct limit_windows *w,
	enum value_unit unit, const char *single, uint32_t single_n)
{
	size_t n = 0;

	if (!limit_is_given(w))
		return;
	print_row(pr, &w->at, word);
	if (single_n != 0) {
		print_comma(pr, n++);
		print_value(pr, UNIT_COUNT, single_n);
		out_str(pr->o, single);
	}
	print_window(pr, unit, &w->client, "per client", &n);
	print_window(pr, unit, &w->total, "total", &n);
	if (w->then != LIMIT_THEN_NOTHING) {
		print_word(
			pr, w->then == LIMIT_THEN_REFUSE ? "then refuse for" : "then tempfail for");
		print_value(pr, UNIT_MILLISECONDS, w->then_ms);
	}
	print_end(pr);
}

static void print_limits(struct print *pr, const struct rule_limits *l)
{
	if (l->connections_at.line != 0)
		print_connections(pr, l);
	print_windows(pr, "limit rate", &l->windows[TALLY_CONNECTIONS], UNIT_COUNT, "", 0);
	print_windows(pr, "limit errors", &l->windows[TALLY_ERRORS], UNIT_COUNT, "",
		l->errors_given ? l->errors : 0);
	print_windows(pr, "limit recipients", &l->windows[TALLY_RECIPIENTS], UNIT_COUNT,
		" per message", l->recipients_given ? l->recipients : 0);
	print_windows(pr, "limit octets", &l->windows[TALLY_OCTETS], UNIT_OCTETS, "", 0);
	if (l->message_at.line != 0) {
		print_row(pr, &l->message_at, "limit message");
		print_value(pr, UNIT_OCTETS, l->message);
		print_end(pr);
	}
	if (l->slow_at.line != 0) {
		print_row(pr, &l->slow_at, "limit slow");
		print_value(pr, UNIT_OCTETS, l->slow_octets);
		print_word(pr, "per");
		print_value(pr, UNIT_MILLISECONDS, l->slow_ms);
		print_end(pr);
	}
}

static void print_timeouts(struct print *pr, const struct rule_timeouts *timeouts)
{
	size_t n = 0;

	for (size_t i = 0; i < TIMEOUTS_N; i++) {
		uint64_t v = value_of(&timeout_schemas[i], timeouts);

		if (v == timeout_schemas[i].preset)
			continue;
		if (n == 0)
			print_row(pr, NULL, "timeout");
		print_comma(pr, n++);
		print_word(pr, timeout_word(i));
		print_value(pr, UNIT_MILLISECONDS, v);
	}
	if (n > 0)
		print_end(pr);
}

static void print_log(struct print *pr, bool given, unsigned log)
{
	static const char *const names[] = { "sessions", "denials", "commands", "messages", "tls" };
	size_t n = 0;

	if (!given)
		return;
	print_row(pr, NULL, "log");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (log & 1u << i) {
			print_comma(pr, n++);
			print_word(pr, names[i]);
		}
	if (n == 0)
		print_word(pr, "none");
	print_end(pr);
}

/* ---- publish ---- */

static void print_internal(struct print *pr, const struct publish *p)
{
	print_row(pr, &p->internal_at, "internal");
	if (p->internal_original)
		print_word(pr, "original");
	for (size_t i = 0; i < p->n_internal; i++) {
		print_comma(pr, i);
		print_endpoint(pr, &p->internal[i], p->internal_port_given[i]);
	}
	if (p->balance == BALANCE_ROUND_ROBIN)
		print_word(pr, "balance round-robin");
	print_end(pr);
}

static void print_external(struct print *pr, const struct publish *p)
{
	print_row(pr, &p->external[0].at, "external");
	for (size_t i = 0; i < p->n_external; i++) {
		print_comma(pr, i);
		print_endpoint(pr, &p->external[i], true);
	}
	print_end(pr);
}

static void print_pass(struct print *pr, const struct publish *p)
{
	if (!p->pass)
		return;
	print_row(pr, &p->pass_at, "pass\n");
	if (p->gate_fail_open)
		print_row(pr, &p->gate_at, "gate fail-open\n");
}

static void print_client_address(struct print *pr, const struct publish *p)
{
	static const char *const names[] = { [CLIENT_KEEP] = "keep",
		[CLIENT_GATEWAY] = "gateway",
		[CLIENT_XCLIENT] = "xclient",
		[CLIENT_PROXY_V2] = "proxy-v2" };

	if (p->client_address_at.line == 0)
		return;
	print_row(pr, &p->client_address_at, "client-address");
	print_word(pr, names[p->client_address]);
	print_end(pr);
}

void print_publish(struct print *pr, const struct publish *p)
{
	print_open(pr, &p->at, "publish", p->name);
	out_str(pr->o, " {\n");
	print_external(pr, p);
	print_internal(pr, p);
	print_from(pr, &p->from);
	print_when(pr, p->when, &p->when_at);
	print_pass(pr, p);
	print_inspect(pr, &p->inspect_at, p->commands, p->screen);
	print_recipients(pr, &p->recipients);
	print_client_address(pr, p);
	print_banner(pr, &p->banner_at, p->banner);
	print_limits(pr, &p->limits);
	print_timeouts(pr, &p->timeouts);
	print_log(pr, p->log_given, p->log);
	print_close(pr);
}

/* ---- relay ---- */

static void print_listen(struct print *pr, const struct relay_listen *l)
{
	static const char *const names[] = { [LISTEN_STARTTLS] = "starttls",
		[LISTEN_STARTTLS_REQUIRED] = "starttls required",
		[LISTEN_TLS] = "tls" };

	print_row(pr, &l->addr.at, "listen");
	print_endpoint(pr, &l->addr, true);
	if (l->tls != LISTEN_CLEAR) {
		print_word(pr, names[l->tls]);
		if (l->tls_min == TLS_MIN_1_3)
			print_word(pr, "min 1.3");
		print_word(pr, "certificate");
		for (size_t i = 0; i < l->n_certificates; i++) {
			print_comma(pr, i);
			print_word(pr, l->certificates[i]->name);
		}
	}
	print_end(pr);
}

static void print_login(struct print *pr, const struct relay *r)
{
	if (r->auth == NULL)
		return;
	print_row(pr, &r->auth_at, r->auth_required ? "auth required" : "auth");
	print_word(pr, r->auth->name);
	print_end(pr);
}

static void print_deliver(struct print *pr, const struct relay *r)
{
	print_row(pr, &r->deliver_at, "deliver");
	for (size_t i = 0; i < r->n_deliver; i++) {
		print_comma(pr, i);
		print_word(pr, r->deliver[i]->name);
	}
	print_end(pr);
}

void print_relay(struct print *pr, const struct relay *r)
{
	print_open(pr, &r->front.at, "relay", r->front.name);
	out_str(pr->o, " {\n");
	for (size_t i = 0; i < r->n_listen; i++)
		print_listen(pr, &r->listen[i]);
	print_from(pr, &r->front.from);
	print_when(pr, r->front.when, &r->front.when_at);
	print_login(pr, r);
	print_recipients(pr, &r->front.recipients);
	print_inspect(pr, &r->front.inspect_at, r->front.commands, r->front.screen);
	print_deliver(pr, r);
	print_banner(pr, &r->front.banner_at, r->front.banner);
	print_limits(pr, &r->front.limits);
	print_timeouts(pr, &r->front.timeouts);
	print_log(pr, r->front.log_given, r->front.log);
	print_close(pr);
}
