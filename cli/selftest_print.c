/* SPDX-License-Identifier: ISC */
#include "cli/selftest.h"
#include "rules/view.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_REFUSED] = "refused",
		[VERDICT_ALLOWED] = "allowed",
		[VERDICT_SKIPPED] = "skipped",
		[VERDICT_ELSEWHERE] = "elsewhere",
		[VERDICT_UNREACHED] = "unreached",
		[VERDICT_UNDECIDED] = "undecided",
		[VERDICT_OPEN] = "open",
	};

	return names[verdict];
}

static const char *said_of(const struct attempt *a)
{
	return !a->tried            ? "not tried"
	       : a->code / 100 == 2 ? "taken"
	       : a->refused         ? "refused"
				    : "undecided";
}

/* ---- JSON ---- */

static json_t *fact_of_attempt(const struct attempt *a)
{
	return json_pack("{ss, ss, ss, ss, ss, si, ss}", "case", a->row->id, "form", a->row->form,
		"from", a->from, "to", a->to, "result", said_of(a), "reply", (int)a->code,
		"reply_text", a->text);
}

static void put_address(json_t *fact, const char *key, const struct ip *ip)
{
	char text[64];
	struct out o;

	out_init(&o, text, sizeof(text) - 1);
	ip_print(&o, ip);
	text[o.n] = '\0';
	if (o.n > 0)
		json_object_set_new(fact, key, json_string(text));
}

static void put_attempts(json_t *fact, const struct pass *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(list, fact_of_attempt(&p->attempts[i]));
	json_object_set_new(fact, "attempts", list);
	if (p->control.row)
		json_object_set_new(fact, "control", fact_of_attempt(&p->control));
}

static uint64_t tried(const struct pass *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->attempts[i].tried;
	return n;
}

json_t *selftest_fact(const struct pass *p)
{
	json_t *fact = json_pack("{ss, ss, si, sI}", "tls", p->inside ? "inside" : "clear",
		"result", verdict_name(p->verdict), "to_port", (int)p->to.port, "tried",
		(json_int_t)tried(p));

	if (!fact)
		return NULL;
	put_address(fact, "to", &p->to.ip);
	put_address(fact, "client", &p->client);
	if (p->rule)
		json_object_set_new(fact, "rule", json_string(rule_view(p->rule).name));
	if (p->why[0])
		json_object_set_new(fact, "why", json_string(p->why));
	put_attempts(fact, p);
	return fact;
}

/* ---- text ---- */

static void print_attempt(struct out *o, const struct pass *p, const struct attempt *a)
{
	out_str(o, "  ");
	out_str(o, a->row->id);
	out_octet(o, ' ');
	out_str(o, said_of(a));
	out_str(o, "  MAIL FROM:");
	out_str(o, a->from);
	out_str(o, " RCPT TO:");
	out_str(o, a->to);
	out_str(o, "  (");
	out_str(o, a->row->form);
	out_str(o, ")  ");
	if (a->code > 0) {
		out_u64(o, a->code);
		out_octet(o, ' ');
		out_str(o, a->text);
	} else {
		out_str(o, a->tried ? "no reply" : p->why);
	}
	out_octet(o, '\n');
}

static bool is_shown(const struct attempt *a, bool all)
{
	return all || !a->refused;
}

void selftest_attempts(struct out *o, const struct pass *p, bool all)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		if (!is_shown(&p->attempts[i], all))
			continue;
		if (!any) {
			out_str(o, "\n");
			out_str(o, p->rule ? rule_view(p->rule).name : "-");
			out_octet(o, ' ');
			ip_port_print(o, &p->to);
			out_str(o, p->inside ? ", inside TLS:\n" : ", in clear:\n");
		}
		any = true;
		print_attempt(o, p, &p->attempts[i]);
	}
	if (all && p->control.row)
		print_attempt(o, p, &p->control);
}
