/* SPDX-License-Identifier: ISC */
#include "filter/policy/policy.h"

#include "rules/match.h"

enum { CODE_NONE = CODE_COUNT }; /* of the NONE that opens the engine's lists: never asked for */

struct verdict policy_code(enum code code)
{
	const struct code_info *info = code_info(code);

	return (struct verdict){ .code = code, .reply = info->reply, .text = info->reply_text };
}

static struct verdict denied(enum code code, struct rules_at at)
{
	struct verdict v = policy_code(code);

	v.at = at;
	return v;
}

/* A row may word the reply of what it denies. */
static struct verdict denied_by_row(enum code code, const struct verb_row *row)
{
	struct verdict v = denied(code, row->at);

	if (row->reply.code != 0) {
		v.reply = row->reply.code;
		v.text = row->reply.text;
	}
	return v;
}

/* ---- may this verb pass at all? ---- */

/* The extension a verb belongs to: what was not offered is refused, also when a table allows the
 * verb. */
static uint32_t extension_of(enum smtp_verb verb)
{
	switch ((unsigned)verb) {
	case SMTP_VERB_BDAT: return SMTP_EXT_BIT(CHUNKING);
	case SMTP_VERB_AUTH: return SMTP_EXT_BIT(AUTH);
	case SMTP_VERB_ETRN: return SMTP_EXT_BIT(ETRN);
	}
	return 0;
}

static enum code not_offered(enum smtp_verb verb)
{
	return verb == SMTP_VERB_BDAT   ? CODE_CHUNKING_DENIED
	       : verb == SMTP_VERB_AUTH ? CODE_AUTH_DENIED
					: CODE_VERB_DENIED;
}

enum policy_tls policy_tls_at_first(enum listen_tls tls)
{
	static const enum policy_tls at_first[] = {
		[LISTEN_CLEAR] = POLICY_TLS_NONE,
		[LISTEN_STARTTLS] = POLICY_TLS_OFFERED,
		[LISTEN_STARTTLS_REQUIRED] = POLICY_TLS_REQUIRED,
		[LISTEN_TLS] = POLICY_TLS_ON,
	};

	return at_first[tls];
}

bool policy_goes_before_tls(enum smtp_verb verb)
{
	return verb == SMTP_VERB_EHLO || verb == SMTP_VERB_NOOP || verb == SMTP_VERB_RSET ||
	       verb == SMTP_VERB_QUIT || verb == SMTP_VERB_STARTTLS;
}

/* RFC 4954 6: what needs a login where one is required: all that could bring mail, or tell of who
 * gets it. */
static bool goes_before_login(enum smtp_verb verb)
{
	return policy_goes_before_tls(verb) || verb == SMTP_VERB_HELO || verb == SMTP_VERB_HELP ||
	       verb == SMTP_VERB_AUTH;
}

static struct verdict judge_starttls(const struct verb_row *row, const struct policy_facts *facts)
{
	switch (facts->tls) {
	case POLICY_TLS_NEVER:
	case POLICY_TLS_NONE: return denied_by_row(CODE_STARTTLS_DENIED, row);
	case POLICY_TLS_ON: return policy_code(CODE_TLS_ALREADY);
	case POLICY_TLS_OFFERED:
	case POLICY_TLS_REQUIRED: break;
	}
	return (struct verdict){ .pass = true };
}

/* On a relay listener passwords go inside TLS only, whatever the table says. */
static bool needs_tls(
	const struct verb_row *row, const struct policy_facts *facts, enum smtp_verb verb)
{
	if (facts->tls == POLICY_TLS_REQUIRED)
		return !policy_goes_before_tls(verb);
	if (facts->tls == POLICY_TLS_ON)
		return false;
	return (verb < SMTP_VERB_MODELLED && row->action == VERB_AFTER_TLS) ||
	       (verb == SMTP_VERB_AUTH && facts->tls != POLICY_TLS_NEVER &&
		       row->action == VERB_ALLOW);
}

