/* SPDX-License-Identifier: ISC */
#include <assert.h>

#include "filter/smtp/machine.h"

static struct body_limits limits_of(const struct smtp_session *s)
{
	return (struct body_limits){
		.max_line = s->conf->max_line,
		.max_header = s->conf->max_header,
		.header_lines = s->conf->header_lines,
		.dots = s->state == SMTP_ST_TEXT,
		.binary = s->binary && s->conf->binary,
	};
}

/* Octets of the message that may still come. */
static uint64_t room(const struct smtp_session *s)
{
	const uint64_t max = s->conf->max_message;

	return max == 0 ? UINT64_MAX : max > s->body.octets ? max - s->body.octets : 0;
}

/* ---- beginnings ---- */

void text_begin(struct smtp_session *s)
{
	body_init(&s->body);
	session_enter(s, SMTP_ST_TEXT);
}

void chunk_begin(struct smtp_session *s, const struct smtp_command *bdat)
{
	if (!s->chunked) {
		body_init(&s->body);
		s->chunk_failed = false;
	}
	s->chunked = true;
	s->chunk_left = bdat->octets;
	s->chunk_last = bdat->last;
	session_enter(s, SMTP_ST_CHUNK);
	if (s->chunk_left == 0 && !s->chunk_last)
		session_after_command(s, false);
}

/* A chunk is missing from now on: no later one may complete the message (RFC 3030 2). */
static void lose_chunk(struct smtp_session *s)
{
	if (s->mail != SMTP_MAIL_NONE)
		s->mail = SMTP_MAIL_DEAD;
}

void chunk_swallow(struct smtp_session *s, const struct smtp_command *bdat, struct smtp_local local)
{
	lose_chunk(s);
	s->chunk_left = bdat->octets;
	s->chunk_last = false;
	s->drop_reply = local;
	session_enter(s, SMTP_ST_CHUNK_DROP);
}

/* ---- text on its way inward ---- */

static void take_run(struct smtp_event *ev, struct span win, size_t run)
{
	ev->type = SMTP_EV_BODY;
	ev->size = run;
	ev->text = span_sub(win, 0, run);
}

static void text_defect(struct smtp_session *s, enum smtp_defect what, struct smtp_event *ev)
{
	ev->type = SMTP_EV_DEFECT;
	ev->code = (int)what;
	ev->offset = (size_t)s->body.octets;
}

static enum smtp_defect stop_defect(enum body_stop stop)
{
	switch (stop) {
	case BODY_BARE_LF: return SMTP_DEFECT_TEXT_BARE_LF;
	case BODY_BARE_CR: return SMTP_DEFECT_TEXT_BARE_CR;
	case BODY_NUL: return SMTP_DEFECT_TEXT_NUL;
	case BODY_LINE_LONG: return SMTP_DEFECT_TEXT_LINE_LONG;
	case BODY_HEADER_LARGE: return SMTP_DEFECT_TEXT_HEADER_LARGE;
	case BODY_HEADER_LINES: return SMTP_DEFECT_TEXT_HEADER_LINES;
	case BODY_RUN:
	case BODY_DOT:
	case BODY_STUFF: break;
	}
	return SMTP_DEFECT_NONE;
}

/* Replace one octet on the wire: what goes inward is what was judged. */
static void mend(struct smtp_session *s, enum body_stop stop, struct smtp_event *ev)
{
	const struct body_limits limits = limits_of(s);

	body_mend(&s->body, &limits, stop);
	ev->type = SMTP_EV_BODY;
	ev->size = 1;
	ev->text = stop == BODY_STUFF ? SPAN("..") : SPAN("\r\n");
}

static void data_stop(struct smtp_session *s, enum body_stop stop, struct smtp_event *ev)
{
	const bool normalise = s->conf->bare_newline == SMTP_NEWLINE_NORMALISE;

	if (stop == BODY_DOT) {
		ev->type = SMTP_EV_BODY_END;
		ev->size = 3;
		ev->text = SPAN(".\r\n");
	} else if (stop == BODY_STUFF || (stop == BODY_BARE_LF && normalise)) {
		if (room(s) < 2)
			text_defect(s, SMTP_DEFECT_TEXT_LARGE, ev);
		else
			mend(s, stop, ev);
	} else if (stop != BODY_RUN) {
		text_defect(s, stop_defect(stop), ev);
	}
}

/*
 * Up to three octets past the room are looked at: the end of data is none of the message's octets
 * (RFC 1870 3).
 */
static void data_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	const struct body_limits limits = limits_of(s);
	const struct body_scan before = s->body;
	const uint64_t left = room(s);
	enum body_stop stop;
	size_t run;

	if (win.n > left && win.n - left > 3)
		win.n = (size_t)left + 3;
	stop = body_next(&s->body, &limits, win.p, win.n, false, &run);
	if (run > left) {
		s->body = before;
		stop = body_next(&s->body, &limits, win.p, (size_t)left, false, &run);
		if (run == 0) {
			text_defect(s, SMTP_DEFECT_TEXT_LARGE, ev);
			return;
		}
	}
	if (run > 0)
		take_run(ev, win, run);
	else
		data_stop(s, stop, ev);
}

