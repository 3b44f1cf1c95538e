/* SPDX-License-Identifier: ISC */
#include "log/begin.h"

/* Octets one recipient may need: its address and the reply's text escaped (five for one), and the
 * fields' names. */
#define RECIPIENT_ROOM ((LOG_MAIL_PATH_MAX + LOG_MAIL_TEXT_MAX) * 5 + 128)

static void put_text(struct record *r, const char *key, struct span text)
{
	if (text.n > 0)
		record_octets(r, key, text, LOG_LINE_MAX);
}

static void put_decision(struct record *r, const struct inspect_note *note)
{
	if (note->reply != 0)
		record_u64(r, "reply", note->reply);
	log_put_incident(r, note->incident);
	log_put_at(r, "at", &note->at);
}

/* A command passed, was answered, or the server's offer was cut down. */
static void write_command(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct inspect_note *note)
{
	struct record *r = log_begin(s, wall_ns, note->code, session);

	if (r == NULL)
		return;
	if (note->type == INSPECT_NOTE_OFFER) {
		record_u64(r, "hidden", note->hidden);
	} else {
		const bool auth =
			note->type == INSPECT_NOTE_AUTH; /* its verb may be that of a response */

		record_str(r, "verb", auth ? "AUTH" : smtp_verb_name(note->verb));
		if (!auth)
			put_text(r, "line", note->text);
	}
	put_decision(r, note);
	if (note->type == INSPECT_NOTE_AUTH)
		put_text(r, "reply_text", note->text);
	log_sender_end(s);
}

/* Something was refused, or went wrong for good. */
static void write_denial(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct inspect_note *note)
{
	struct record *r = log_begin(s, wall_ns, note->code, session);

	if (r == NULL)
		return;
	if (note->type == INSPECT_NOTE_DENIAL)
		record_str(r, "verb", smtp_verb_name(note->verb));
	if (note->type == INSPECT_NOTE_SERVER)
		log_put_peer(r, "internal", "internal_port", &session->internal);
	put_decision(r, note);
	if (note->octets > 0) {
		record_u64(r, "octets", note->octets);
		record_u64(r, "offset", note->offset);
	}
	put_text(r, "line", note->text);
	log_sender_end(s);
}

static void put_recipient(
	struct record *r, const struct log_mail_entry *entry, struct span path, struct span text)
{
	record_object(r);
	record_octets(r, "to", path, LOG_MAIL_PATH_MAX);
	if (entry->reply != 0) {
		record_u64(r, "reply", entry->reply);
		record_str(r, "by", entry->here ? "postern" : "server");
	}
	put_text(r, "text", text);
	record_close(r);
}

/*
 * The recipients from *@atp on, as many as this record takes; all that are answered, or all. True:
 * there are more.
 */
static bool put_recipients(struct record *r, const struct log_mail *mail, uint8_t transaction,
	size_t *atp, bool answered_only)
{
	struct log_mail_entry entry;
	struct span path, text;
	bool more = false;

	record_array(r, "recipients");
	for (size_t next = *atp; log_mail_next(mail, &next, &entry, &path, &text); *atp = next) {
		if (entry.transaction != transaction || entry.sender ||
			(answered_only && entry.reply == 0))
			continue;
		more = record_room(r) < RECIPIENT_ROOM;
		if (more)
			break;
		put_recipient(r, &entry, path, text);
	}
	record_close(r);
	return more;
}

/* The recipients from @at on in records of their own. */
static void write_further(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	const struct log_mail *mail, uint8_t transaction, size_t at, bool answered_only)
{
	for (bool more = true; more;) {
		struct record *r = log_begin(s, wall_ns, CODE_MESSAGE_RECIPIENTS, session);
		if (r == NULL)
			return;
		record_u64(r, "transaction", transaction);
		more = put_recipients(r, mail, transaction, &at, answered_only);
		log_sender_end(s);
	}
}