static struct verdict judge_verb(
	const struct verb_row *row, const struct policy_facts *facts, enum smtp_verb verb)
{
	const uint32_t needs = extension_of(verb);

	if (verb == SMTP_VERB_STARTTLS)
		return judge_starttls(row, facts);
	if (needs_tls(row, facts, verb))
		return denied_by_row(CODE_AFTER_TLS, row);
	if (facts->login_required && !facts->logged_in && !goes_before_login(verb))
		return policy_code(CODE_LOGIN_REQUIRED);
	if (verb >= SMTP_VERB_MODELLED ||
		(row->action != VERB_ALLOW && row->action != VERB_AFTER_TLS))
		return denied_by_row(CODE_VERB_DENIED, row);
	if ((facts->offered & needs) != needs)
		return denied_by_row(not_offered(verb), row);
	if (row->per_message > 0 && facts->verbs >= row->per_message)
		return denied(CODE_LIMIT_PER_MESSAGE, row->at);
	return (struct verdict){ .pass = true };
}

/* ---- what its arguments say ---- */

static bool is_over(uint64_t size, uint64_t max)
{
	return max > 0 && size > max;
}

/* What is larger than all that `limit octets` allows would be put off for ever: its sender hears
 * now that it will never pass. */
static struct verdict judge_mail(const struct publish *rule, const struct smtp_command *cmd)
{
	const struct limit_windows *octets = &rule->limits.windows[TALLY_OCTETS];

	if (is_over(cmd->params.size, rule->limits.message))
		return denied(CODE_SIZE_DECLARED, rule->limits.message_at);
	if (is_over(cmd->params.size, octets->client.n) ||
		is_over(cmd->params.size, octets->total.n))
		return denied(CODE_SIZE_DECLARED, octets->at);
	return (struct verdict){ .pass = true };
}

static struct verdict judge_rcpt(const struct publish *rule, const struct policy_facts *facts,
	const struct smtp_command *cmd)
{
	const struct smtp_path *path = &cmd->path;

	if (rule->limits.recipients > 0 && facts->recipients >= rule->limits.recipients)
		return denied(CODE_LIMIT_RECIPIENTS, rule->limits.windows[TALLY_RECIPIENTS].at);
	/* RFC 5321 4.5.1: <postmaster> without a domain is the server's own, always */
	if (rule->recipients.given && path->kind != DOMAIN_NONE &&
		!expr_has_mailbox(&rule->recipients, path->local, path->domain, NULL))
		return denied(CODE_RECIPIENT_DENIED, rule->recipients.at);
	return (struct verdict){ .pass = true };
}

struct verdict policy_command(const struct publish *rule, const struct policy_facts *facts,
	const struct smtp_command *cmd)
{
	struct verdict v;

	if (cmd->verb == SMTP_VERB_SASL) /* its AUTH was let through */
		return (struct verdict){ .pass = true };
	v = judge_verb(&rule->commands->verbs[cmd->verb], facts, cmd->verb);
	if (v.pass && cmd->verb == SMTP_VERB_MAIL)
		return judge_mail(rule, cmd);
	if (v.pass && cmd->verb == SMTP_VERB_RCPT)
		return judge_rcpt(rule, facts, cmd);
	return v;
}

/* ---- what the engine found ---- */

struct verdict policy_defect(
	const struct publish *rule, enum smtp_defect defect, enum smtp_verb verb)
{
#define CODE_OF(word, text) [SMTP_DEFECT_##word] = CODE_##word,
	static const uint8_t codes[SMTP_DEFECT_COUNT] = { SMTP_DEFECTS(CODE_OF) };
#undef CODE_OF
	const struct verb_row *row;

	if (verb >= SMTP_VERB_NAMED)
		return policy_code((enum code)codes[defect]);
	/* A verb that would be refused in any form is refused in the rule's words: nobody learns
	 * its grammar here. */
	row = &rule->commands->verbs[verb];
	if (verb >= SMTP_VERB_MODELLED || row->action != VERB_ALLOW)
		return denied_by_row(
			verb == SMTP_VERB_STARTTLS ? CODE_STARTTLS_DENIED : CODE_VERB_DENIED, row);
	return policy_code((enum code)codes[defect]);
}

struct verdict policy_fault(enum smtp_fault fault)
{
#define CODE_OF(word, text) [SMTP_FAULT_##word] = CODE_##word,
	static const uint8_t codes[SMTP_FAULT_COUNT] = { SMTP_FAULTS(CODE_OF) };
#undef CODE_OF
	struct verdict v = policy_code((enum code)codes[fault]);

	v.cut = true;
	return v;
}
