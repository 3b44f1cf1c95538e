/* SPDX-License-Identifier: ISC */
#include "filter/smtp/session.h"

#include "filter/smtp/machine.h"

void smtp_session_init(struct smtp_session *s, const struct smtp_conf *conf)
{
	memset(s, 0, sizeof *s);
	s->conf = conf;
	s->state = SMTP_ST_WAIT; /* for the greeting */
	s->linked = true;
	line_init(&s->line, SMTP_COMMAND_MAX, SMTP_LINE_DROP);
	reply_init(&s->reply);
	queue_remote(&s->queue, SMTP_VERB_BANNER, 0);
}

static void client_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	switch (s->state) {
	case SMTP_ST_COMMAND:
	case SMTP_ST_SASL: command_next(s, win, ev); return;
	case SMTP_ST_TEXT:
	case SMTP_ST_TEXT_DROP:
	case SMTP_ST_CHUNK:
	case SMTP_ST_CHUNK_DROP: text_next(s, win, ev); return;
	case SMTP_ST_WAIT: s->early = s->early || win.n > 0; return;
	case SMTP_ST_END:
	case SMTP_ST_COUNT: return;
	}
}

void smtp_next(struct smtp_session *s, enum smtp_dir dir, const uint8_t *win, size_t n,
	struct smtp_event *ev)
{
	ev->type = SMTP_EV_NONE;
	ev->size = 0;
	ev->text = span_of(NULL, 0);
	ev->offset = 0;
	ev->transaction = s->transaction;
	ev->dropped = false;
	if (dir == SMTP_C2S)
		client_next(s, span_of(win, n), ev);
	else if (s->linked && s->state != SMTP_ST_END && n > 0)
		replies_next(s, span_of(win, n), ev);
}

static bool is_command(const struct smtp_session *s)
{
	return s->state == SMTP_ST_COMMAND || s->state == SMTP_ST_SASL;
}

void smtp_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_client,
	struct out *to_server)
{
	if (ev->type == SMTP_EV_REPLY)
		replies_accept(s, ev, to_client);
	else if (ev->type == SMTP_EV_BODY_END)
		text_accept_end(s, to_client);
	else
		command_accept(s, ev, to_server);
}

void smtp_refuse(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client, struct out *to_server)
{
	if (is_command(s))
		command_refuse(s, ev, local, to_client, to_server);
	else
		text_refuse(s, local, to_client);
}

void smtp_answer(struct smtp_session *s, const struct smtp_event *ev, struct smtp_local local,
	struct out *to_client)
{
	command_answer(s, ev, local, to_client);
}

void smtp_secure(struct smtp_session *s, struct smtp_local local, struct out *to_client)
{
	line_done(&s->line);
	queue_local(&s->queue, local, to_client);
	session_enter(s, SMTP_ST_WAIT);
}

void smtp_secured(struct smtp_session *s)
{
	smtp_session_init(s, s->conf);
	s->queue = (struct smtp_queue){ 0 };
	session_enter(s, SMTP_ST_COMMAND);
}

void smtp_end(struct smtp_session *s, struct smtp_local local, struct out *to_client)
{
	if (local.code != 0)
		smtp_local_print(to_client, &local);
	session_enter(s, SMTP_ST_END);
}

void smtp_relinked(struct smtp_session *s)
{
	s->linked = true;
	reply_init(&s->reply);
}

bool smtp_ready(const struct smtp_session *s, enum smtp_dir dir)
{
	if (s->state == SMTP_ST_END)
		return false;
	if (dir == SMTP_S2C)
		return s->linked;
	return s->state != SMTP_ST_WAIT && !queue_full(&s->queue);
}

enum smtp_verb smtp_owed(const struct smtp_session *s)
{
	const struct smtp_entry *head = queue_head(&s->queue);

	return head != NULL ? (enum smtp_verb)head->verb : SMTP_VERB_COUNT;
}
