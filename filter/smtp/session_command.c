/* SPDX-License-Identifier: ISC */
#include <assert.h>

#include "filter/smtp/machine.h"

#define TLS_HANDSHAKE 0x16 /* RFC 8446 5.1: ContentType of a ClientHello's record */

/* ---- which commands leave no way back into step when their line cannot be read ---- */

/* The first word of a line, as the most lenient reader behind us would find it. */
static struct span first_word(struct span line)
{
	size_t at = 0, end;

	while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\t' || line.p[at] == '\0'))
		at++;
	for (end = at; end < line.n && line.p[end] > ' '; end++)
		;
	return span_sub(line, at, end - at);
}

enum smtp_fault smtp_line_fault(struct span line, enum smtp_defect defect)
{
	/* of a line too long what is looked at must not depend on how much of it had come */
	switch ((unsigned)smtp_verb_find(first_word(span_sub(line, 0, SMTP_COMMAND_MAX)))) {
	case SMTP_VERB_BDAT:
		return defect != SMTP_DEFECT_NONE ? SMTP_FAULT_C_BDAT_SIZE : SMTP_FAULT_NONE;
	case SMTP_VERB_XEXCH50: return SMTP_FAULT_C_PAYLOAD;
	}
	return SMTP_FAULT_NONE;
}

/* ---- may: is it legal now (RFC 5321 4.1.4)? ---- */

static bool transaction_open(const struct smtp_session *s)
{
	return s->mail == SMTP_MAIL_SENT || s->mail == SMTP_MAIL_OPEN;
}

static bool may_mail(const struct smtp_session *s)
{
	return s->hello_done && s->mail == SMTP_MAIL_NONE;
}

static bool may_rcpt(const struct smtp_session *s)
{
	return transaction_open(s) && !s->chunked;
}

/* RFC 3030 2 and 3: DATA does not mix with chunks, nor with BINARYMIME. */
static bool may_data(const struct smtp_session *s)
{
	return transaction_open(s) && s->rcpt_sent + s->rcpt_ok > 0 && !s->chunked && !s->binary;
}

static bool may_bdat(const struct smtp_session *s)
{
	return s->mail == SMTP_MAIL_OPEN && s->rcpt_ok > 0;
}

/* RFC 4954 4: once, after EHLO, not in a transaction. */
static bool may_auth(const struct smtp_session *s)
{
	return s->extended && !s->authenticated && s->mail == SMTP_MAIL_NONE;
}

static bool may_etrn(const struct smtp_session *s)
{
	return s->hello_done && s->mail == SMTP_MAIL_NONE;
}

static bool may_always(const struct smtp_session *s)
{
	(void)s;
	return true;
}

/* What is not named here is legal at any time; whether it is wanted is the policy's matter. */
static bool (*const may[SMTP_VERB_COUNT])(const struct smtp_session *) = {
	[SMTP_VERB_MAIL] = may_mail,
	[SMTP_VERB_RCPT] = may_rcpt,
	[SMTP_VERB_DATA] = may_data,
	[SMTP_VERB_BDAT] = may_bdat,
	[SMTP_VERB_AUTH] = may_auth,
	[SMTP_VERB_ETRN] = may_etrn,
};

static bool legal_now(const struct smtp_session *s, enum smtp_verb verb)
{
	return (may[verb] != NULL ? may[verb] : may_always)(s);
}

/* The first chunk waits for the replies of MAIL and RCPT: only they tell whether it may go inward.
 * Behind the answer to STARTTLS no other may be due in clear. */
static bool must_wait(const struct smtp_session *s, enum smtp_verb verb)
{
	if (verb == SMTP_VERB_STARTTLS && s->starttls)
		return s->queue.n > 0;
	return verb == SMTP_VERB_BDAT && !s->chunked && s->queue.remote_n > 0;
}

static bool chunk_too_large(const struct smtp_session *s, const struct smtp_command *cmd)
{
	const uint64_t before = s->chunked ? s->body.octets : 0;

	return cmd->verb == SMTP_VERB_BDAT && s->conf->max_message > 0 &&
	       before + cmd->octets > s->conf->max_message;
}

/* A chunk before ended with CR and no LF follows: known before the line that would complete the
 * message goes inward. */
