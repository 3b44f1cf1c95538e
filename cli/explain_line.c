/* SPDX-License-Identifier: ISC */
#include "cli/explain.h"

#include "filter/smtp/session.h"
#include "rules/view.h"

/* ---- reading: what the session does with a line, without a session ---- */

static enum smtp_defect line_flaw(struct span line, size_t *atp)
{
	static const struct {
		uint8_t octet;
		enum smtp_defect defect;
	} flaws[] = { { '\r', SMTP_DEFECT_LINE_BARE_CR }, { '\n', SMTP_DEFECT_LINE_BARE_LF } };

	if (line.n > SMTP_COMMAND_MAX - 2)
		return SMTP_DEFECT_LINE_LONG;
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++) {
		*atp = span_chr(line, flaws[i].octet);
		if (*atp < line.n)
			return flaws[i].defect;
	}
	*atp = 0;
	return SMTP_DEFECT_NONE;
}

/* Everything the rule allows is taken for offered: what a server offers only it can tell. */
static enum smtp_defect read_line(
	const struct publish *p, struct span line, struct smtp_command *cmd, size_t *atp)
{
	const struct command_rules rules = {
		.offered = p->commands->extensions,
		.line_max = p->smtp.line_max,
		.utf8 = p->commands->extensions & SMTP_EXT_BIT(SMTPUTF8),
		.local_tolerant = p->smtp.local_tolerant,
	};
	enum smtp_defect defect = line_flaw(line, atp);

	if (defect != SMTP_DEFECT_NONE) {
		cmd->word = span_sub(line, 0, span_chr(line, ' '));
		cmd->verb = smtp_verb_find(cmd->word);
		return defect;
	}
	return command_parse(line, &rules, cmd, atp);
}

static void judge(
	struct explain_line *l, const struct publish *p, struct span line, struct smtp_command *cmd)
{
	const struct policy_facts facts = { .offered = p->commands->extensions };
	const enum smtp_defect defect = read_line(p, line, cmd, &l->defect_at);
	const enum smtp_fault fault = smtp_line_fault(line, defect);
	struct out label;

	out_init(&label, l->label, sizeof(l->label));
	out_str(&label, cmd->verb < SMTP_VERB_OTHER ? smtp_verb_name(cmd->verb) : "line");
	out_cstr(&label);
	if (fault != SMTP_FAULT_NONE) {
		l->fault = true;
		l->defect = smtp_fault_text(fault);
		l->verdict = policy_fault(fault);
	} else if (defect != SMTP_DEFECT_NONE) {
		l->defect = smtp_defect_text(defect);
		l->verdict = policy_defect(p, defect, cmd->verb);
	} else {
		l->verdict = policy_command(p, &facts, cmd);
	}
}

/* <postmaster> has no domain; where he goes is for the first next hops that are named. */
static void route(struct explain_line *l, const struct relay *r, const struct smtp_path *to)
{
	struct out o;

	out_init(&o, l->domain, sizeof(l->domain));
	out_lower(&o, to->domain);
	out_cstr(&o);
	l->routed = true;
	l->route = to->kind == DOMAIN_NONE ? relay_named_route(r) : relay_route(r, to->domain);
}

void explain_judge(struct explain *e)
{
	const struct publish *p = e->rule != NULL ? rule_front(e->rule) : NULL;
	struct smtp_command cmd = { .verb = SMTP_VERB_OTHER };

	e->line.given = e->line_text != NULL;
	if (e->line.given && p != NULL && !p->pass)
		judge(&e->line, p, span_str(e->line_text), &cmd);
	if (e->line.verdict.pass && cmd.verb == SMTP_VERB_RCPT && e->rule->relay != NULL)
		route(&e->line, e->rule->relay, &cmd.path);
}
