/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"
#include "rules/check.h"

#define HEADER_LINES 1000 /* of a message; Dovecot's CVE-2024-23184 is what many more can do */

/* ---- where ---- */

size_t count_commas(const struct words *w)
{
	size_t n = 0;

	for (const struct word *word = w->at; word != NULL; word = word->next)
		n += word->kind == WORD_COMMA;
	return n;
}

static void read_external(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;
	size_t max = count_commas(w) + 1;
	struct rule_endpoint *list = ARENA_ARRAY(w->c->arena, struct rule_endpoint, max);

	if (list == NULL)
		return;
	p->external = list;
	do
		endpoint_read(w, true, &list[p->n_external++], NULL);
	while (p->n_external < max && words_comma(w));
}

static void read_balance(struct words *w, struct publish *p)
{
	static const char *const list[] = { "first", "round-robin" };

	p->balance = words_choice(w, list, 2) == 1 ? BALANCE_ROUND_ROBIN : BALANCE_FIRST;
}

static void read_internal(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;
	size_t max = count_commas(w) + 1;
	struct rule_endpoint *list = ARENA_ARRAY(w->c->arena, struct rule_endpoint, max);
	bool *port_given = ARENA_ARRAY(w->c->arena, bool, max);

	p->internal_at = w->st->first->at;
	p->internal_original = words_take(w, "original");
	if (p->internal_original || list == NULL || port_given == NULL)
		return;
	p->internal = list;
	p->internal_port_given = port_given;
	do {
		endpoint_read(w, false, &list[p->n_internal], &port_given[p->n_internal]);
		p->n_internal++;
	} while (p->n_internal < max && words_comma(w));
	if (words_take(w, "balance"))
		read_balance(w, p);
}

/* ---- who and when ---- */

void front_read_from(struct words *w, void *object)
{
	expr_read(w, SET_ADDRESSES, false, &((struct front_reading *)object)->p->from);
}

void front_read_recipients(struct words *w, void *object)
{
	expr_read(w, SET_MAIL, true, &((struct front_reading *)object)->p->recipients);
}

static const struct schedule *when_read(struct words *w)
{
	struct named *named = name_use(w, NAMED_SCHEDULE);

	return named != NULL ? named->object : NULL;
}

void front_read_when(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->when = when_read(w);
	p->when_at = w->st->first->at;
}

/* ---- how ---- */

static void inspect_read(
	struct words *w, const struct command_table **tablep, const struct screen **screenp)
{
	if (words_take(w, "commands")) {
		const struct command_table *table = table_use(w);
		if (table != NULL)
			*tablep = table;
	}
	if (words_take(w, "screen")) {
		struct named *named = name_use(w, NAMED_SCREEN);
		*screenp = named != NULL ? named->object : NULL;
	}
}

void front_read_inspect(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->inspect_at = w->st->first->at;
	inspect_read(w, &p->commands, &p->screen);
}

static void read_pass(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->pass = true;
	p->pass_at = w->st->first->at;
}

static void read_gate(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->gate_fail_open = words_need(w, "fail-open");
	p->gate_at = w->st->first->at;
}

static void read_client_address(struct words *w, void *object)
{
	static const char *const list[] = { "keep", "gateway", "xclient", "proxy-v2" };
	struct publish *p = ((struct front_reading *)object)->p;
	size_t i = words_choice(w, list, 4);

	p->client_address_at = w->st->first->at;
	if (i < 4)
		p->client_address = (enum client_address)i;
}

static const char *banner_read(struct words *w)
{
	if (words_take(w, "pass"))
		return NULL;
	return words_text(w, "a greeting");
}

static void read_banner(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->banner = banner_read(w);
	p->banner_at = w->st->first->at;
}

void front_read_limit(struct words *w, void *object)
{
	limit_read(w, &((struct front_reading *)object)->p->limits);
}

void front_read_timeout(struct words *w, void *object)
{
	timeout_read(w, &((struct front_reading *)object)->timeouts);
}

void front_read_log(struct words *w, void *object)
{
	struct publish *p = ((struct front_reading *)object)->p;

	p->log_given = true;
	p->log_at = w->st->first->at;
	((struct front_reading *)object)->log_tls = log_read(w, &p->log);
}

