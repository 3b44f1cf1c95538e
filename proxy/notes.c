/* SPDX-License-Identifier: ISC */
/*
 * What the filter tells and asks: notes for the log, counts for the limits
 *
 * Sender and recipients of a transaction wait in a block lent from the pool; an idle session has
 * none.
 */
#include "base/clock.h"
#include "proxy/inspected.h"

static void count_message(struct inspected *s, const struct inspect_note *note)
{
	if (note->code != CODE_MESSAGE_DELIVERED)
		return;
	s->messages++;
	s->flow.proxy->counted.messages++;
}

static void count(struct inspected *s, const struct inspect_note *note)
{
	if (note->type == INSPECT_NOTE_HELLO) /* the engine keeps the name there */
		s->flow.log.hello = span_of(s->inspect.smtp.hello, note->text.n);
	else if (note->type == INSPECT_NOTE_COMMAND)
		s->commands++;
	else if (note->type == INSPECT_NOTE_DENIAL)
		s->denials++;
	else if (note->type == INSPECT_NOTE_MESSAGE)
		count_message(s, note);
	else if (note->type == INSPECT_NOTE_FAULT || note->type == INSPECT_NOTE_SERVER) {
		s->why = (uint16_t)note->code;
		s->by = note->type == INSPECT_NOTE_FAULT ? LOG_END_FILTER : LOG_END_SERVER;
	}
}

/* Without memory the records go without addresses: mail is not refused for the log's sake. */
static void lend_mail(struct inspected *s)
{
	size_t size;

	s->mail = pool_lend(&s->flow.proxy->pool, sizeof(*s->mail), &size);
	if (!s->mail)
		return;
	s->mail_size = (uint32_t)size;
	log_mail_init(s->mail);
}

void notes_deinit(struct inspected *s)
{
	pool_return(&s->flow.proxy->pool, s->mail, s->mail_size);
	s->mail = NULL;
}

static void on_note(void *context, const struct inspect_note *note)
{
	struct inspected *s = context;

	count(s, note);
	if (note->code == CODE_LIMIT_ERRORS && limits_ban_by_session(&flow_rule(&s->flow)->limits))
		flow_session_over(&s->flow);
	if (!s->mail && (note->type == INSPECT_NOTE_MAIL || note->type == INSPECT_NOTE_RCPT))
		lend_mail(s);
	log_note(&s->flow.proxy->log, clock_wall_ns(), &s->flow.log, s->mail, note);
	if (s->mail && log_mail_empty(s->mail))
		notes_deinit(s);
}

static uint32_t on_incident(void *context)
{
	struct inspected *s = context;

	return ident_incident(&s->flow.proxy->ident, INCIDENT_BITS);
}

static struct limit_answer on_room(void *context, enum tally_what what, uint64_t n, bool take)
{
	return flow_room(&((struct inspected *)context)->flow, what, n, take);
}

static void on_count(void *context, enum tally_what what, uint64_t n)
{
	flow_count(&((struct inspected *)context)->flow, what, n);
}

const struct inspect_ops inspected_ops = {
	.note = on_note,
	.incident = on_incident,
	.room = on_room,
	.count = on_count,
};
