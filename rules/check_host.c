/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"
#include "rules/check.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct host_reading {
	struct hostconf *host;
	struct log_sink *logs; /* room for one each statement */
};

static struct hostconf *host_of(void *object)
{
	return ((struct host_reading *)object)->host;
}

/* ---- firewall ---- */

static void read_mode(struct words *w, void *object)
{
	static const char *const list[] = { "direct", "managed", "sets-only", "external" };
	struct hostconf *host = host_of(object);
	size_t i = words_choice(w, list, ROWS(list));

	host->mode_at = w->st->first->at;
	if (i < ROWS(list))
		host->mode = (enum host_mode)(MODE_DIRECT + i);
}

static const struct value_schema intercept_port = { .name = "intercept ... port",
	.min = 1,
	.max = 65535,
	.preset = 10525,
	.example = "intercept redirect port 10525",
	.offset = offsetof(struct hostconf, intercept_port) };

static void read_intercept(struct words *w, void *object)
{
	static const char *const list[] = { "redirect", "tproxy" };
	struct hostconf *host = host_of(object);

	host->intercept_at = w->st->first->at;
	host->intercept =
		words_choice(w, list, ROWS(list)) == 1 ? INTERCEPT_TPROXY : INTERCEPT_REDIRECT;
	if (words_take(w, "port"))
		value_store(w, &intercept_port, host);
}

static int hex_digit(uint8_t c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct span text, uint32_t *vp)
{
	uint32_t v = 0;

	if (text.n < 3 || text.n > 10 || text.p[0] != '0' || text.p[1] != 'x')
		return false;
	for (size_t i = 2; i < text.n; i++) {
		int digit = hex_digit(text.p[i]);
		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*vp = v;
	return true;
}

static void read_mark(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);
	const struct word *word = words_next(w, "a mark");
	size_t slash;

	if (word == NULL)
		return;
	slash = span_chr(word->text, '/');
	host->mark_at = w->st->first->at;
	if (!parse_hex(span_sub(word->text, 0, slash), &host->mark) ||
		!parse_hex(span_from(word->text, slash + 1), &host->mark_mask)) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no mark with its mask, as in \"mark 0x00500000/0x00f00000\""));
		return;
	}
	if (host->mark == 0 || (host->mark & ~host->mark_mask) != 0)
		WORDS_TELL(w, word, NULL, SPAN("mark "), word->text,
			SPAN(": the mark has to be some bit of its mask, and no other bit"));
}

/* Contiguous, so that numbers can stand in it, and room for two rules beside the three numbers that
 * are none's. */
static bool is_number_field(uint32_t mask)
{
	const uint32_t low = mask & (~mask + 1);

	return mask != 0 && (mask & (mask + low)) == 0 && mask / low >= 7;
}

static void read_connection_mark(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);
	const struct word *word = words_next(w, "a mask");

	if (word == NULL)
		return;
	host->lane_mask_at = w->st->first->at;
	if (!parse_hex(word->text, &host->lane_mask) || !is_number_field(host->lane_mask))
		WORDS_TELL(w, word, NULL, SPAN("connection-mark "), word->text,
			SPAN(": a mask of three bits or more that stand together is expected, as "
			     "in "
			     "\"connection-mark 0xff000000\""));
}

static const struct value_schema first_packets = { .name = "first-packets",
	.min = 1,
	.max = 100000,
	.preset = 100,
	.example = "first-packets 100 per second",
	.offset = offsetof(struct hostconf, first_packets) };

static void read_first_packets(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);

	host->first_packets_at = w->st->first->at;
	if (value_store(w, &first_packets, host) && words_need(w, "per"))
		words_need(w, "second");
}

/* ---- processes ---- */

static const struct value_schema workers = { .name = "workers",
	.min = 1,
	.max = 1024,
	.example = "workers 4",
	.offset = offsetof(struct hostconf, workers) };
static const struct value_schema drain = { .name = "drain",
	.unit = UNIT_MILLISECONDS,
	.min = 1000,
	.max = 86400000,
	.preset = 600000,
	.example = "drain 10m",
	.offset = offsetof(struct hostconf, drain_ms) };