static void put_sender(struct record *r, const struct log_mail *mail, uint8_t transaction)
{
	struct log_mail_entry entry;
	struct span path, text;

	for (size_t at = 0; log_mail_next(mail, &at, &entry, &path, &text);)
		if (entry.sender && entry.transaction == transaction) {
			record_octets(r, "from", path, LOG_MAIL_PATH_MAX);
			return;
		}
}

static void write_message(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	struct log_mail *mail, const struct inspect_note *note)
{
	struct record *r = log_begin(s, wall_ns, note->code, session);
	size_t at = 0;
	bool more = false;

	if (r == NULL)
		return;
	log_put_peer(r, "internal", "internal_port", &session->internal);
	if (session->internal_tls != NULL)
		record_str(r, "internal_tls", session->internal_tls);
	put_text(r, "hello", session->hello);
	record_u64(r, "transaction", note->transaction);
	record_u64(r, "octets", note->octets);
	put_decision(r, note);
	put_text(r, "reply_text", note->text);
	if (mail != NULL) {
		put_sender(r, mail, note->transaction);
		if (mail->left_out > 0)
			record_u64(r, "recipients_left_out", mail->left_out);
		more = put_recipients(r, mail, note->transaction, &at, false);
	}
	log_sender_end(s);
	if (more)
		write_further(s, wall_ns, session, mail, note->transaction, at, false);
}

static bool has_recipients(const struct log_mail *mail, uint8_t transaction)
{
	struct log_mail_entry entry;
	struct span path, text;

	for (size_t at = 0; log_mail_next(mail, &at, &entry, &path, &text);)
		if (!entry.sender && entry.transaction == transaction)
			return true;
	return false;
}

/* When the room is used up, the recipients that have their answer are written before the message
 * is. */
static void gather(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	struct log_mail *mail, const struct inspect_note *note)
{
	if (log_mail_add(mail, note))
		return;
	if (log_wanted(session, CODE_MESSAGE_RECIPIENTS, RULE_LOG_MESSAGES))
		write_further(s, wall_ns, session, mail, note->transaction, 0, true);
	log_mail_drop(mail, note->transaction, true);
	if (!log_mail_add(mail, note))
		mail->left_out++;
}

void log_note(struct log_sender *s, int64_t wall_ns, const struct log_session *session,
	struct log_mail *mail, const struct inspect_note *note)
{
	switch (note->type) {
	case INSPECT_NOTE_HELLO: /* its command was noted before */ break;
	case INSPECT_NOTE_COMMAND:
	case INSPECT_NOTE_AUTH:
		if (log_wanted(session, note->code, RULE_LOG_COMMANDS))
			write_command(s, wall_ns, session, note);
		break;
	case INSPECT_NOTE_OFFER:
		if (log_wanted(session, note->code,
			    note->starttls ? RULE_LOG_SESSIONS : RULE_LOG_COMMANDS))
			write_command(s, wall_ns, session, note);
		break;
	case INSPECT_NOTE_DENIAL:
	case INSPECT_NOTE_FAULT:
	case INSPECT_NOTE_SERVER:
		if (log_wanted(session, note->code, RULE_LOG_DENIALS))
			write_denial(s, wall_ns, session, note);
		break;
	case INSPECT_NOTE_MAIL:
	case INSPECT_NOTE_RCPT:
		if (mail != NULL)
			gather(s, wall_ns, session, mail, note);
		break;
	case INSPECT_NOTE_RCPT_REPLY:
		if (mail != NULL)
			log_mail_reply(mail, note);
		break;
	case INSPECT_NOTE_MESSAGE:
		if (log_wanted(session, note->code, RULE_LOG_MESSAGES))
			write_message(s, wall_ns, session, mail, note);
		if (mail != NULL)
			log_mail_drop(mail, note->transaction, false);
		break;
	case INSPECT_NOTE_FORGET:
		if (mail == NULL)
			break;
		if (has_recipients(mail, note->transaction) &&
			log_wanted(session, note->code, RULE_LOG_MESSAGES))
			write_message(s, wall_ns, session, mail, note);
		log_mail_drop(mail, note->transaction, false);
		break;
	}
}
