/* SPDX-License-Identifier: ISC */
#include "filter/smtp/path.h"
#include "rules/check.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* ---- certificate NAME { chain "..."; key "..." } ---- */

static void read_chain(struct words *w, void *object)
{
	((struct certificate *)object)->chain = words_path(w, "the file of the certificate chain");
}

static void read_key(struct words *w, void *object)
{
	((struct certificate *)object)->key = words_path(w, "the file of the key");
}

static const struct block_row certificate_rows[] = {
	{ "chain", read_chain, "chain \"tls/fullchain.pem\"", ROW_NEEDED },
	{ "key", read_key, "key \"tls/privkey.pem\"", ROW_NEEDED },
};

/* A block that has a name and nothing else in front of its brace. */
static void read_plain(struct check *c, struct named *named, const struct block_row *rows, size_t n)
{
	struct words w = words_of(c, named->st, "");
	struct block_seen seen;

	w.example = "NAME { ... }";
	block_head(&w);
	block_read(c, named->st->block, named->st, rows, n, named->object, &seen);
}

void certificate_read(struct check *c, struct named *named)
{
	read_plain(c, named, certificate_rows, ROWS(certificate_rows));
}

/* ---- auth NAME { via ...; mechanisms ...; lockout ... } ---- */

static void read_via(struct words *w, void *object)
{
	static const char *const list[] = { "file", "dovecot", "pam", "next-hop" };
	struct auth *auth = object;
	size_t i = words_choice(w, list, ROWS(list));

	if (i == ROWS(list))
		return;
	auth->via = (enum auth_via)i;
	auth->via_at = w->st->first->at;
	if (auth->via == AUTH_PAM)
		auth->via_text = words_text(w, "the PAM service");
	else if (auth->via != AUTH_NEXT_HOP)
		auth->via_text = words_path(
			w, auth->via == AUTH_FILE ? "the password file" : "the socket of Dovecot");
}

/* What we check ourselves needs the password in clear; the others may be passed to somebody who
 * knows them. */
static const char *const mechanisms[] = { "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1",
	"SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "EXTERNAL" };
#define MECHANISMS_OURS 2

static void read_mechanisms(struct words *w, void *object)
{
	struct auth *auth = object;
	const char **list = ARENA_ARRAY(w->c->arena, const char *, ROWS(mechanisms));
	uint32_t seen = 0;

	if (list == NULL)
		return;
	auth->mechanisms = list;
	do {
		const struct word *word = w->at;
		size_t i = words_choice(w, mechanisms, ROWS(mechanisms));

		if (i == ROWS(mechanisms))
			return;
		if (seen & 1u << i) {
			WORDS_TELL(w, word, NULL, SPAN("\""), word->text, SPAN("\" stands twice"));
			return;
		}
		seen |= 1u << i;
		list[auth->n_mechanisms++] = mechanisms[i];
	} while (words_comma(w));
}

static const struct value_schema failures = { .name = "lockout",
	.min = 1,
	.max = 10000,
	.example = "lockout 5 failures in 10m for 15m",
	.offset = offsetof(struct auth, lockout_failures) };
static const struct value_schema in_time = { .name = "lockout ... in",
	.unit = UNIT_SECONDS,
	.min = 1,
	.max = 30 * 86400,
	.example = "lockout 5 failures in 10m for 15m",
	.offset = offsetof(struct auth, lockout_in_s) };
static const struct value_schema for_time = { .name = "lockout ... for",
	.unit = UNIT_SECONDS,
	.min = 1,
	.max = 30 * 86400,
	.example = "lockout 5 failures in 10m for 15m",
	.offset = offsetof(struct auth, lockout_for_s) };

static void read_lockout(struct words *w, void *object)
{
	value_store(w, &failures, object);
	words_need(w, "failures");
	words_need(w, "in");
	value_store(w, &in_time, object);
	words_need(w, "for");
	value_store(w, &for_time, object);
}

static const struct block_row auth_rows[] = {
	{ "via", read_via, "via file \"staff.passwd\"", ROW_NEEDED },
	{ "mechanisms", read_mechanisms, "mechanisms PLAIN, LOGIN", ROW_NEEDED },
	{ "lockout", read_lockout, "lockout 5 failures in 10m for 15m", ROW_ONCE },
};

static bool is_ours(const char *mechanism)
{
	for (size_t i = 0; i < MECHANISMS_OURS; i++)
		if (strcmp(mechanism, mechanisms[i]) == 0)
			return true;
	return false;
}

void auth_read(struct check *c, struct named *named)
{
	struct auth *auth = named->object;
	unsigned errors = c->diags->errors;

	read_plain(c, named, auth_rows, ROWS(auth_rows));
	if (c->diags->errors != errors || auth->via_at.line == 0 ||
		(auth->via != AUTH_FILE && auth->via != AUTH_PAM))
		return;
	for (size_t i = 0; i < auth->n_mechanisms; i++)
		if (!is_ours(auth->mechanisms[i]))
			CHECK_TELL(c, named->st, NULL, SPAN("auth \""), span_str(auth->name),
				SPAN("\": mechanism "), span_str(auth->mechanisms[i]),
				SPAN(" needs \"via dovecot\" or \"via next-hop\"; files and PAM "
				     "check PLAIN and LOGIN"));
}

/* ---- route NAME { domains ...; next-hop ...; resolver ...; tls ...; bind ... } ---- */

static void read_domains(struct words *w, void *object)
{
	expr_read(w, SET_DOMAINS, false, &((struct route *)object)->domains);
}

#define SMTP_PORT 25

/* The part in front of the port. A name has a letter, and one colon at most. */
static bool looks_named(struct span text, struct span *hostp)
{
	const size_t colon = span_chr(text, ':');
	const struct span port = span_from(text, colon + 1);
	bool letter = false;

	*hostp = span_sub(text, 0, colon);
	for (size_t i = 0; i < hostp->n; i++)
		letter = letter || ascii_alpha(hostp->p[i]) || hostp->p[i] > 127;
	return letter && hostp->p[0] != '[' && !span_eq(*hostp, SPAN("any")) &&
	       span_chr(port, ':') == port.n;
}

/* Lower case, no root dot: names that are the same are printed the same. */
static const char *keep_name(struct arena *arena, struct span name)
{
	uint8_t *p = arena_alloc(arena, name.n + 1, 1);

	for (size_t i = 0; p != NULL && i < name.n; i++)
		p[i] = ascii_lower(name.p[i]);
	return (const char *)p;
}

static void read_named_hop(
	struct words *w, const struct word *word, struct span host, struct next_hop *hop)
{
	const bool port_given = host.n < word->text.n;
	struct span name;

	hop->addr.at = word->at;
	hop->addr.addr.port = SMTP_PORT;
	if (domain_parse(host, true, &name) != PATH_OK)
		WORDS_TELL(w, word, NULL, SPAN("\""), host,
			SPAN("\" is no host name: labels of letters, digits and \"-\", as in "
			     "\"next-hop relay.example.net:587\""));
	else if (span_ieq(name, SPAN("mx")))
		WORDS_TELL(w, word, NULL,
			SPAN("\"mx\" stands alone and without a port, as in \"next-hop mx\""));
	else if (port_given && !port_parse(span_from(word->text, host.n + 1), &hop->addr.addr.port))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\": a port is a number from 1 to 65535, as in \"next-hop "
			     "relay.example.net:587\""));
	else if (!port_given && span_chr(name, '.') == name.n) /* it may be "mx", misspelt */
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\": expected \"mx\", an address or a host name; one of a single "
			     "label has its port behind it, as in \""),
			name, SPAN(":25\""));
	else
		hop->name = keep_name(w->c->arena, name);
}