static const struct value_schema client_prefix = { .name = "client-prefix",
	.min = 32,
	.max = 128,
	.preset = 64,
	.example = "client-prefix 64",
	.offset = offsetof(struct hostconf, client_prefix) };

static void read_workers(struct words *w, void *object)
{
	host_of(object)->workers_at = w->st->first->at;
	value_store(w, &workers, host_of(object));
}

static void read_drain(struct words *w, void *object)
{
	value_store(w, &drain, host_of(object));
}

static void read_client_prefix(struct words *w, void *object)
{
	value_store(w, &client_prefix, host_of(object));
}

static void read_require_sandbox(struct words *w, void *object)
{
	static const char *const list[] = { "yes", "no" };
	struct hostconf *host = host_of(object);

	host->require_sandbox_at = w->st->first->at;
	host->require_sandbox = words_choice(w, list, ROWS(list)) == 0 ? SAID_YES : SAID_NO;
}

static bool is_account(struct span s)
{
	if (s.n == 0 || s.n > 32 || (!ascii_alpha(s.p[0]) && s.p[0] != '_'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

static const char *read_account(struct words *w, const char *what)
{
	const struct word *word = words_next(w, what);

	if (word == NULL || !words_bare(w, word, what))
		return NULL;
	if (!is_account(word->text)) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no name of a user or group, as in \""), span_str(w->example),
			SPAN("\""));
		return NULL;
	}
	return arena_str(w->c->arena, word->text);
}

static void read_user(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);

	host->user_at = w->st->first->at;
	host->user = read_account(w, "a user");
}

/* ---- names ---- */

static void read_hostname(struct words *w, void *object)
{
	const struct word *word = words_next(w, "a host name");
	struct span domain;

	if (word == NULL || !words_bare(w, word, "a host name"))
		return;
	if (domain_parse(word->text, false, &domain) != PATH_OK) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no host name, as in \"hostname mail.example.org\""));
		return;
	}
	host_of(object)->hostname = arena_str(w->c->arena, domain);
}

static void read_postmaster(struct words *w, void *object)
{
	const struct word *word = words_next(w, "a mail address");
	struct set_member member;

	if (word == NULL)
		return;
	if (span_chr(word->text, '@') == word->text.n ||
		set_member_parse(word->text, SET_MAIL, &member) != SET_OK) {
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no mail address, as in \"postmaster postmaster@example.org\""));
		return;
	}
	host_of(object)->postmaster = arena_str(w->c->arena, word->text);
}

/* ---- folders, logs, metrics ---- */

static void read_control(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);

	host->control_at = w->st->first->at;
	host->control = words_path(w, "the control socket");
	if (words_take(w, "group"))
		host->control_group = read_account(w, "a group");
}

static void read_state(struct words *w, void *object)
{
	host_of(object)->state = words_path(w, "the state folder");
}

#define LOG_MAX_USUAL (1ull << 30)

static const struct value_schema log_max = { .name = "log ... max",
	.unit = UNIT_OCTETS,
	.min = 64u << 10,
	.max = 1ull << 40,
	.example = "log json \"postern.log\" max 1GiB keep 30d",
	.offset = offsetof(struct log_sink, max_octets),
	.wide = true };
static const struct value_schema log_keep = { .name = "log ... keep",
	.unit = UNIT_SECONDS,
	.min = 3600,
	.max = 3650ull * 86400,
	.example = "log json \"postern.log\" max 1GiB keep 30d",
	.offset = offsetof(struct log_sink, keep_s),
	.wide = true };

static void read_log(struct words *w, void *object)
{
	static const char *const list[] = { "json", "w3c", "syslog", "journal" };
	struct host_reading *r = object;
	struct log_sink *sink = &r->logs[r->host->n_logs++];
	size_t i = words_choice(w, list, ROWS(list));

	if (i == ROWS(list))
		return;
	*sink = (struct log_sink){
		.format = (enum log_format)i, .max_octets = LOG_MAX_USUAL, .at = w->st->first->at
	};
	if (w->at != NULL && w->at->kind == WORD_QUOTED)
		sink->path = words_path(w, "the log file");
	if (words_take(w, "max"))
		value_store(w, &log_max, sink);
	if (words_take(w, "keep"))
		value_store(w, &log_keep, sink);
	sink->required = words_take(w, "required");
}

