/* SPDX-License-Identifier: ISC */
#include "rules/diff_text.h"

/*
 * print*.c leaves out what the administrator left out, and tells that by the place of a row. Here
 * everything with an effect gets a place, and nothing else.
 */
static const struct rules_at said = { .file = "", .line = 1 };
static const struct rules_at unsaid = { 0 };

static struct rules_at at_if(bool is_said)
{
	return is_said ? said : unsaid;
}

const char *diff_kind_word(enum diff_kind kind)
{
	switch (kind) {
	case DIFF_SET: return "set";
	case DIFF_SCHEDULE: return "schedule";
	case DIFF_COMMANDS: return "commands";
	case DIFF_SCREEN: return "screen";
	case DIFF_CERTIFICATE: return "certificate";
	case DIFF_AUTH: return "auth";
	case DIFF_ROUTE: return "route";
	case DIFF_PUBLISH: return "publish";
	case DIFF_RELAY: return "relay";
	case DIFF_DEFAULT: return "default";
	case DIFF_HOST: return "host";
	}
	return NULL;
}

/* ---- blocks ---- */

static void text_set(struct print *pr, const struct rule_set *set)
{
	struct rule_set bare = *set;

	bare.n_members = 0;
	print_set(pr, &bare);
}

/* A row for each verb and extension, those of `like` among them; a plain "deny" is what a table
 * that does not name the verb says, too. */
static void text_commands(struct print *pr, const struct command_table *table)
{
	struct command_table flat = *table;

	flat.like = NULL;
	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++) {
		struct verb_row *row = &flat.verbs[i];
		row->given = row->given && (row->action != VERB_DENY || row->reply.code != 0);
		row->at = (struct rules_at){ .file = "", .line = i + 1 };
	}
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++) {
		flat.extension_at[i] = at_if(flat.extensions >> i & 1);
		flat.extension_at[i].line *= i + 1;
	}
	flat.starttls_at = at_if(flat.starttls_offered);
	print_table(pr, &flat);
}

static void text_screen(struct print *pr, const struct screen *screen)
{
	for (const struct screen *s = screen; s != NULL; s = s->like)
		print_screen(pr, s);
}

/* ---- rules ---- */

static struct rule_expr plain_expr(struct rule_expr expr)
{
	expr.given = expr.given && !(expr.any && expr.n_except == 0);
	return expr;
}

static struct rule_limits plain_limits(struct rule_limits l)
{
	l.connections_at = at_if(l.connections_client != 0 || l.connections_total != 0);
	for (unsigned i = 0; i < TALLY_WHATS; i++) {
		struct limit_windows *w = &l.windows[i];
		w->at = at_if(w->client.n != 0 || w->total.n != 0);
	}
	l.windows[TALLY_ERRORS].at = l.windows[TALLY_RECIPIENTS].at = said; /* each has a default */
	l.errors_given = l.recipients_given = true;
	l.message_at = at_if(l.message != 0);
	l.slow_at = at_if(l.slow_octets != 0);
	return l;
}

/* A row each. */
static void text_timeouts(struct print *pr, const struct rule_timeouts *timeouts)
{
	for (size_t i = 0; i < TIMEOUTS_N; i++) {
		print_row(pr, NULL, "timeout");
		print_word(pr, timeout_word(i));
		print_value(pr, UNIT_MILLISECONDS, value_of(&timeout_schemas[i], timeouts));
		print_end(pr);
	}
}

/* With one external, a port left out is that external's. */
static const bool *ports_given(struct arena *arena, const struct publish *p)
{
	bool *given;

	if (p->n_external != 1)
		return p->internal_port_given;
	given = ARENA_ARRAY(arena, bool, p->n_internal);
	for (size_t i = 0; given != NULL && i < p->n_internal; i++)
		given[i] = true;
	return given;
}

static void text_publish(struct print *pr, struct arena *arena, const struct publish *publish)
{
	struct publish p = *publish;

	p.internal_port_given = ports_given(arena, publish);
	if (arena->full)
		return;
	p.from = plain_expr(p.from);
	p.recipients = plain_expr(p.recipients);
	p.inspect_at = at_if(!p.pass);
	p.client_address_at = said;
	p.banner_at = at_if(p.banner != NULL);
	p.limits = plain_limits(p.limits);
	p.log_given = true;
	value_preset(timeout_schemas, TIMEOUTS_N, &p.timeouts);
	print_publish(pr, &p);
	text_timeouts(pr, &publish->timeouts);
}

static void text_relay(struct print *pr, const struct relay *relay)
{
	struct relay r = *relay;

	r.front.from = plain_expr(r.front.from);
	r.front.inspect_at = said;
	r.front.banner_at = at_if(r.front.banner != NULL);
	r.front.limits = plain_limits(r.front.limits);
	r.front.log_given = true;
	value_preset(timeout_schemas, TIMEOUTS_N, &r.front.timeouts);
	print_relay(pr, &r);
	text_timeouts(pr, &relay->front.timeouts);
}

/* ---- the rest ---- */

static void text_default(struct print *pr, const struct ruleset *rs)
{
	struct ruleset told = *rs;

	told.default_at = said;
	print_default(pr, &told);
}

static void text_host(struct out *o, const struct ruleset *rs)
{
	struct hostconf host = rs->host;

	host.intercept_at = said;
	host.mark_at = said;
	host.lane_mask_at = said;
	host.first_packets_at = said;
	rules_print_host(o, &host);
}

void diff_text(struct out *o, struct arena *arena, const struct diff_thing *thing)
{
	struct print pr = { .o = o };

	switch (thing->kind) {
	case DIFF_SET: text_set(&pr, thing->object); return;
	case DIFF_SCHEDULE: print_schedule(&pr, thing->object); return;
	case DIFF_COMMANDS: text_commands(&pr, thing->object); return;
	case DIFF_SCREEN: text_screen(&pr, thing->object); return;
	case DIFF_CERTIFICATE: print_certificate(&pr, thing->object); return;
	case DIFF_AUTH: print_auth(&pr, thing->object); return;
	case DIFF_ROUTE: print_route(&pr, thing->object); return;
	case DIFF_PUBLISH: text_publish(&pr, arena, thing->object); return;
	case DIFF_RELAY: text_relay(&pr, thing->object); return;
	case DIFF_DEFAULT: text_default(&pr, thing->object); return;
	case DIFF_HOST: text_host(o, thing->object); return;
	}
}
