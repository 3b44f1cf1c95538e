/* SPDX-License-Identifier: ISC */
#include "filter/relay/inside.h"

#define CHUNK_RUN 8192 /* octets of a chunk in one step: with every dot doubled they fit */

void inner_text_begins(struct inner *i, struct out *to_hop)
{
	const struct trace t = {
		.hello = span_of(i->hello, i->hello_n),
		.client = i->conf.client,
		.hostname = i->conf.hostname,
		.id = i->conf.id,
		.tls = i->tls,
		.now_ns = i->now_ns,
		.extended = i->extended,
		.logged_in = i->logged_in,
		.utf8 = i->utf8,
	};

	trace_print(to_hop, &t);
	trace_count_init(&i->received);
	body_init(&i->body);
	i->crlf = 2;
}

/* ---- DATA ---- */

bool inner_data(struct inner *i, size_t size, struct inner_out out)
{
	struct smtp_local reply = INNER_REPLY(0, NULL);

	if (i->mail == INNER_MAIL_DEAD)
		reply = i->death;
	else if (i->mail != INNER_MAIL_SENT || i->chunked)
		reply = INNER_REPLY(503, "5.5.1 Bad sequence of commands");
	else if (i->rcpt_ok == 0)
		reply = INNER_REPLY(554, "5.5.1 No valid recipients");
	if (reply.code != 0) {
		inner_answer(i, size, reply, out);
		return true;
	}
	inner_consume(i, size, out);
	out_str(out.to_hop, "DATA\r\n");
	queue_remote(&i->queue, SMTP_VERB_DATA, 0);
	i->state = INNER_AWAIT;
	return true;
}

/* A message that has come round too often goes no further; nor may the hop take it for whole. */
static bool loops(struct inner *i, struct inner_out out)
{
	if (i->received.n <= TRACE_RECEIVED_MAX)
		return false;
	inner_give_up(i, CODE_MAIL_LOOP, SPAN(""), out);
	return true;
}

static void end_text(struct inner *i)
{
	queue_remote(&i->queue, SMTP_VERB_DOT, 0);
	i->state = INNER_AWAIT;
}

/* The engine lets through no text that stops a scan but at its end; if it did, it is ended here. */
static bool data_text(struct inner *i, struct span window, struct inner_out out)
{
	static const struct body_limits limits = { .dots = true };
	size_t run;
	const enum body_stop stop = body_next(&i->body, &limits, window.p, window.n, false, &run);

	if (run > 0) {
		trace_count(&i->received, span_sub(window, 0, run));
		out.step->engine = run;
		if (!loops(i, out))
			out.step->forward = span_sub(window, 0, run);
		return true;
	}
	if (stop == BODY_DOT) {
		out.step->engine = 3;
		out.step->forward = SPAN(".\r\n");
		end_text(i);
		return true;
	}
	if (stop == BODY_RUN)
		return false;
	inner_lose_hop(i, INNER_REPLY(554, "5.6.0 Message text malformed"), out.to_engine);
	return true;
}

/* ---- BDAT ---- */

/* Before the first the hop grants text; what is missing makes all of it missing (RFC 3030 2). */
static struct smtp_local judge_chunk(const struct inner *i)
{
	if (i->mail == INNER_MAIL_DEAD)
		return i->death;
	if (i->mail != INNER_MAIL_SENT && i->mail != INNER_MAIL_REFUSED)
		return INNER_REPLY(503, "5.5.1 Bad sequence of commands");
	if (i->rcpt_ok == 0)
		return INNER_REPLY(554, "5.5.1 No valid recipients");
	return INNER_REPLY(0, NULL);
}

static void begin_chunk(struct inner *i, const struct smtp_command *cmd)
{
	i->chunk_left = cmd->octets;
	i->chunk_last = cmd->last;
	i->state = INNER_CHUNK;
}

/* The hop refused DATA: its code is the chunk's, in our words, since they are said at its end. */
static struct smtp_local data_refused(const struct inner *i)
{
	return i->refusal_code < 500
		       ? INNER_REPLY(i->refusal_code, "4.3.0 Next hop takes no text now")
		       : INNER_REPLY(i->refusal_code, "5.3.0 Next hop takes no text");
}