static void read_metrics(struct words *w, void *object)
{
	static const char *const list[] = { "socket", "textfile" };
	struct hostconf *host = host_of(object);
	size_t i = words_choice(w, list, ROWS(list));
	const char **place = i == 0 ? &host->metrics_socket : &host->metrics_textfile;

	host->metrics_at = w->st->first->at;
	if (*place != NULL)
		WORDS_TELL(w, w->before, NULL, SPAN("\"metrics "), w->before->text,
			SPAN("\" may stand only once"));
	*place = words_path(w, "the file of the metrics");
}

static void read_shared(struct words *w, void *object)
{
	struct hostconf *host = host_of(object);
	const struct word *word;

	host->shared_at = w->st->first->at;
	words_need(w, "redis");
	word = w->at;
	host->shared_redis = words_text(w, "the address of the Redis server");
	if (host->shared_redis != NULL && !span_istarts(word->text, SPAN("redis://")) &&
		!span_istarts(word->text, SPAN("rediss://")) &&
		!span_istarts(word->text, SPAN("unix://")))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no address of a Redis server, as in \""), span_str(w->example),
			SPAN("\""));
}

static void read_version(struct words *w, void *object)
{
	const struct word *word = words_next(w, "the version of the language");

	(void)object;
	if (word != NULL && !word_is(word, "1"))
		WORDS_TELL(w, word, NULL, SPAN("version "), word->text,
			SPAN(" is not known; this program reads \"version 1\""));
}

static const struct block_row rows[] = {
	{ "version", read_version, "version 1", ROW_ONCE },
	{ "mode", read_mode, "mode direct", ROW_ONCE },
	{ "intercept", read_intercept, "intercept redirect port 10525", ROW_ONCE },
	{ "mark", read_mark, "mark 0x00500000/0x00f00000", ROW_ONCE },
	{ "connection-mark", read_connection_mark, "connection-mark 0xff000000", ROW_ONCE },
	{ "first-packets", read_first_packets, "first-packets 100 per second", ROW_ONCE },
	{ "workers", read_workers, "workers 4", ROW_ONCE },
	{ "drain", read_drain, "drain 10m", ROW_ONCE },
	{ "require-sandbox", read_require_sandbox, "require-sandbox yes", ROW_ONCE },
	{ "user", read_user, "user postern", ROW_ONCE },
	{ "hostname", read_hostname, "hostname mail.example.org", ROW_ONCE },
	{ "postmaster", read_postmaster, "postmaster postmaster@example.org", ROW_ONCE },
	{ "client-prefix", read_client_prefix, "client-prefix 64", ROW_ONCE },
	{ "control", read_control, "control \"/run/postern/control\" group adm", ROW_ONCE },
	{ "state", read_state, "state \"/var/lib/postern\"", ROW_ONCE },
	{ "log", read_log, "log json \"postern.log\" max 1GiB keep 30d", ROW_MANY },
	{ "metrics", read_metrics, "metrics textfile \"postern.prom\"", ROW_MANY },
	{ "shared", read_shared, "shared redis \"redis://10.0.0.9:6379\"", ROW_ONCE },
};

void host_preset(struct hostconf *host)
{
	host->mark = 0x00500000;
	host->mark_mask = 0x00f00000;
	host->lane_mask = 0xff000000;
	value_preset(&intercept_port, 1, host);
	value_preset(&drain, 1, host);
	value_preset(&client_prefix, 1, host);
	value_preset(&first_packets, 1, host);
}

void host_read(struct check *c, const struct statement *list)
{
	struct host_reading r = { .host = &c->rs->host };
	struct block_seen seen;

	r.logs = ARENA_ARRAY(c->arena, struct log_sink, statements_count(list));
	if (r.logs == NULL)
		return;
	r.host->logs = r.logs;
	block_read(c, list, NULL, rows, ROWS(rows), &r, &seen);
}
