/* SPDX-License-Identifier: ISC */
#include "filter/relay/inside.h"
#include "rules/view.h"

#include <assert.h>

#include "rules/match.h"

static const struct smtp_local denied = { .code = 550, .text = "5.7.1 Relaying denied" };

/* ---- MAIL ---- */

static bool too_large(const struct inner *i, const struct smtp_command *cmd)
{
	const uint64_t max = i->conf.relay->front.limits.message;

	return max > 0 && cmd->params.size > max;
}

/* Second guards: the policy has judged all this. A fault up there must open no relay. */
static struct smtp_local judge_mail(const struct inner *i, const struct smtp_command *cmd)
{
	if (!i->hello_done || i->mail != INNER_MAIL_NONE)
		return INNER_REPLY(503, "5.5.1 Bad sequence of commands");
	if (i->conf.relay->auth_required && !i->logged_in)
		return INNER_REPLY(530, "5.7.0 Authentication required");
	if (too_large(i, cmd))
		return INNER_REPLY(552, "5.3.4 Message too large");
	return INNER_REPLY(250, "2.1.0 OK");
}

/* MAIL as it was, from the canonical line it is kept as. */
static bool recall(const struct inner *i, struct smtp_command *mail)
{
	const struct command_rules rules = inner_rules(i);
	size_t at;

	return command_parse(span_of(i->mail_line, (size_t)i->mail_n - 2), &rules, mail, &at) ==
	       SMTP_DEFECT_NONE;
}

/* False: it has no room, or would not be read again. */
static bool keep(struct inner *i, const struct smtp_command *cmd)
{
	struct smtp_command again;
	struct out o;

	out_init(&o, i->mail_line, sizeof(i->mail_line));
	command_print(&o, cmd);
	i->mail_n = (uint16_t)o.n;
	return !o.full && recall(i, &again);
}

bool inner_mail(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	struct smtp_local reply = judge_mail(i, cmd);

	if (reply.code == 250 && !keep(i, cmd))
		reply = INNER_REPLY(500, "5.5.2 Line too long");
	if (reply.code == 250) {
		i->mail = INNER_MAIL_TAKEN;
		i->utf8 = (cmd->params.present & SMTP_PARAM_BIT(SMTPUTF8)) != 0;
	}
	inner_answer(i, size, reply, out);
	return true;
}

/* ---- which hop ---- */

static bool is_allowed(const struct inner *i, const struct smtp_path *path)
{
	const struct rule_expr *recipients = &i->conf.relay->front.recipients;

	return !recipients->given || expr_has_mailbox(recipients, path->local, path->domain, NULL);
}

static struct span domain_of_postmaster(const struct inner *i)
{
	const struct span all = span_str(i->conf.postmaster);

	return span_from(all, span_rchr(all, '@') + 1);
}

/* Who gets what is for a recipient. @key: what the domain has to be for the hop to be the same:
 * only an MX tells one from another. */
struct target {
	const struct route *route; /* NULL: nobody */
	struct span key;
	bool rewritten; /* <postmaster> is sent as the mailbox of postern.conf */
};

static struct target target_for(const struct inner *i, struct span domain)
{
	struct target t = { .route = relay_route(i->conf.relay, domain) };

	if (t.route != NULL && t.route->mx)
		t.key = domain;
	return t;
}

/* RFC 5321 4.5.1: always a recipient. Where there is no way to the mailbox he stands for, or none,
 * the first next hop that is named has one of its own. */
static struct target target_of_postmaster(const struct inner *i)
{
	struct target t = { 0 };

	if (i->conf.postmaster != NULL)
		t = target_for(i, domain_of_postmaster(i));
	t.rewritten = t.route != NULL;
	if (!t.rewritten)
		t.route = relay_named_route(i->conf.relay);
	return t;
}

/* An address literal is a domain of no set but `any`. */
static struct target target_of(const struct inner *i, const struct smtp_path *path)
{
	if (path->kind == DOMAIN_NONE)
		return target_of_postmaster(i);
	return is_allowed(i, path) ? target_for(i, path->domain) : (struct target){ 0 };
}

static bool is_chosen(const struct inner *i, const struct route *route, struct span key)
{
	return i->route == route && span_ieq(span_of(i->domain, i->domain_n), key);
}

void inner_choose(struct inner *i, const struct route *route, struct span key, bool exclusive)
{
	struct out o;

	out_init(&o, i->domain, sizeof(i->domain));
	out_lower(&o, key);
	i->domain_n = (uint8_t)o.n;
	i->route = route;
	i->exclusive = exclusive;
	i->no_hop.code = 0;
	i->want |= INNER_HOP;
}

void inner_hop_ready(struct inner *i, const struct ehlo_offer *offer)
{
	i->want &= (uint8_t)~INNER_HOP;
	i->has_hop = true;
	i->offer = *offer;
	reply_init(&i->reply);
}

void inner_hop_failed(struct inner *i, struct smtp_local local)
{
	i->want &= (uint8_t)~INNER_HOP;
	i->exclusive = false;
	i->no_hop = local;
}

/* ---- what the hop lacks ---- */

#define HAS(offer, word) (((offer)->extensions & SMTP_EXT_BIT(word)) != 0)

/* RFC 6152 3, RFC 6531 3.5, RFC 1870 6.1. NOTIFY must be honoured or not be taken (RFC 3461 5.2.2);
 * the rest of DSN without it asks for nothing that would be missed. */