bool inner_bdat(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	struct smtp_local reply = judge_chunk(i);

	if (reply.code == 0 && i->mail == INNER_MAIL_REFUSED)
		reply = data_refused(i);
	if (reply.code == 0 && !i->chunked) {
		out_str(out.to_hop, "DATA\r\n");
		i->data_owed = true;
		i->state = INNER_AWAIT;
		return true; /* the line is taken when the hop has answered */
	}
	inner_consume(i, size, out);
	begin_chunk(i, cmd);
	if (reply.code != 0) {
		inner_die(i, reply);
		inner_swallow(i, reply);
	}
	return true;
}

/* @run without the dots that are missing for DATA (RFC 5321 4.5.2). */
static bool stuff(struct inner *i, struct span run, struct out *to_hop)
{
	size_t from = 0;

	for (size_t at = 0; at < run.n; at++) {
		const uint8_t c = run.p[at];

		if (c == '\0' || (i->crlf == 1) != (c == '\n'))
			return false; /* NUL, a bare CR, a bare LF: the engine lets none through */
		if (c == '.' && i->crlf == 2) {
			out_bytes(to_hop, span_sub(run, from, at - from));
			out_octet(to_hop, '.');
			from = at;
		}
		i->crlf = c == '\r' ? 1 : c == '\n' ? 2 : 0;
	}
	out_bytes(to_hop, span_from(run, from));
	return true;
}

static bool chunk_run(struct inner *i, struct span window, struct inner_out out)
{
	const size_t n = i->chunk_left < CHUNK_RUN ? i->chunk_left : CHUNK_RUN;
	const struct span run = span_sub(window, 0, n);

	if (run.n == 0)
		return false;
	trace_count(&i->received, run);
	out.step->engine = run.n;
	i->chunk_left -= (uint32_t)run.n;
	if (loops(i, out))
		return true;
	if (!stuff(i, run, out.to_hop))
		inner_lose_hop(i, INNER_REPLY(554, "5.6.0 Message text malformed"), out.to_engine);
	return true;
}

static void chunk_end(struct inner *i, struct inner_out out)
{
	if (!i->chunk_last) {
		i->state = INNER_COMMAND;
		inner_say(i, INNER_REPLY(250, "2.0.0 Chunk taken"), out.to_engine);
		return;
	}
	if (i->crlf == 1) { /* half a line end is none */
		inner_lose_hop(i, INNER_REPLY(554, "5.6.0 Message text malformed"), out.to_engine);
		return;
	}
	out_str(out.to_hop, i->crlf == 2 ? ".\r\n" : "\r\n.\r\n");
	end_text(i);
}

static bool chunk_text(struct inner *i, struct span window, struct inner_out out)
{
	if (i->chunk_left > 0)
		return chunk_run(i, window, out);
	chunk_end(i, out);
	return true;
}

/* ---- what is swallowed ---- */

static void end_swallow(struct inner *i, bool whole, struct inner_out out)
{
	i->state = INNER_COMMAND;
	inner_say(i, i->drop, out.to_engine);
	if (whole)
		inner_end_transaction(i, out.to_hop);
	else
		inner_die(i, i->drop);
}

static bool swallow_data(struct inner *i, struct span window, struct inner_out out)
{
	static const struct body_limits limits = { .dots = true };
	size_t run;
	const enum body_stop stop = body_next(&i->body, &limits, window.p, window.n, false, &run);

	if (run > 0) {
		out.step->engine = run;
	} else if (stop == BODY_DOT) {
		out.step->engine = 3;
		end_swallow(i, true, out);
	} else if (stop != BODY_RUN) {
		body_mend(&i->body, &limits, stop);
		out.step->engine = 1;
	} else {
		return false;
	}
	return true;
}

static bool swallow_chunk(struct inner *i, struct span window, struct inner_out out)
{
	const struct span run = span_sub(window, 0, i->chunk_left);

	if (i->chunk_left > 0 && run.n == 0)
		return false;
	out.step->engine = run.n;
	i->chunk_left -= (uint32_t)run.n;
	if (i->chunk_left == 0)
		end_swallow(i, i->chunk_last, out);
	return true;
}

bool inner_text(struct inner *i, struct span window, struct inner_out out)
{
	switch ((unsigned)i->state) {
	case INNER_TEXT: return data_text(i, window, out);
	case INNER_CHUNK: return chunk_text(i, window, out);
	case INNER_TEXT_SWALLOW: return swallow_data(i, window, out);
	}
	return swallow_chunk(i, window, out);
}