/*
 * The run before a stop goes inward first, and the stop is found again then: a CR of it is judged
 * by the octet behind it, so the scanner is brought back to where it has just passed the CR. A CR
 * that is a message's last octet stays here: with it the server would have the message whole.
 */
static size_t chunk_run(struct smtp_session *s, struct span win, bool last, enum body_stop *stopp)
{
	const struct body_limits limits = limits_of(s);
	const struct body_scan before = s->body;
	size_t run;

	*stopp = body_next(&s->body, &limits, win.p, win.n, last, &run);
	if (last && *stopp == BODY_BARE_CR && run > 0 && run == win.n)
		run--;
	if (run > 0 && *stopp != BODY_RUN) {
		s->body = before;
		body_next(&s->body, &limits, win.p, run, false, &run);
	}
	return run;
}

static void chunk_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	enum body_stop stop;
	bool last;
	size_t run;

	win = span_sub(win, 0, s->chunk_left);
	last = s->chunk_last && win.n == s->chunk_left;
	run = chunk_run(s, win, last, &stop);
	if (run > 0) {
		take_run(ev, win, run);
		s->chunk_left -= (uint32_t)run;
		if (s->chunk_left == 0 && !s->chunk_last)
			session_after_command(s, false);
	} else if (stop != BODY_RUN) {
		text_defect(s, stop_defect(stop), ev);
	} else if (last) {
		ev->type = SMTP_EV_BODY_END;
	}
}

/* ---- text that is dropped ---- */

/*
 * Only the strict end counts, wherever the offending octets stand: behind one that is passed over
 * no line begins.
 */
static void text_drop_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	static const struct body_limits none = { .dots = true };
	size_t run;
	const enum body_stop stop = body_next(&s->body, &none, win.p, win.n, false, &run);

	if (run > 0) {
		ev->type = SMTP_EV_SKIP;
		ev->size = run;
	} else if (stop == BODY_DOT) {
		ev->type = SMTP_EV_BODY_END;
		ev->size = 3;
	} else if (stop != BODY_RUN) {
		s->body.line_start = false;
		ev->type = SMTP_EV_SKIP;
		ev->size = 1;
	}
}

static void chunk_drop_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	win = span_sub(win, 0, s->chunk_left);
	s->chunk_left -= (uint32_t)win.n;
	ev->size = win.n;
	if (win.n > 0)
		ev->type = SMTP_EV_SKIP;
	else if (s->chunk_left == 0)
		ev->type = SMTP_EV_BODY_END;
}

/* ---- doors ---- */

void text_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	ev->verb = s->state == SMTP_ST_TEXT || s->state == SMTP_ST_TEXT_DROP ? SMTP_VERB_DATA
									     : SMTP_VERB_BDAT;
	switch ((unsigned)s->state) {
	case SMTP_ST_TEXT: data_next(s, win, ev); return;
	case SMTP_ST_CHUNK: chunk_next(s, win, ev); return;
	case SMTP_ST_TEXT_DROP:
		ev->dropped = true;
		text_drop_next(s, win, ev);
		return;
	case SMTP_ST_CHUNK_DROP:
		ev->dropped = true;
		chunk_drop_next(s, win, ev);
		return;
	}
}

static void end_drop(struct smtp_session *s, struct out *to_client)
{
	queue_local(&s->queue, s->drop_reply, to_client);
	if (s->state == SMTP_ST_TEXT_DROP || s->chunk_last)
		session_end_transaction(s);
	session_enter(s, SMTP_ST_COMMAND);
}

void text_accept_end(struct smtp_session *s, struct out *to_client)
{
	if (s->state == SMTP_ST_TEXT_DROP || s->state == SMTP_ST_CHUNK_DROP) {
		end_drop(s, to_client);
		return;
	}
	if (s->state == SMTP_ST_TEXT) /* a chunk's reply is expected since its BDAT */
		queue_remote(&s->queue, SMTP_VERB_DOT, s->transaction);
	session_end_transaction(s);
	session_after_command(s, false);
}

/* Chunks before this one have no answer yet and will get none from a server connection that is
 * reset. */
static void refuse_chunk(struct smtp_session *s, struct smtp_local local, struct out *to_client)
{
	queue_unpush(&s->queue); /* its own reply comes at its end */
	queue_abandon(&s->queue, local, to_client);
	lose_chunk(s);
	session_enter(s, SMTP_ST_CHUNK_DROP);
}

void text_refuse(struct smtp_session *s, struct smtp_local local, struct out *to_client)
{
	assert(s->state == SMTP_ST_TEXT || s->state == SMTP_ST_CHUNK);
	s->linked = false;
	s->drop_reply = local;
	s->body.mended = false;
	if (s->state == SMTP_ST_CHUNK)
		refuse_chunk(s, local, to_client);
	else
		session_enter(s, SMTP_ST_TEXT_DROP);
}
