/* SPDX-License-Identifier: ISC */
/*
 * Limits of a time: "limit recipients 100 per message, 2000 per 1h per client, 20000 per 1h total
 * then refuse for 1h"
 *
 * A list in any order, each part at most once: a number of one session or message, a window of a
 * client, one of all clients; then what becomes of a client that is over its own.
 */
#include "rules/check.h"

#define RECIPIENTS_LEAST 100   /* RFC 5321 4.5.3.1.8 */
#define MESSAGE_LEAST    65536 /* RFC 5321 4.5.3.1.7 */
#define COUNT_MOST       1000000000
#define OCTETS_MOST      (1ull << 40) /* 1024GiB: must fit into a window of the tally */
#define WINDOW_MOST_MS   86400000
#define BAN_MOST_MS      (30ull * 86400000)

static const struct value_schema errors = { .name = "limit errors",
	.offset = offsetof(struct rule_limits, errors),
	.min = 1,
	.max = 10000,
	.preset = 20,
	.example = "limit errors 10" };
static const struct value_schema recipients = { .name = "limit recipients",
	.offset = offsetof(struct rule_limits, recipients),
	.min = 1,
	.max = 100000,
	.preset = 1000,
	.example = "limit recipients 100 per message" };

void limits_preset(struct rule_limits *limits)
{
	value_preset(&errors, 1, limits);
	value_preset(&recipients, 1, limits);
}

/* What one word of `limit` bounds: by time, and, where @single is set, of one session or message.
 */
struct counted {
	struct value_schema number; /* of a window */
	const struct value_schema *single;
	size_t single_given;   /* where in struct rule_limits it is noted that it was */
	const char *single_of; /* `per message`; NULL: a number alone, of a session */
	bool no_total;
	uint64_t least; /* of a window, that RFC 5321 4.5.3.1 obliges to; 0: none */
	const char *least_text, *least_help;
};

static const struct counted counted[TALLY_WHATS] = {
	[TALLY_CONNECTIONS] = {
		.number = { .name = "limit rate",
			.min = 1,
			.max = COUNT_MOST,
			.example = "limit rate 60 per 1m per client" },
	},
	[TALLY_ERRORS] = {
		.number = { .name = "limit errors",
			.min = 1,
			.max = COUNT_MOST,
			.example = "limit errors 10, 50 per 1h per client" },
		.single = &errors,
		.single_given = offsetof(struct rule_limits, errors_given),
		.no_total = true,
	},
	[TALLY_RECIPIENTS] = {
		.number = { .name = "limit recipients",
			.min = 1,
			.max = COUNT_MOST,
			.example = "limit recipients 2000 per 1h per client" },
		.single = &recipients,
		.single_given = offsetof(struct rule_limits, recipients_given),
		.single_of = "message",
		.least = RECIPIENTS_LEAST,
		.least_text = ": RFC 5321 4.5.3.1.8 obliges to take 100",
		.least_help = "a message with more recipients comes through in parts",
	},
	[TALLY_OCTETS] = {
		.number = { .name = "limit octets",
			.unit = UNIT_OCTETS,
			.min = 1024,
			.max = OCTETS_MOST,
			.example = "limit octets 200MiB per 1h per client" },
		.least = MESSAGE_LEAST,
		.least_text = ": RFC 5321 4.5.3.1.7 obliges to take 64KiB",
		.least_help = "a larger message that declares its size is refused always",
	},
};

static bool is_number(const struct word *word)
{
	return word != NULL && word->kind == WORD_BARE && word->text.n > 0 &&
	       ascii_digit(word->text.p[0]);
}

/* Of the two forms that begin with a number: is this the one of a time? */
static bool window_ahead(const struct words *w, const struct counted *c)
{
	const struct word *per = w->at != NULL ? w->at->next : NULL;

	if (c->single == NULL)
		return true;
	return per != NULL && word_is(per, "per") && (c->single_of == NULL || is_number(per->next));
}

static void tell_again(struct words *w, const struct word *number, const struct value_schema *s)
{
	WORDS_TELL(w, number, NULL, span_str(s->name), SPAN(": this limit was given already"));
}