/* Order matters: cross_publish() finds what was said by these places. */
static const struct block_row rows[PUBLISH_ROWS] = {
	[PUBLISH_EXTERNAL] = { "external", read_external, "external 198.51.100.2:25", ROW_NEEDED },
	[PUBLISH_INTERNAL] = { "internal", read_internal, "internal 10.0.0.21:25", ROW_NEEDED },
	[PUBLISH_FROM] = { "from", front_read_from, "from any except blocked-clients", ROW_ONCE },
	[PUBLISH_WHEN] = { "when", front_read_when, "when office-hours", ROW_ONCE },
	[PUBLISH_INSPECT] = { "inspect", front_read_inspect, "inspect commands internet",
		ROW_ONCE },
	[PUBLISH_PASS] = { "pass", read_pass, "pass", ROW_ONCE },
	[PUBLISH_GATE] = { "gate", read_gate, "gate fail-open", ROW_ONCE },
	[PUBLISH_RECIPIENTS] = { "recipients", front_read_recipients,
		"recipients in hosted-domains", ROW_ONCE },
	[PUBLISH_CLIENT_ADDRESS] = { "client-address", read_client_address, "client-address keep",
		ROW_ONCE },
	[PUBLISH_LIMIT] = { "limit", front_read_limit, "limit connections 20 per client, 400 total",
		ROW_MANY },
	[PUBLISH_TIMEOUT] = { "timeout", front_read_timeout, "timeout command 5m, data-block 3m",
		ROW_MANY },
	[PUBLISH_BANNER] = { "banner", read_banner, "banner \"mail.example.org ESMTP\"", ROW_ONCE },
	[PUBLISH_LOG] = { "log", front_read_log, "log sessions, denials", ROW_ONCE },
};

/* ---- what follows from it ---- */

/* `internal HOST` takes the external's port. */
static void fill_ports(struct publish *p)
{
	struct rule_endpoint *list = (struct rule_endpoint *)p->internal;

	for (size_t i = 0; i < p->n_internal && p->n_external > 0; i++)
		if (!p->internal_port_given[i])
			list[i].addr.port = p->external[0].addr.port;
}

/* Keywords the engine may leave in the EHLO reply: those whose verb is let through as well. @tls:
 * sessions may have it. */
static uint32_t usable_extensions(const struct command_table *table, bool tls)
{
	uint32_t bits = table->extensions;

	if (table->binary)
		bits |= SMTP_EXT_BIT(BINARYMIME);
	for (unsigned i = 0; i < SMTP_EXT_COUNT; i++) {
		enum smtp_verb verb = extension_verb((enum smtp_extension)i);
		if (verb != SMTP_VERB_OTHER && table->verbs[verb].action != VERB_ALLOW &&
			!(tls && table->verbs[verb].action == VERB_AFTER_TLS))
			bits &= ~(1u << i);
	}
	if ((bits & SMTP_EXT_BIT(CHUNKING)) == 0)
		bits &= ~SMTP_EXT_BIT(BINARYMIME); /* RFC 3030 3: only with BDAT */
	return bits;
}

void smtp_fill(struct publish *p, bool tls)
{
	const struct command_table *table = p->commands;

	for (unsigned i = 0; i < SMTP_VERB_NAMED; i++)
		p->smtp.line_max[i] = table->verbs[i].max != 0 ? table->verbs[i].max
							       : verb_max_usual((enum smtp_verb)i);
	p->smtp.extensions = usable_extensions(table, tls);
	p->smtp.max_message = p->limits.message;
	p->smtp.max_line = table->max_line;
	p->smtp.max_header = table->max_header;
	p->smtp.header_lines = HEADER_LINES;
	p->smtp.bare_newline = table->bare_newline;
	p->smtp.binary = table->binary;
	p->smtp.local_tolerant = table->local_tolerant;
	p->smtp.banner = p->banner;
}

void publish_read(struct check *c, struct named *named)
{
	struct publish *p = named->object;
	struct front_reading r = { .p = p, .timeouts = { .timeouts = &p->timeouts } };
	struct words w = words_of(c, named->st, "publish NAME { ... }");
	struct block_seen *seen = ARENA_NEW(c->arena, struct block_seen);

	if (seen == NULL)
		return;
	named->seen = seen;
	limits_preset(&p->limits);
	timeouts_preset(&p->timeouts);
	p->log = RULE_LOG_DEFAULT;
	block_head(&w);
	block_read(c, named->st->block, named->st, rows, PUBLISH_ROWS, &r, seen);
	fill_ports(p);
	log_check_tls(c, r.log_tls, p->log, p->pass);
	if (p->pass) {
		timeouts_check_pass(c, &r.timeouts);
		return;
	}
	if (p->commands == NULL)
		p->commands = command_table_builtin(SPAN("internet"));
	smtp_fill(p, false);
}