static struct smtp_local lacking(const struct ehlo_offer *offer, const struct smtp_params *mail,
	const struct smtp_params *rcpt)
{
	if (mail->body == SMTP_BODY_8BITMIME && !HAS(offer, 8BITMIME))
		return INNER_REPLY(554, "5.6.3 Next hop does not take 8-bit text");
	if ((mail->present & SMTP_PARAM_BIT(SMTPUTF8)) && !HAS(offer, SMTPUTF8))
		return INNER_REPLY(553, "5.6.7 Next hop does not take addresses in UTF-8");
	if (HAS(offer, SIZE) && offer->size > 0 && mail->size > offer->size)
		return INNER_REPLY(552, "5.3.4 Message too large for the next hop");
	if ((rcpt->present & SMTP_PARAM_BIT(NOTIFY)) && !HAS(offer, DSN))
		return INNER_REPLY(554, "5.3.3 Next hop sends no notifications as asked for");
	return INNER_REPLY(0, NULL);
}

static void leave_out(struct smtp_params *params, uint32_t bits)
{
	params->present &= ~bits;
}

/* What asks for nothing may be left out; AUTH= must be, for a hop that has not authenticated us
 * (RFC 4954 5). */
static void fit(struct smtp_params *mail, const struct ehlo_offer *offer)
{
	leave_out(mail, SMTP_PARAM_BIT(AUTH));
	if (!HAS(offer, SIZE))
		leave_out(mail, SMTP_PARAM_BIT(SIZE));
	if (!HAS(offer, 8BITMIME))
		leave_out(mail, SMTP_PARAM_BIT(BODY)); /* BODY=7BIT */
	if (!HAS(offer, DSN))
		leave_out(mail, SMTP_PARAM_BIT(RET) | SMTP_PARAM_BIT(ENVID));
}

/* ---- RCPT ---- */

static void print_rcpt(
	const struct inner *i, const struct smtp_command *cmd, bool rewritten, struct out *to_hop)
{
	struct smtp_command rcpt = *cmd;

	if (!HAS(&i->offer, DSN))
		leave_out(&rcpt.params, SMTP_PARAM_BIT(ORCPT));
	if (!rewritten) {
		command_print(to_hop, &rcpt);
		return;
	}
	out_str(to_hop, "RCPT TO:<");
	out_str(to_hop, i->conf.postmaster);
	out_octet(to_hop, '>');
	params_print(to_hop, &rcpt.params);
	out_str(to_hop, "\r\n");
}

/* Its MAIL in front of the first. Without PIPELINING each waits for the one before (RFC 2920 3.1).
 * False: so it does. */
static bool send(struct inner *i, struct smtp_command *mail, const struct smtp_command *cmd,
	bool rewritten, struct out *to_hop)
{
	if (i->mail == INNER_MAIL_TAKEN) {
		fit(&mail->params, &i->offer);
		command_print(to_hop, mail);
		i->mail = INNER_MAIL_SENT;
		i->mail_owed = i->told = true;
	}
	if (!HAS(&i->offer, PIPELINING) && (i->mail_owed || i->queue.remote_n > 0))
		return false;
	print_rcpt(i, cmd, rewritten, to_hop);
	queue_remote(&i->queue, SMTP_VERB_RCPT, 0);
	return true;
}

static bool to_hop(struct inner *i, const struct smtp_command *cmd, bool rewritten, size_t size,
	struct inner_out out)
{
	const size_t before = out.to_hop->n;
	struct smtp_command mail;
	struct smtp_local lacks;
	bool read;

	read = recall(i, &mail);
	assert(read); /* keep() has tried */
	(void)read;
	lacks = lacking(&i->offer, &mail.params, &cmd->params);
	if (lacks.code != 0) {
		inner_answer(i, size, lacks, out);
		return true;
	}
	if (i->mail == INNER_MAIL_REFUSED) {
		if (i->queue.n > 0)
			return false;
		inner_consume(i, size, out);
		reply_print_line(
			out.to_engine, i->refusal_code, true, span_of(i->refusal, i->refusal_n));
		return true;
	}
	if (send(i, &mail, cmd, rewritten, out.to_hop))
		inner_consume(i, size, out);
	return out.to_hop->n > before;
}

bool inner_rcpt(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	const struct target t = target_of(i, &cmd->path);

	if (i->mail == INNER_MAIL_NONE || i->chunked) {
		inner_answer(i, size, INNER_REPLY(503, "5.5.1 Bad sequence of commands"), out);
		return true;
	}
	if (i->mail == INNER_MAIL_DEAD) {
		inner_answer(i, size, i->death, out);
		return true;
	}
	if (t.route == NULL) {
		inner_answer(i, size, denied, out);
		return true;
	}
	if (i->rset_owed)
		return false;
	if (!i->has_hop && i->no_hop.code != 0 && is_chosen(i, t.route, t.key)) {
		inner_answer(i, size, i->no_hop, out);
		return true;
	}
	if (!i->has_hop) {
		inner_choose(i, t.route, t.key, false);
		return true;
	}
	if (!is_chosen(i, t.route, t.key)) {
		inner_answer(i, size,
			INNER_REPLY(452, "4.5.3 Recipient of another next hop: send it alone"),
			out);
		return true;
	}
	return to_hop(i, cmd, t.rewritten, size, out);
}
