/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/selftest.h"
#include "rules/match.h"
#include "rules/view.h"

/* A rule ends a session that goes on erring; twenty times, unless it says otherwise. */
#define ATTEMPTS_EACH 8
#define TRIES         2 /* of an attempt that was put off, or that the session ended with */

static const struct battery_row control = { "control", "<>", "<postmaster@$i>",
	"a hosted recipient", false };

static void say_why(struct pass *p, const char *text)
{
	snprintf(p->why, sizeof(p->why), "%s", text);
}

/* ---- names ---- */

/* A domain that one of the items names; false: none does. */
static bool domain_of(const struct expr_item *items, size_t n, char block[static SELFTEST_DOMAIN])
{
	for (size_t i = 0; i < n; i++) {
		const struct rule_set *set = items[i].set;
		const struct set_member *m = !set                 ? &items[i].literal
					     : set->n_members > 0 ? &set->members[0]
								  : NULL;
		struct span domain;

		if (!m)
			continue;
		domain = span_from(m->text, span_chr(m->text, '@') + 1); /* of a mail address */
		if (domain.n == 0)
			domain = m->text;
		snprintf(block, SELFTEST_DOMAIN, "%s%.*s", m->below ? "x." : "", (int)domain.n,
			(const char *)domain.p);
		return true;
	}
	return false;
}

/* May a client of our address send anywhere, but for exceptions? */
static bool is_trusted(const struct rule *rule)
{
	return rule && rule->relay && rule->relay->front.recipients.any &&
	       !rule->relay->auth_required;
}

static void print_literal(struct pass *p)
{
	struct out o;

	out_init(&o, p->literal, sizeof(p->literal) - 1);
	out_str(&o, p->to.ip.family == IP_V6 ? "[IPv6:" : "[");
	ip_print(&o, &p->to.ip);
	out_octet(&o, ']');
	p->literal[o.n] = '\0';
}

/* False: the rule leaves nothing to be tried. */
static bool settle_names(const struct selftest *s, struct pass *p)
{
	static const struct rule_expr none = { 0 };
	const struct rule_expr *to = p->rule ? &rule_front(p->rule)->recipients : &none;

	print_literal(p);
	p->any_domain = is_trusted(p->rule);
	p->names = (struct battery_names){
		.victim = SELFTEST_VICTIM, .gateway = s->hostname, .literal = p->literal
	};
	if (p->any_domain) {
		p->names.victim = p->victim;
		p->names.hosted = SELFTEST_VICTIM;
		return domain_of(to->except, to->n_except, p->victim);
	}
	if (domain_of(to->in, to->n_in, p->hosted))
		p->names.hosted = p->hosted;
	return true;
}

/* ---- the attempts ---- */

static bool print_attempt(
	struct attempt *a, const struct battery_row *row, const struct battery_names *names)
{
	struct out from, to;

	out_init(&from, a->from, sizeof(a->from) - 1);
	out_init(&to, a->to, sizeof(a->to) - 1);
	if (!battery_print(&from, row->from, names) || !battery_print(&to, row->to, names))
		return false;
	a->from[from.n] = a->to[to.n] = '\0';
	a->row = row;
	return true;
}

static void print_attempts(struct pass *p)
{
	const struct battery_row *rows;
	size_t n;

	rows = battery_rows(&n);
	for (size_t i = 0; i < n && p->n < SELFTEST_ROWS; i++)
		if (!(p->any_domain && rows[i].suffix) &&
			print_attempt(&p->attempts[p->n], &rows[i], &p->names))
			p->n++;
	if (!p->any_domain)
		print_attempt(&p->control, &control, &p->names);
}

/* ---- a session ---- */

static bool good(unsigned code)
{
	return code / 100 == 2;
}

static bool hello(const struct selftest *s, struct talk *t)
{
	char line[SELFTEST_DOMAIN + 8];

	snprintf(line, sizeof(line), "EHLO %s", s->hostname);
	return good(talk_say(t, span_str(line)));
}

static bool go_inside(const struct selftest *s, struct talk *t)
{
	return hello(s, t) && good(talk_say(t, SPAN("STARTTLS"))) && talk_tls(t, s->tls);
}

