/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "cli/selftest.h"
#include "rules/match.h"
#include "rules/view.h"

static const struct battery_row control = { "control", "<>", "<postmaster@$i>",
	"a hosted recipient", false };

/* Nobody's, RFC 6761 6. */
static const char *const victims[] = { "relay-test.example", "relay-test.test",
	"relay-test.invalid" };

#define BELOW "x." /* a name that "*.example.org" covers: x.example.org */

/* ---- what the rule allows ---- */

/* May a client of our address send anywhere, but for exceptions? */
static bool is_trusted(const struct pass *p)
{
	return p->rule && !p->stranger && p->rule->relay && p->rule->relay->front.recipients.any &&
	       !p->rule->relay->auth_required;
}

/* "any" of a publishing rule, or behind a login, leaves it to others who may send where. */
static const struct rule_expr *recipients_of(const struct pass *p)
{
	const struct rule_expr *to = p->rule ? &rule_front(p->rule)->recipients : NULL;

	return to && to->given && (!to->any || is_trusted(p)) ? to : NULL;
}

static bool may_send(const struct pass *p, struct span local, const char *domain)
{
	return p->may && expr_has_mailbox(p->may, local, span_str(domain), NULL);
}

/* @path: of a plain row, "<t@domain>" or "<t>". */
static bool is_permitted(const struct pass *p, const char *path)
{
	const struct span whole = span_str(path), mailbox = span_sub(whole, 1, whole.n - 2);
	const size_t at = span_rchr(mailbox, '@');

	if (!p->may)
		return false;
	if (at == mailbox.n)
		return p->may->any;
	return expr_has_mailbox(p->may, span_sub(mailbox, 0, at), span_from(mailbox, at + 1), NULL);
}

/* ---- names ---- */

/* Into @block: a domain that @m names. Is it one that our address may send to, or not? */
static bool names_domain(
	const struct pass *p, const struct set_member *m, bool allowed, char *block)
{
	const size_t at = span_rchr(m->text, '@');
	const bool mailbox = at < m->text.n;
	const struct span domain = mailbox ? span_from(m->text, at + 1) : m->text;

	if (mailbox && !allowed) /* the rest of its domain is not excepted */
		return false;
	snprintf(block, SELFTEST_DOMAIN, "%s%.*s", m->below ? BELOW : "", (int)domain.n,
		(const char *)domain.p);
	return may_send(p, mailbox ? span_sub(m->text, 0, at) : SPAN("t"), block) == allowed;
}

/* The member of one of the items that names such a domain; NULL: none does. */
static const struct set_member *find_domain(const struct pass *p, const struct expr_item *items,
	size_t n, bool allowed, char block[static SELFTEST_DOMAIN])
{
	for (size_t i = 0; i < n; i++) {
		const struct rule_set *set = items[i].set;
		const struct set_member *m = set ? set->members : &items[i].literal;

		for (size_t k = 0; k < (set ? set->n_members : 1); k++)
			if (names_domain(p, &m[k], allowed, block))
				return &m[k];
	}
	return NULL;
}

static bool find_victim(struct pass *p)
{
	if (p->may && p->may->any)
		return find_domain(p, p->may->except, p->may->n_except, false, p->victim) != NULL;
	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++) {
		snprintf(p->victim, sizeof(p->victim), "%s", victims[i]);
		if (!may_send(p, SPAN("t"), p->victim))
			return true;
	}
	return false;
}

static void find_hosted(struct pass *p)
{
	const struct set_member *m;

	if (!p->may)
		return;
	if (p->may->any) {
		snprintf(p->hosted, sizeof(p->hosted), "%s", victims[0]);
		if (may_send(p, SPAN("t"), p->hosted))
			p->names.hosted = p->names.near = p->hosted;
		return;
	}
	m = find_domain(p, p->may->in, p->may->n_in, true, p->hosted);
	if (!m)
		return;
	p->names.hosted = p->hosted;
	p->names.near = p->hosted + (m->below ? strlen(BELOW) : 0);
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
	for (size_t i = 0; i < n && p->n < SELFTEST_ROWS; i++) {
		struct attempt *a = &p->attempts[p->n];

		if (print_attempt(a, &rows[i], &p->names) &&
			!(rows[i].plain && is_permitted(p, a->to)))
			p->n++;
	}
	if (!p->may || !p->may->any)
		print_attempt(&p->control, &control, &p->names);
}

bool selftest_names(const struct selftest *s, struct pass *p)
{
	print_literal(p);
	p->may = recipients_of(p);
	p->names = (struct battery_names){
		.victim = p->victim, .gateway = s->hostname, .literal = p->literal
	};
	if (!find_victim(p)) {
		p->verdict = is_trusted(p) ? VERDICT_ALLOWED : VERDICT_UNDECIDED;
		if (p->verdict == VERDICT_UNDECIDED)
			snprintf(p->why, sizeof(p->why),
				"its recipients have each domain that is nobody's");
		return false;
	}
	find_hosted(p);
	print_attempts(p);
	return true;
}