static void read_hop(struct words *w, struct next_hop *hop)
{
	struct span host;

	if (w->at != NULL && w->at->kind == WORD_BARE && looks_named(w->at->text, &host))
		read_named_hop(w, words_next(w, ""), host, hop);
	else
		endpoint_read(w, false, &hop->addr, NULL);
}

static void read_next_hop(struct words *w, void *object)
{
	struct route *route = object;
	struct next_hop *list;

	route->mx = words_take(w, "mx");
	if (route->mx)
		return;
	list = ARENA_ARRAY(w->c->arena, struct next_hop, count_commas(w) + 1);
	if (list == NULL)
		return;
	route->hops = list;
	do
		read_hop(w, &list[route->n_hops++]);
	while (words_comma(w));
}

#define DNS_PORT 53

static void read_resolver(struct words *w, void *object)
{
	struct route *route = object;
	struct rule_endpoint ep;
	bool port_given;

	if (!endpoint_read(w, false, &ep, &port_given))
		return;
	route->has_resolver = true;
	route->resolver = ep.addr;
	if (!port_given)
		route->resolver.port = DNS_PORT;
}

static void read_tls(struct words *w, void *object)
{
	static const char *const list[] = { "opportunistic", "none", "required", "verify" };
	size_t i = words_choice(w, list, ROWS(list));

	if (i < ROWS(list))
		((struct route *)object)->tls = (enum route_tls)i;
}

static void read_bind(struct words *w, void *object)
{
	struct route *route = object;
	const struct word *word = words_next(w, "an address");

	if (word == NULL)
		return;
	route->has_bind = true;
	if (!ip_parse(word->text, &route->bind))
		WORDS_TELL(w, word, NULL, SPAN("\""), word->text,
			SPAN("\" is no address, as in \"bind 198.51.100.2\""));
}

static const struct block_row route_rows[] = {
	{ "domains", read_domains, "domains hosted-domains", ROW_NEEDED },
	{ "next-hop", read_next_hop, "next-hop 10.0.0.21:25", ROW_NEEDED },
	{ "resolver", read_resolver, "resolver 10.0.0.53", ROW_ONCE },
	{ "tls", read_tls, "tls opportunistic", ROW_ONCE },
	{ "bind", read_bind, "bind 198.51.100.2", ROW_ONCE },
};

void route_read(struct check *c, struct named *named)
{
	read_plain(c, named, route_rows, ROWS(route_rows));
}
