/* SPDX-License-Identifier: ISC */
#include "filter/policy/acts.h"

bool acts_in_text(const struct inspect *i)
{
	return i->smtp.state == SMTP_ST_TEXT || i->smtp.state == SMTP_ST_CHUNK;
}

bool acts_reads_text(const struct inspect *i)
{
	return acts_in_text(i) || i->smtp.state == SMTP_ST_TEXT_DROP ||
	       i->smtp.state == SMTP_ST_CHUNK_DROP;
}

bool acts_in_message(const struct inspect *i)
{
	if (i->smtp.state == SMTP_ST_END) /* by a fault of this step */
		return i->in_message;
	return acts_in_text(i) || i->smtp.chunked;
}

struct smtp_local acts_local(struct inspect *i, const struct verdict *v)
{
	return (struct smtp_local){
		.text = v->text, .incident = i->ops->incident(i->context), .code = v->reply
	};
}

void acts_note(struct inspect *i, const struct inspect_note *note)
{
	i->ops->note(i->context, note);
}

void acts_message(
	struct inspect *i, enum code code, uint16_t reply, struct span text, uint32_t incident)
{
	const struct inspect_note note = {
		.type = INSPECT_NOTE_MESSAGE,
		.code = code,
		.incident = incident,
		.transaction = i->message_transaction,
		.reply = reply,
		.text = text,
		.octets = acts_in_message(i) ? i->smtp.body.octets : i->message_octets,
	};

	if (i->message_open)
		acts_note(i, &note);
	i->message_open = false;
}

/* Recipients without a message: their replies are all there is to tell of them. */
void acts_note_forgotten(struct inspect *i)
{
	if (i->smtp.mail != SMTP_MAIL_NONE)
		acts_note(i, &(struct inspect_note){
				     .type = INSPECT_NOTE_FORGET,
				     .code = CODE_MESSAGE_NONE,
				     .transaction = i->smtp.transaction,
			     });
}

void acts_count_text(struct inspect *i)
{
	if (i->text_octets > 0 && windows_of(&i->rule->limits, TALLY_OCTETS))
		i->ops->count(i->context, TALLY_OCTETS, i->text_octets);
	i->text_octets = 0;
}

void acts_finish(struct inspect *i, bool in_text)
{
	acts_count_text(i);
	acts_note_forgotten(i);
	i->want = (uint8_t)(INSPECT_END | (i->want & INSPECT_RESET_SERVER) |
			    (in_text && i->dialled ? INSPECT_RESET_SERVER : 0));
}

enum code acts_fate(const struct inspect *i)
{
	return i->message_open && i->smtp.linked && !acts_in_message(i) ? CODE_MESSAGE_UNKNOWN
									: CODE_MESSAGE_REFUSED;
}

void acts_end(struct inspect *i, enum inspect_note_type type, const struct verdict *v,
	struct out *to_client)
{
	const bool in_text = acts_in_message(i);
	const struct smtp_local local = acts_local(i, v);

	acts_note(i, &(struct inspect_note){
			     .type = type,
			     .code = v->code,
			     .incident = local.incident,
			     .reply = local.code,
			     .transaction = i->smtp.transaction,
			     .at = v->at,
		     });
	acts_message(i, acts_fate(i), local.code, span_str(local.text), local.incident);
	smtp_end(&i->smtp, local, to_client);
	acts_finish(i, in_text);
}