static bool ends_with_cr(const struct smtp_session *s, const struct smtp_command *cmd)
{
	return cmd->verb == SMTP_VERB_BDAT && cmd->last && cmd->octets == 0 && s->chunked &&
	       s->body.after_cr;
}

/* ---- reading ---- */

static void defect(struct smtp_event *ev, enum smtp_defect what, size_t offset)
{
	ev->type = SMTP_EV_DEFECT;
	ev->code = (int)what;
	ev->offset = offset;
}

static enum smtp_defect flaw_defect(unsigned flaws)
{
	return flaws & LINE_FLAW_LONG  ? SMTP_DEFECT_LINE_LONG
	       : flaws & LINE_FLAW_NUL ? SMTP_DEFECT_LINE_NUL
	       : flaws & LINE_FLAW_CR  ? SMTP_DEFECT_LINE_BARE_CR
				       : SMTP_DEFECT_LINE_BARE_LF;
}

static void read_flawed(struct smtp_session *s, const struct line_reader *r, struct smtp_event *ev)
{
	/* Where the head was dropped, it was looked at then. */
	const enum smtp_fault fault = r->dropped > 0 || s->state == SMTP_ST_SASL
					      ? SMTP_FAULT_NONE
					      : smtp_line_fault(ev->text, flaw_defect(r->flaws));

	if (r->flaws & LINE_FLAW_LONG) /* a tail tells nothing, and may be that of a secret */
		ev->text = span_of(NULL, 0);
	if (fault != SMTP_FAULT_NONE)
		session_fault(s, fault, ev);
	else
		defect(ev, flaw_defect(r->flaws), r->flaw_at);
}

static void read_command(struct smtp_session *s, struct smtp_event *ev)
{
	const struct command_rules rules = {
		.offered = s->offer.extensions,
		.line_max = s->conf->line_max,
		.utf8 = s->utf8,
		.local_tolerant = s->conf->local_tolerant,
	};
	size_t at = 0;
	enum smtp_defect what = command_parse(ev->text, &rules, &ev->command, &at);
	const enum smtp_fault fault = smtp_line_fault(ev->text, what);

	if (fault != SMTP_FAULT_NONE) {
		session_fault(s, fault, ev);
		return;
	}
	ev->verb = ev->command.verb;
	if (what == SMTP_DEFECT_NONE && must_wait(s, ev->verb)) {
		ev->size = 0;
		return;
	}
	if (what == SMTP_DEFECT_NONE && !legal_now(s, ev->verb))
		what = SMTP_DEFECT_SEQUENCE;
	if (what == SMTP_DEFECT_NONE && chunk_too_large(s, &ev->command))
		what = SMTP_DEFECT_TEXT_LARGE;
	if (what == SMTP_DEFECT_NONE && ends_with_cr(s, &ev->command))
		what = SMTP_DEFECT_TEXT_BARE_CR;
	ev->type = SMTP_EV_COMMAND;
	ev->code = (int)ev->verb;
	if (what != SMTP_DEFECT_NONE)
		defect(ev, what, at);
}

static void read_response(struct smtp_event *ev)
{
	size_t at = 0;
	const enum smtp_defect what = sasl_parse(ev->text, &ev->command, &at);

	ev->verb = ev->command.verb = SMTP_VERB_SASL;
	ev->type = SMTP_EV_COMMAND;
	ev->code = SMTP_VERB_SASL;
	if (what != SMTP_DEFECT_NONE)
		defect(ev, what, at);
}

static void read_line(
	struct smtp_session *s, const struct line_reader *r, struct span win, struct smtp_event *ev)
{
	ev->text = span_sub(win, 0, ev->size - 2);
	ev->verb = SMTP_VERB_OTHER;
	ev->command.verb = SMTP_VERB_OTHER;
	if (r->flaws != 0)
		read_flawed(s, r, ev);
	else if (s->state == SMTP_ST_SASL)
		read_response(ev);
	else
		read_command(s, ev);
}

