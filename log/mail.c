/* SPDX-License-Identifier: ISC */
#include "log/mail.h"

#include <assert.h>

void log_mail_init(struct log_mail *m)
{
	m->n = 0;
	m->left_out = 0;
}

/* The address without its brackets; <> becomes nothing. */
static struct span address(const struct smtp_path *path, uint8_t block[LOG_MAIL_PATH_MAX + 2])
{
	struct out o;

	out_init(&o, block, LOG_MAIL_PATH_MAX + 2);
	path_print(&o, path);
	if (o.n < 2)
		return SPAN("");
	return span_sub(out_span(&o), 1, o.n - 2);
}

static void append(struct log_mail *m, const void *p, size_t n)
{
	if (n > 0)
		memcpy(m->buffer + m->n, p, n);
	m->n += n;
}

bool log_mail_add(struct log_mail *m, const struct inspect_note *note)
{
	uint8_t block[LOG_MAIL_PATH_MAX + 2];
	const bool here = note->reply != 0;
	struct span path = note->path != NULL ? address(note->path, block) : SPAN("");
	struct span text = span_sub(note->text, 0, here ? LOG_MAIL_TEXT_MAX : 0);
	struct log_mail_entry entry = {
		.path_n = (uint16_t)path.n,
		.text_n = (uint16_t)text.n,
		.reply = note->reply,
		.transaction = note->transaction,
		.sender = note->type == INSPECT_NOTE_MAIL,
		.here = here,
	};

	if (sizeof entry + path.n + text.n > sizeof m->buffer - m->n)
		return false;
	append(m, &entry, sizeof entry);
	append(m, path.p, path.n);
	append(m, text.p, text.n);
	return true;
}

bool log_mail_next(const struct log_mail *m, size_t *atp, struct log_mail_entry *entry,
	struct span *path, struct span *text)
{
	if (*atp == m->n)
		return false;
	memcpy(entry, m->buffer + *atp, sizeof *entry);
	*path = span_of(m->buffer + *atp + sizeof *entry, entry->path_n);
	*text = span_of(path->p + path->n, entry->text_n);
	*atp += sizeof *entry + entry->path_n + entry->text_n;
	assert(*atp <= m->n);
	return true;
}

/* Only replies that refuse are worth their words; without room for them the code must do. */
static void insert_text(
	struct log_mail *m, size_t at, struct log_mail_entry *entry, struct span text)
{
	text = span_sub(text, 0, LOG_MAIL_TEXT_MAX);
	if (entry->reply < 400 || text.n == 0 || text.n > sizeof m->buffer - m->n)
		return;
	memmove(m->buffer + at + text.n, m->buffer + at, m->n - at);
	memcpy(m->buffer + at, text.p, text.n);
	m->n += text.n;
	entry->text_n = (uint16_t)text.n;
}

void log_mail_reply(struct log_mail *m, const struct inspect_note *note)
{
	struct log_mail_entry entry;
	struct span path, text;

	for (size_t at = 0, next = 0; log_mail_next(m, &next, &entry, &path, &text); at = next) {
		if (entry.sender || entry.reply != 0 || entry.transaction != note->transaction)
			continue;
		entry.reply = note->reply;
		insert_text(m, next, &entry, note->text);
		memcpy(m->buffer + at, &entry, sizeof entry);
		return;
	}
}

void log_mail_drop(struct log_mail *m, uint8_t transaction, bool answered_only)
{
	struct log_mail_entry entry;
	struct span path, text;
	size_t kept = 0;

	for (size_t at = 0, next = 0; log_mail_next(m, &next, &entry, &path, &text); at = next) {
		bool drop = entry.transaction == transaction &&
			    (!answered_only || (!entry.sender && entry.reply != 0));

		if (drop)
			continue;
		memmove(m->buffer + kept, m->buffer + at, next - at);
		kept += next - at;
	}
	m->n = kept;
	if (!answered_only)
		m->left_out = 0;
}
