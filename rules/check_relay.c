/* SPDX-License-Identifier: ISC */
#include "rules/builtin.h"
#include "rules/check.h"

struct relay_reading {
	struct front_reading front; /* first: what publish has too is read by the same functions */
	struct relay *r;
	struct relay_listen *listen; /* room for one each statement */
};

/* ---- listen ADDRESS:PORT [tls | starttls [required]] [min 1.2 | 1.3] [certificate NAME] ---- */

static enum listen_tls read_tls(struct words *w)
{
	if (words_take(w, "tls"))
		return LISTEN_TLS;
	if (!words_take(w, "starttls"))
		return LISTEN_CLEAR;
	return words_take(w, "required") ? LISTEN_STARTTLS_REQUIRED : LISTEN_STARTTLS;
}

static void need_tls(struct words *w, const struct relay_listen *l, const char *what)
{
	if (l->tls == LISTEN_CLEAR)
		WORDS_TELL(w, w->before, NULL, span_str(what),
			SPAN(" needs \"tls\" or \"starttls\" in front of it, as in \""),
			span_str(w->example), SPAN("\""));
}

static void read_min(struct words *w, struct relay_listen *l)
{
	static const char *const list[] = { [TLS_MIN_1_2] = "1.2", [TLS_MIN_1_3] = "1.3" };
	size_t i;

	if (!words_take(w, "min"))
		return;
	need_tls(w, l, "\"min\"");
	i = words_choice(w, list, 2);
	if (i < 2)
		l->tls_min = (enum tls_min)i;
}

/* An address where a certificate stands: a list of listeners is meant. */
static bool is_address(struct words *w)
{
	const struct word *word = w->at;

	if (word == NULL || span_chr(word->text, ':') == word->text.n)
		return false;
	WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
		SPAN("\" is no certificate: give each address a \"listen\" of its own, as in \""),
		span_str(w->example), SPAN("\""));
	return true;
}

static void read_certificates(struct words *w, struct relay_listen *l)
{
	const struct certificate **list =
		ARENA_ARRAY(w->c->arena, const struct certificate *, count_commas(w) + 1);

	if (list == NULL)
		return;
	l->certificates = list;
	do {
		struct named *named;

		if (is_address(w))
			return;
		named = name_use(w, NAMED_CERTIFICATE);
		if (named != NULL)
			list[l->n_certificates++] = named->object;
	} while (words_comma(w));
}

static void read_listen(struct words *w, void *object)
{
	struct relay_reading *r = object;
	struct relay_listen *l = &r->listen[r->r->n_listen++];

	endpoint_read(w, true, &l->addr, NULL);
	l->tls = read_tls(w);
	read_min(w, l);
	if (words_take(w, "certificate")) {
		read_certificates(w, l);
		need_tls(w, l, "a certificate");
	} else if (l->tls != LISTEN_CLEAR && w->at == NULL) {
		WORDS_TELL(w, NULL, NULL, SPAN("TLS needs a certificate, as in \""),
			span_str(w->example), SPAN("\""));
	}
}

/* ---- the other statements ---- */

static void read_auth(struct words *w, void *object)
{
	struct relay *r = ((struct relay_reading *)object)->r;
	struct named *named;

	r->auth_at = w->st->first->at;
	r->auth_required = words_take(w, "required");
	named = name_use(w, NAMED_AUTH);
	r->auth = named != NULL ? named->object : NULL;
}

static void read_deliver(struct words *w, void *object)
{
	struct relay *r = ((struct relay_reading *)object)->r;
	const struct route **list =
		ARENA_ARRAY(w->c->arena, const struct route *, count_commas(w) + 1);

	if (list == NULL)
		return;
	r->deliver = list;
	r->deliver_at = w->st->first->at;
	do {
		struct named *named = name_use(w, NAMED_ROUTE);
		if (named != NULL)
			list[r->n_deliver++] = named->object;
	} while (words_comma(w));
}

static void read_banner(struct words *w, void *object)
{
	struct relay *r = ((struct relay_reading *)object)->r;

	r->front.banner = words_text(w, "a greeting");
	r->front.banner_at = w->st->first->at;
}

static const struct block_row rows[RELAY_ROWS] = {
	[RELAY_LISTEN] = { "listen", read_listen,
		"listen 198.51.100.3:587 starttls required certificate mail",
		ROW_MANY | ROW_NEEDED },
	[RELAY_FROM] = { "from", front_read_from, "from mail-hosts", ROW_ONCE },
	[RELAY_WHEN] = { "when", front_read_when, "when office-hours", ROW_ONCE },
	[RELAY_AUTH] = { "auth", read_auth, "auth required staff", ROW_ONCE },
	[RELAY_RECIPIENTS] = { "recipients", front_read_recipients, "recipients in hosted-domains",
		ROW_NEEDED },
	[RELAY_INSPECT] = { "inspect", front_read_inspect,
		"inspect commands submission screen outbound", ROW_ONCE },
	[RELAY_DELIVER] = { "deliver", read_deliver, "deliver to-exchange, internet", ROW_NEEDED },
	[RELAY_LIMIT] = { "limit", front_read_limit, "limit connections 20 per client, 400 total",
		ROW_MANY },
	[RELAY_TIMEOUT] = { "timeout", front_read_timeout, "timeout command 5m, idle 5m",
		ROW_MANY },
	[RELAY_BANNER] = { "banner", read_banner, "banner \"mail.example.org ESMTP\"", ROW_ONCE },
	[RELAY_LOG] = { "log", front_read_log, "log sessions, denials", ROW_ONCE },
};

static void fill_front(struct check *c, struct relay *r)
{
	struct rule_endpoint *list = ARENA_ARRAY(c->arena, struct rule_endpoint, r->n_listen);

	if (list == NULL)
		return;
	for (size_t i = 0; i < r->n_listen; i++)
		list[i] = r->listen[i].addr;
	r->front.external = list;
	r->front.n_external = r->n_listen;
	r->front.client_address = CLIENT_GATEWAY;
	smtp_fill(&r->front, true);
}

void relay_read(struct check *c, struct named *named)
{
	struct relay *r = named->object;
	struct relay_reading reading = {
		.front = { .p = &r->front, .timeouts = { .timeouts = &r->front.timeouts } }, .r = r
	};
	struct words w = words_of(c, named->st, "relay NAME { ... }");

	named->seen = ARENA_NEW(c->arena, struct block_seen);
	reading.listen =
		ARENA_ARRAY(c->arena, struct relay_listen, statements_count(named->st->block));
	if (named->seen == NULL || reading.listen == NULL)
		return;
	r->listen = reading.listen;
	limits_preset(&r->front.limits);
	timeouts_preset(&r->front.timeouts);
	r->front.log = RULE_LOG_DEFAULT;
	block_head(&w);
	block_read(c, named->st->block, named->st, rows, RELAY_ROWS, &reading, named->seen);
	log_check_tls(c, reading.front.log_tls, r->front.log, false);
	if (r->front.commands == NULL)
		r->front.commands = command_table_builtin(
			r->auth != NULL ? SPAN("submission") : SPAN("internet"));
	fill_front(c, r);
}