/* Greeted, and inside TLS where that is to be; else @p->why. */
static bool begin(const struct selftest *s, struct pass *p, struct talk *t)
{
	const bool implicit = p->inside && p->listen == LISTEN_TLS;
	const int r = talk_open(t, &p->to, s->from);

	if (r < 0) {
		say_why(p, strerror(-r));
		return false;
	}
	p->client = t->self.ip;
	if (implicit && !talk_tls(t, s->tls)) {
		say_why(p, "the TLS handshake failed");
		return false;
	}
	if (good(talk_hear(t)) && (!p->inside || implicit || go_inside(s, t)) && hello(s, t))
		return true;
	if (t->code == 0)
		say_why(p, p->inside ? "no greeting, or no TLS" : "the connection was closed");
	else
		snprintf(p->why, sizeof(p->why), "%u %.140s", t->code, t->text);
	return false;
}

static void say_path(struct talk *t, const char *verb, const char *path)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s:%s", verb, path);
	talk_say(t, span_str(line));
}

static void try_once(struct talk *t, struct attempt *a)
{
	a->tried = true;
	say_path(t, "MAIL FROM", a->from);
	if (good(t->code))
		say_path(t, "RCPT TO", a->to);
	a->code = t->code;
	snprintf(a->text, sizeof(a->text), "%s", t->text);
	if (t->fd >= 0)
		talk_say(t, SPAN("RSET"));
}

static bool is_decided(const struct attempt *a)
{
	return good(a->code) || a->code >= 500;
}

/* False: no session could be had. */
static bool try(const struct selftest *s, struct pass *p, struct talk *t, unsigned *usedp,
	struct attempt *a)
{
	for (unsigned i = 0; i < TRIES && !is_decided(a); i++) {
		if (t->fd >= 0 && (*usedp >= ATTEMPTS_EACH || i > 0)) {
			talk_say(t, SPAN("QUIT"));
			talk_close(t);
		}
		if (t->fd < 0) {
			*usedp = 0;
			if (!begin(s, p, t)) {
				talk_close(t);
				return false;
			}
		}
		try_once(t, a);
		++*usedp;
	}
	return true;
}

static void try_all(const struct selftest *s, struct pass *p, struct talk *t)
{
	unsigned used = 0;
	bool going = true;

	for (size_t i = 0; going && i < p->n; i++)
		going = try(s, p, t, &used, &p->attempts[i]);
	if (going && p->control.row)
		try(s, p, t, &used, &p->control);
	if (t->fd >= 0)
		talk_say(t, SPAN("QUIT"));
}

/* ---- what came of it ---- */

static enum verdict judge(const struct pass *p)
{
	enum verdict worst = VERDICT_REFUSED;

	for (size_t i = 0; i < p->n; i++) {
		const struct attempt *a = &p->attempts[i];

		if (good(a->code))
			return VERDICT_OPEN;
		if (!is_decided(a))
			worst = VERDICT_UNDECIDED;
	}
	return worst;
}

static const struct rule *rule_that_takes_us(const struct selftest *s, const struct pass *p)
{
	const struct match_facts facts = { .client = p->client, .to = p->to, .now_s = time(NULL) };

	return ruleset_match(s->rules, &facts, NULL);
}

/* What was found with the first connection. True: attempts are to be made. */
static bool look(const struct selftest *s, struct pass *p, bool begun)
{
	const bool ours = p->rule && !p->foreign && p->client.family != IP_NONE;
	const struct rule *takes = ours ? rule_that_takes_us(s, p) : NULL;

	if (takes && takes != p->rule) {
		p->verdict = VERDICT_ELSEWHERE;
		snprintf(p->why, sizeof(p->why), "rule \"%.100s\" takes it", rule_view(takes).name);
		return false;
	}
	if (!begun) {
		p->verdict = ours && !takes ? VERDICT_REFUSED /* by default, at once */
					    : VERDICT_UNREACHED;
		return false;
	}
	if (!settle_names(s, p)) {
		p->verdict = VERDICT_ALLOWED;
		return false;
	}
	return true;
}

void selftest_pass(const struct selftest *s, struct pass *p)
{
	struct talk t = { .fd = -1 };
	const bool begun = begin(s, p, &t);

	if (look(s, p, begun)) {
		print_attempts(p);
		try_all(s, p, &t);
		p->verdict = judge(p);
	}
	talk_close(&t);
}
