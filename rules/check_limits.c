/* SPDX-License-Identifier: ISC */
#include "rules/check.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define MESSAGE_LEAST 65536 /* RFC 5321 4.5.3.1.7 */

/* ---- limits ---- */

#define LIMIT(title, field, ...)                                                                   \
	{                                                                                          \
		.name = title, .offset = offsetof(struct rule_limits, field), __VA_ARGS__          \
	}

static const struct value_schema connections = LIMIT("limit connections", connections_client,
	.min = 1, .max = 1000000, .example = "limit connections 20 per client, 400 total");
static const struct value_schema slow = LIMIT("limit slow", slow_octets, .unit = UNIT_OCTETS,
	.min = 1, .max = 1u << 30, .example = "limit slow 500B per 1s");
static const struct value_schema slow_time = LIMIT("limit slow", slow_ms, .unit = UNIT_MILLISECONDS,
	.min = 100, .max = 3600000, .example = "limit slow 500B per 1s");
static const struct value_schema message = LIMIT("limit message", message, .unit = UNIT_OCTETS,
	.min = 1024, .max = 2ull << 30, .wide = true, .example = "limit message 35MiB");

/* "20 per client", "400 total": either or both, in any order. */
static void read_connections(struct words *w, struct rule_limits *l)
{
	do {
		const struct word *number = w->at;
		uint64_t v;
		uint32_t *place;

		if (!value_read(w, &connections, &v))
			return;
		if (words_take(w, "total"))
			place = &l->connections_total;
		else if (words_need(w, "per") && words_need(w, "client"))
			place = &l->connections_client;
		else
			return;
		if (*place != 0)
			WORDS_TELL(w, number, NULL,
				SPAN("limit connections: this limit was given already"));
		*place = (uint32_t)v;
	} while (words_comma(w));
}

static void read_rate(struct words *w, struct rule_limits *l)
{
	windows_read(w, TALLY_CONNECTIONS, l);
}

static void read_errors(struct words *w, struct rule_limits *l)
{
	windows_read(w, TALLY_ERRORS, l);
}

static void read_recipients(struct words *w, struct rule_limits *l)
{
	windows_read(w, TALLY_RECIPIENTS, l);
}

static void read_octets(struct words *w, struct rule_limits *l)
{
	windows_read(w, TALLY_OCTETS, l);
}

static void read_message(struct words *w, struct rule_limits *l)
{
	const struct word *number = w->at;

	if (value_store(w, &message, l) && l->message < MESSAGE_LEAST)
		WORDS_WARN(w, number, NULL, SPAN("limit message "), number->text,
			SPAN(": RFC 5321 4.5.3.1.7 obliges to take 64KiB"));
}

static void read_slow(struct words *w, struct rule_limits *l)
{
	value_store(w, &slow, l);
	words_need(w, "per");
	value_store(w, &slow_time, l);
}

static const struct {
	const char *name;
	void (*read)(struct words *w, struct rule_limits *l);
	const char *example;
	size_t at; /* of its place in struct rule_limits */
} limit_rows[] = {
	{ "connections", read_connections, "limit connections 20 per client, 400 total",
		offsetof(struct rule_limits, connections_at) },
	{ "rate", read_rate, "limit rate 60 per 1m per client then tempfail for 10m",
		offsetof(struct rule_limits, windows[TALLY_CONNECTIONS].at) },
	{ "errors", read_errors, "limit errors 10, 50 per 1h per client",
		offsetof(struct rule_limits, windows[TALLY_ERRORS].at) },
	{ "recipients", read_recipients, "limit recipients 100 per message, 2000 per 1h per client",
		offsetof(struct rule_limits, windows[TALLY_RECIPIENTS].at) },
	{ "octets", read_octets, "limit octets 200MiB per 1h per client, 10GiB per 1h total",
		offsetof(struct rule_limits, windows[TALLY_OCTETS].at) },
	{ "message", read_message, "limit message 35MiB",
		offsetof(struct rule_limits, message_at) },
	{ "slow", read_slow, "limit slow 500B per 1s", offsetof(struct rule_limits, slow_at) },
};

void limit_read(struct words *w, struct rule_limits *limits)
{
	const char *names[ROWS(limit_rows)];
	const struct word *word = w->at;
	struct rules_at *at;
	size_t i;

	for (i = 0; i < ROWS(limit_rows); i++)
		names[i] = limit_rows[i].name;
	i = words_choice(w, names, ROWS(limit_rows));
	if (i == ROWS(limit_rows))
		return;
	at = (struct rules_at *)(void *)((uint8_t *)limits + limit_rows[i].at);
	if (at->line != 0) {
		WORDS_TELL(w, word, NULL, SPAN("\"limit "), word->text,
			SPAN("\" may stand only once in a rule"));
		return;
	}
	*at = w->st->first->at;
	w->example = limit_rows[i].example;
	limit_rows[i].read(w, limits);
}

/* ---- timeouts ---- */

