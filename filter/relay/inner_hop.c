/* SPDX-License-Identifier: ISC */
#include "filter/relay/inside.h"

#define CLOSING 421

static void hop_wrong(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	inner_give_up(i, CODE_HOP_WRONG, reply_first_line(reply), out);
}

/* ---- replies that are nobody else's matter ---- */

/* Its words are kept for the recipients that follow. */
static void keep_refusal(struct inner *i, const struct smtp_reply *reply)
{
	const struct span text = reply_first_line(reply);

	i->refusal_n = (uint16_t)(text.n < sizeof(i->refusal) ? text.n : sizeof(i->refusal));
	if (i->refusal_n > 0)
		memcpy(i->refusal, text.p, i->refusal_n);
	i->refusal_code = (uint16_t)reply->code;
	i->mail = INNER_MAIL_REFUSED;
}

/* True: it was one. */
static bool take_own(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	if (i->rset_owed) { /* RFC 5321 4.1.1.5 leaves it no refusal */
		i->rset_owed = false;
		if (reply->code != 250)
			hop_wrong(i, reply, out);
		return true;
	}
	if (i->mail_owed) {
		i->mail_owed = false;
		if (!reply_fits(SMTP_VERB_MAIL, reply->code))
			hop_wrong(i, reply, out);
		else if (reply->code >= 400)
			keep_refusal(i, reply);
		return true;
	}
	if (i->data_owed) {
		i->data_owed = false;
		if (reply->code == 354) {
			i->chunked = true;
			i->state = INNER_COMMAND;
			inner_text_begins(i, out.to_hop);
		} else if (reply->code >= 400) {
			keep_refusal(i, reply);
			i->state = INNER_COMMAND;
		} else {
			hop_wrong(i, reply, out);
		}
		return true;
	}
	return false;
}

/* ---- replies that pass on ---- */

static void give(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	reply_print(out.to_engine, reply);
	queue_pop(&i->queue, out.to_engine);
}

/* A hop that refused MAIL says something or other to RCPT: why is what the client should hear. */
static void rcpt_answered(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	if (i->mail == INNER_MAIL_REFUSED && reply->code < 400) {
		hop_wrong(i, reply, out);
		return;
	}
	if (i->mail == INNER_MAIL_REFUSED) {
		reply_print_line(
			out.to_engine, i->refusal_code, true, span_of(i->refusal, i->refusal_n));
		queue_pop(&i->queue, out.to_engine);
		return;
	}
	if (reply->code < 400 && i->rcpt_ok < UINT16_MAX)
		i->rcpt_ok++;
	give(i, reply, out);
}

static void data_answered(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	if (reply->code != 354) {
		i->state = INNER_COMMAND;
		give(i, reply, out);
		return;
	}
	inner_text_begins(i, out.to_hop);
	i->state = INNER_TEXT;
	out_str(out.to_engine, "354 End data with <CR><LF>.<CR><LF>\r\n");
	queue_pop(&i->queue, out.to_engine);
}

static void message_answered(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	i->state = INNER_COMMAND;
	i->told = i->chunked = false; /* the hop's is over, too: RFC 5321 4.1.1.4 */
	give(i, reply, out);
	inner_end_transaction(i, out.to_hop);
}

static void take(
	struct inner *i, enum smtp_verb verb, const struct smtp_reply *reply, struct inner_out out)
{
	switch ((unsigned)verb) {
	case SMTP_VERB_RCPT: rcpt_answered(i, reply, out); return;
	case SMTP_VERB_DATA: data_answered(i, reply, out); return;
	case SMTP_VERB_DOT: message_answered(i, reply, out); return;
	case SMTP_VERB_AUTH:
	case SMTP_VERB_SASL:
		give(i, reply, out);
		inner_hop_login(i, reply->code, out.step);
		return;
	}
	hop_wrong(i, reply, out);
}

static void judge(struct inner *i, const struct smtp_reply *reply, struct inner_out out)
{
	const struct smtp_entry *head = queue_head(&i->queue);

	if (reply->code ==
		CLOSING) { /* RFC 5321 3.8: it may answer anything; its words are not ours */
		inner_give_up(i, CODE_HOP_LOST, reply_first_line(reply), out);
		return;
	}
	if (take_own(i, reply, out))
		return;
	if (head == NULL || i->state == INNER_TEXT || i->state == INNER_CHUNK ||
		!reply_fits((enum smtp_verb)head->verb, reply->code))
		hop_wrong(i, reply, out);
	else
		take(i, (enum smtp_verb)head->verb, reply, out);
}

bool inner_hop_step(struct inner *i, struct span window, struct inner_out out)
{
	struct reply_reader r = i->reply; /* kept only while the reply goes on */
	enum smtp_fault fault = SMTP_FAULT_NONE;
	struct smtp_reply reply;

	if (!i->has_hop || window.n == 0)
		return false;
	switch (reply_next(&r, window.p, window.n, &reply, &fault)) {
	case REPLY_MORE: i->reply = r; return false;
	case REPLY_WHOLE: break;
	case REPLY_FAULT:
		inner_give_up(i, CODE_HOP_WRONG, SPAN("malformed reply"), out);
		return true;
	}
	reply_init(&i->reply);
	out.step->hop = reply.octets.n;
	judge(i, &reply, out);
	return true;
}