static void warn_least(
	struct words *w, const struct word *number, const struct counted *c, const char *help)
{
	WORDS_WARN(w, number, help, span_str(c->number.name), SPAN(" "), number->text,
		span_str(c->least_text));
}

/* "10", "100 per message" */
static void read_single(struct words *w, const struct counted *c, struct rule_limits *l)
{
	bool *given = (bool *)((uint8_t *)l + c->single_given);
	const struct word *number = w->at;

	if (!value_store(w, c->single, l) ||
		(c->single_of != NULL && (!words_need(w, "per") || !words_need(w, c->single_of))))
		return;
	if (*given)
		tell_again(w, number, c->single);
	*given = true;
	if (value_of(c->single, l) < c->least)
		warn_least(w, number, c,
			"a sender with more recipients has to send the message several times");
}

/* "per client" or "total": what the window is of. NULL: told. */
static struct limit_window *read_whose(
	struct words *w, const struct counted *c, struct limit_windows *windows)
{
	if (!words_take(w, "total"))
		return words_need(w, "per") && words_need(w, "client") ? &windows->client : NULL;
	if (!c->no_total)
		return &windows->total;
	WORDS_TELL(w, w->before, "write \"per client\"", span_str(c->number.name),
		SPAN(": there is no total of these, since one hostile client could use it up and "
		     "shut out everybody"));
	return NULL;
}

static bool read_time(struct words *w, const struct counted *c, uint64_t max, uint64_t *msp)
{
	const struct value_schema time = { .name = c->number.name,
		.unit = UNIT_MILLISECONDS,
		.min = 1000,
		.max = max,
		.example = w->example };

	return value_read(w, &time, msp);
}

/* "60 per 1m per client", "1000 per 1m total" */
static void read_window(struct words *w, const struct counted *c, struct limit_windows *windows)
{
	const struct word *number = w->at;
	struct limit_window *place;
	uint64_t n, ms;

	if (!value_read(w, &c->number, &n) || !words_need(w, "per") ||
		!read_time(w, c, WINDOW_MOST_MS, &ms))
		return;
	place = read_whose(w, c, windows);
	if (place == NULL)
		return;
	if (place->n != 0)
		tell_again(w, number, &c->number);
	*place = (struct limit_window){ .n = n, .ms = (uint32_t)ms };
	if (n < c->least)
		warn_least(w, number, c, c->least_help);
}

/* Is there one client that reaches the limit? Whose session ends by its errors is known. */
static bool is_of_client(enum tally_what what, const struct rule_limits *l)
{
	return l->windows[what].client.n != 0 || (what == TALLY_ERRORS && l->errors_given);
}

/* "then refuse for 10m" */
static void read_then(
	struct words *w, enum tally_what what, const struct counted *c, struct rule_limits *l)
{
	static const char *const then[] = { "refuse", "tempfail" };
	struct limit_windows *windows = &l->windows[what];
	const struct word *word = w->at;
	size_t i;

	if (!words_take(w, "then"))
		return;
	if (!is_of_client(what, l)) {
		WORDS_TELL(w, word, "add a limit \"per client\" in front of it, or take it out",
			SPAN("\"then\" is what becomes of one client: it needs a limit of a time "
			     "\"per client\", as in \""),
			span_str(w->example), SPAN("\""));
		return;
	}
	i = words_choice(w, then, sizeof(then) / sizeof(then[0]));
	windows->then = i == 0 ? LIMIT_THEN_REFUSE : LIMIT_THEN_TEMPFAIL;
	words_need(w, "for");
	read_time(w, c, BAN_MOST_MS, &windows->then_ms);
}

void windows_read(struct words *w, enum tally_what what, struct rule_limits *l)
{
	const struct counted *c = &counted[what];

	do {
		if (window_ahead(w, c))
			read_window(w, c, &l->windows[what]);
		else
			read_single(w, c, l);
	} while (words_comma(w));
	read_then(w, what, c, l);
}