#define TIMEOUT(title, field, least, most, normal)                                                 \
	{                                                                                          \
		.name = "timeout " title, .unit = UNIT_MILLISECONDS, .min = (least),               \
		.max = (most), .preset = (normal), .example = "timeout " title " 5m",              \
		.offset = offsetof(struct rule_timeouts, field)                                    \
	}

/* Defaults: RFC 5321 4.5.3.2 where it names a time. */
const struct value_schema timeout_schemas[TIMEOUTS_N] = {
	TIMEOUT("connect", connect, 100, 600000, 30000),
	TIMEOUT("greeting", greeting, 100, 3600000, 300000),
	TIMEOUT("command", command, 100, 3600000, 300000),
	TIMEOUT("data-block", data_block, 100, 3600000, 180000),
	TIMEOUT("data-done", data_done, 100, 3600000, 600000),
	TIMEOUT("idle", idle, 100, 86400000, 300000),
	TIMEOUT("total", total, 1000, 7 * 86400000u, 0),
	{ .name = "timeout greet-delay",
		.unit = UNIT_MILLISECONDS,
		.max = 60000,
		.example = "timeout greet-delay 2s",
		.offset = offsetof(struct rule_timeouts, greet_delay) },
};

const char *timeout_word(size_t i)
{
	return timeout_schemas[i].name + sizeof("timeout ") - 1;
}

void timeouts_preset(struct rule_timeouts *timeouts)
{
	value_preset(timeout_schemas, TIMEOUTS_N, timeouts);
}

void timeout_read(struct words *w, struct timeouts_reading *t)
{
	const char *names[TIMEOUTS_N];

	for (size_t i = 0; i < TIMEOUTS_N; i++)
		names[i] = timeout_word(i);
	do {
		const struct word *word = w->at;
		size_t i = words_choice(w, names, TIMEOUTS_N);

		if (i == TIMEOUTS_N)
			return;
		if (t->given[i] != NULL) {
			WORDS_TELL(w, word, NULL, SPAN("\"timeout "), word->text,
				SPAN("\" may stand only once in a rule"));
			return;
		}
		t->given[i] = word;
		if (!value_store(w, &timeout_schemas[i], t->timeouts))
			return;
	} while (words_comma(w));
}

/* Has a passed session it as well? Nobody looks for greetings, commands or messages in one. */
static bool is_of_connection(const struct value_schema *schema)
{
	return schema->offset == offsetof(struct rule_timeouts, connect) ||
	       schema->offset == offsetof(struct rule_timeouts, idle) ||
	       schema->offset == offsetof(struct rule_timeouts, total);
}

void timeouts_check_pass(struct check *c, const struct timeouts_reading *t)
{
	for (size_t i = 0; i < TIMEOUTS_N; i++)
		if (t->given[i] != NULL && !is_of_connection(&timeout_schemas[i]))
			DIAG(c->diags, DIAG_ERROR, t->given[i]->at, t->given[i]->width,
				"take \"pass\" out, or this timeout; \"connect\", \"idle\" and "
				"\"total\" work beside \"pass\"",
				SPAN("\""), span_str(timeout_schemas[i].name),
				SPAN("\" stands beside \"pass\", but a passed session is not "
				     "looked "
				     "at"));
}

/* ---- log ---- */

const struct word *log_read(struct words *w, unsigned *logp)
{
	static const char *const names[] = { "sessions", "denials", "commands", "messages", "tls",
		"none" };
	const struct word *tls = NULL;

	*logp = 0;
	if (words_take(w, "none")) {
		if (w->at != NULL && w->at->kind == WORD_COMMA)
			WORDS_TELL(w, w->before, NULL,
				SPAN("\"none\" stands alone, as in \"log none\""));
		return NULL;
	}
	do {
		const struct word *word = w->at;
		size_t i = words_choice(w, names, ROWS(names));

		if (i == ROWS(names))
			return tls;
		if (i == ROWS(names) - 1 || (*logp & 1u << i))
			WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
				span_str(i == ROWS(names) - 1
						 ? "\" stands alone, as in \"log none\""
						 : "\" stands twice"));
		*logp |= 1u << i;
		if (1u << i == RULE_LOG_TLS)
			tls = word;
	} while (words_comma(w));
	return tls;
}

void log_check_tls(struct check *c, const struct word *tls, unsigned log, bool passed)
{
	if (tls == NULL)
		return;
	if (!passed)
		DIAG(c->diags, DIAG_ERROR, tls->at, tls->width,
			"take \"tls\" out, or let the rule \"pass\"",
			SPAN("\"log tls\" tells of the TLS of passed sessions, and this rule "
			     "passes "
			     "none"));
	else if (!(log & RULE_LOG_SESSIONS))
		DIAG(c->diags, DIAG_ERROR, tls->at, tls->width,
			"add \"sessions\", as in \"log sessions, tls\"",
			SPAN("\"log tls\" adds to the record of a session, which this rule does "
			     "not "
			     "log"));
}
