/* SPDX-License-Identifier: ISC */
#include "filter/policy/acts.h"

#define CLOSING 421

static void note_reply(struct inspect *i, enum inspect_note_type type, const struct smtp_event *ev)
{
	acts_note(i, &(struct inspect_note){
			     .type = type,
			     .code = type == INSPECT_NOTE_FORGET ? CODE_MESSAGE_NONE
								 : CODE_COMMAND_PASSED,
			     .verb = ev->verb,
			     .transaction = ev->transaction,
			     .reply = (uint16_t)ev->reply.code,
			     .text = reply_first_line(&ev->reply),
		     });
}

static void message_answered(struct inspect *i, const struct smtp_event *ev)
{
	const bool taken = ev->reply.code / 100 == 2;

	acts_message(i, taken ? CODE_MESSAGE_DELIVERED : CODE_MESSAGE_SERVER_REFUSED,
		(uint16_t)ev->reply.code, reply_first_line(&ev->reply), 0);
}

/* RFC 3207 6 names the risk of taking STARTTLS out of an offer: so it is told. */
static void note_offer(struct inspect *i)
{
	acts_note(i,
		&(struct inspect_note){
			.type = INSPECT_NOTE_OFFER,
			.code = i->smtp.offer.starttls ? CODE_STARTTLS_HIDDEN : CODE_COMMAND_PASSED,
			.verb = SMTP_VERB_EHLO,
			.hidden = i->smtp.offer.hidden,
			.starttls = i->smtp.offer.starttls,
		});
}

static void hello_answered(struct inspect *i, const struct smtp_event *ev)
{
	if (ev->reply.code != 250)
		return;
	note_reply(i, INSPECT_NOTE_FORGET, ev);
	i->message_open = false; /* all chunks were answered, and no last one came */
	if (ev->verb == SMTP_VERB_EHLO)
		note_offer(i);
}

static void answered(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	const unsigned class = ev->reply.code / 100;

	switch ((unsigned)ev->verb) {
	case SMTP_VERB_HELO:
	case SMTP_VERB_EHLO: hello_answered(i, ev); return;
	case SMTP_VERB_MAIL:
		if (class != 2)
			note_reply(i, INSPECT_NOTE_FORGET, ev);
		return;
	case SMTP_VERB_RCPT: note_reply(i, INSPECT_NOTE_RCPT_REPLY, ev); return;
	case SMTP_VERB_DATA:
		if (class == 3) {
			i->message_open = true;
			i->message_transaction = ev->transaction;
		}
		return;
	case SMTP_VERB_BDAT:
		if (class != 2)
			message_answered(i, ev);
		return;
	case SMTP_VERB_DOT: message_answered(i, ev); return;
	case SMTP_VERB_AUTH:
	case SMTP_VERB_SASL:
		if (class != 3)
			note_reply(i, INSPECT_NOTE_AUTH, ev);
		if (class == 5) /* guessing is bounded here, too */
			acts_count_error(i, out);
		return;
	}
}

/* RFC 5321 3.8: the server ends the session, and says so before it does. */
static void closing(struct inspect *i, const struct smtp_event *ev)
{
	acts_note(i, &(struct inspect_note){
			     .type = INSPECT_NOTE_SERVER,
			     .code = CODE_SERVER_CLOSING,
			     .verb = ev->verb,
			     .transaction = ev->transaction,
			     .reply = CLOSING,
			     .text = reply_first_line(&ev->reply),
		     });
	acts_message(i, CODE_MESSAGE_SERVER_REFUSED, CLOSING, reply_first_line(&ev->reply), 0);
}

void acts_reply(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	const bool in_text = acts_in_text(i);

	if (ev->reply.code == CLOSING)
		closing(i, ev);
	smtp_accept(&i->smtp, ev, out.to_client, out.to_server);
	if (ev->reply.code != CLOSING)
		answered(i, ev, out);
	if (i->smtp.state == SMTP_ST_END)
		acts_finish(i, in_text);
}
