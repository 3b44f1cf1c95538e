/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/selftest.h"
#include "rules/match.h"
#include "rules/view.h"

/* A rule ends a session that goes on erring; twenty times, unless it says otherwise. */
#define REFUSED_EACH 8
#define ROUNDS       2 /* what was put off, or ended the session, is tried again at the end */

static void say_why(struct pass *p, const char *text)
{
	snprintf(p->why, sizeof(p->why), "%s", text);
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
	if (talk_say(t, span_str(line)) / 100 != 5)
		return good(t->code);
	memcpy(line, "HELO", 4); /* RFC 5321 3.2: an older server */
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
	if (good(talk_hear(t)) && (!p->inside || implicit || go_inside(s, t)) && hello(s, t)) {
		p->starttls = !p->inside && t->starttls;
		return true;
	}
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

/* MAIL. A refusal of the sender shows nothing of the recipient: another is tried. */
static bool say_sender(struct talk *t, const struct pass *p, struct attempt *a)
{
	char hosted[SELFTEST_DOMAIN + 16] = "<>";
	const char *const others[] = { "<>", hosted };

	if (p->names.hosted)
		snprintf(hosted, sizeof(hosted), "<postmaster@%s>", p->names.hosted);
	say_path(t, "MAIL FROM", a->from);
	for (size_t i = 0; i < 2 && t->code >= 500 && t->code != 530; i++) {
		snprintf(a->from, sizeof(a->from), "%s", others[i]);
		say_path(t, "MAIL FROM", a->from);
	}
	return good(t->code);
}

static void try_once(struct talk *t, const struct pass *p, struct attempt *a)
{
	const bool asked = say_sender(t, p, a);

	if (asked)
		say_path(t, "RCPT TO", a->to);
	if (t->code > 0 || !a->tried) { /* a second try that shows nothing takes nothing back */
		a->code = t->code;
		snprintf(a->text, sizeof(a->text), "%s", t->text);
	}
	a->tried = true;
	/* RFC 4954 6: 530 is said to all who did not log in */
	a->refused = t->code >= 500 && (asked || t->code == 530);
	if (t->fd >= 0)
		talk_say(t, SPAN("RSET"));
}

static bool is_decided(const struct attempt *a)
{
	return a->refused || good(a->code);
}

/* False: no session could be had. */
static bool try(const struct selftest *s, struct pass *p, struct talk *t, struct attempt *a)
{
	if (t->fd >= 0 && t->refused >= REFUSED_EACH) {
		talk_say(t, SPAN("QUIT"));
		talk_close(t);
	}
	if (t->fd < 0 && !begin(s, p, t)) {
		talk_close(t);
		return false;
	}
	try_once(t, p, a);
	return true;
}

static bool try_round(const struct selftest *s, struct pass *p, struct talk *t)
{
	for (size_t i = 0; i < p->n; i++)
		if (!is_decided(&p->attempts[i]) && !try(s, p, t, &p->attempts[i]))
			return false;
	return true;
}

static void try_all(const struct selftest *s, struct pass *p, struct talk *t)
{
	bool going = false;

	for (unsigned round = 0; round < ROUNDS; round++)
		going = try_round(s, p, t);
	if (going && p->control.row)
		try(s, p, t, &p->control);
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

static bool is_taken_by_address(const struct pass *p)
{
	const struct rule_expr *from = rule_view(p->rule).from;
	const struct match_facts facts = { .client = p->client, .to = p->to };

	return !from->given || expr_has_ip(from, &p->client, &facts, NULL);
}

/* What was found with the first connection. True: attempts are to be made. */
static bool look(const struct selftest *s, struct pass *p, const struct talk *t, bool begun)
{
	const bool connected = p->client.family != IP_NONE;
	const bool ours = p->rule && !p->foreign && connected;
	const struct rule *takes = ours ? rule_that_takes_us(s, p) : NULL;

	if (takes && takes != p->rule) {
		p->verdict = VERDICT_ELSEWHERE;
		snprintf(p->why, sizeof(p->why), "rule \"%.100s\" takes it", rule_view(takes).name);
		return false;
	}
	p->stranger = p->rule && connected && (p->foreign ? !is_taken_by_address(p) : !takes);
	if (begun)
		return selftest_names(s, p);
	/* by the default, at once */
	p->verdict = ours && p->stranger && (t->code >= 400 || t->ended) ? VERDICT_REFUSED
									 : VERDICT_UNREACHED;
	return false;
}

void selftest_pass(const struct selftest *s, struct pass *p)
{
	struct talk t = { .fd = -1 };
	const bool begun = begin(s, p, &t);

	if (look(s, p, &t, begun)) {
		try_all(s, p, &t);
		p->verdict = judge(p);
	}
	talk_close(&t);
}