static void drop_part(struct smtp_session *s, bool first, struct span win, struct smtp_event *ev)
{
	const enum smtp_fault fault = first && s->state == SMTP_ST_COMMAND
					      ? smtp_line_fault(win, SMTP_DEFECT_LINE_LONG)
					      : SMTP_FAULT_NONE;

	ev->type = SMTP_EV_SKIP;
	if (fault != SMTP_FAULT_NONE)
		session_fault(s, fault, ev);
}

void command_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	struct line_reader r =
		s->line; /* kept only when the line goes on: a whole one may be asked for again */
	const bool first = r.dropped == 0;

	if (win.n == 0 || queue_full(&s->queue))
		return;
	if (first && s->state == SMTP_ST_COMMAND && win.p[0] == TLS_HANDSHAKE) {
		session_fault(s, SMTP_FAULT_C_TLS, ev);
		return;
	}
	switch (line_next(&r, win.p, win.n, &ev->size)) {
	case LINE_MORE: s->line = r; return;
	case LINE_DROP:
		s->line = r;
		drop_part(s, first, win, ev);
		return;
	case LINE_ENDLESS: session_fault(s, SMTP_FAULT_C_LINE_ENDLESS, ev); return;
	case LINE_CRLF: read_line(s, &r, win, ev); return;
	}
}

/* ---- did: what a command let through moves before its answer comes ---- */

static void did_hello(struct smtp_session *s, const struct smtp_command *cmd)
{
	assert(cmd->arg.n <= sizeof s->hello);
	memcpy(s->hello, cmd->arg.p, cmd->arg.n);
	s->hello_n = (uint8_t)cmd->arg.n;
}

static void did_mail(struct smtp_session *s, const struct smtp_command *cmd)
{
	s->mail = SMTP_MAIL_SENT;
	s->utf8 = (cmd->params.present & SMTP_PARAM_BIT(SMTPUTF8)) != 0;
	s->binary = cmd->params.body == SMTP_BODY_BINARYMIME;
}

static bool is_sync(enum smtp_verb verb)
{
	return verb == SMTP_VERB_HELO || verb == SMTP_VERB_EHLO || verb == SMTP_VERB_DATA ||
	       verb == SMTP_VERB_AUTH || verb == SMTP_VERB_SASL || verb == SMTP_VERB_QUIT;
}

void command_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_server)
{
	const struct smtp_command *cmd = &ev->command;

	assert(s->linked && (s->state == SMTP_ST_COMMAND || s->state == SMTP_ST_SASL));
	line_done(&s->line);
	command_print(to_server, cmd);
	queue_remote(&s->queue,
		cmd->verb == SMTP_VERB_BDAT && cmd->last ? SMTP_VERB_DOT : cmd->verb,
		s->transaction);
	if (cmd->verb == SMTP_VERB_HELO || cmd->verb == SMTP_VERB_EHLO)
		did_hello(s, cmd);
	else if (cmd->verb == SMTP_VERB_MAIL)
		did_mail(s, cmd);
	else if (cmd->verb == SMTP_VERB_RCPT)
		s->rcpt_sent++;
	else if (cmd->verb == SMTP_VERB_RSET)
		session_end_transaction(s);
	if (cmd->verb == SMTP_VERB_BDAT)
		chunk_begin(s, cmd);
	else
		session_after_command(s, is_sync(cmd->verb));
}

/* RFC 4954 4: the client's exchange must end at the server too; its 501 is the client's answer. */
static void cancel_sasl(struct smtp_session *s, struct out *to_server)
{
	out_str(to_server, "*\r\n");
	queue_remote(&s->queue, SMTP_VERB_SASL, s->transaction);
	session_after_command(s, true);
}

void command_refuse(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client, struct out *to_server)
{
	line_done(&s->line);
	if (s->state == SMTP_ST_SASL)
		cancel_sasl(s, to_server);
	else if (ev->verb == SMTP_VERB_BDAT)
		chunk_swallow(s, &ev->command, local);
	else
		queue_local(&s->queue, local, to_client);
}

void command_answer(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client)
{
	line_done(&s->line);
	queue_local(&s->queue, local, to_client);
	if (ev->verb == SMTP_VERB_RSET)
		session_end_transaction(s);
	else if (ev->verb == SMTP_VERB_QUIT)
		session_enter(s, SMTP_ST_END);
}
