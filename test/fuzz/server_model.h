/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * A server as small as can be, which reads what goes inward and knows nothing of the filter
 *
 * Strict: CRLF ends a line, CRLF . CRLF a message, octets are counted behind BDAT. What it learns
 * of its own replies is only their code. It counts what it was given, for comparison with what the
 * filter told of it.
 *
 * Owns:    nothing.
 * Callers: test/fuzz/session_fuzz.c
 */
#include <assert.h>
#include <string.h>

#include "base/span.h"

enum model_state {
	MODEL_LINE, /* a command, or a response to 334 */
	MODEL_TEXT,
	MODEL_CHUNK,
	MODEL_DOWN, /* the connection was reset */
};

struct model {
	enum model_state state;
	uint8_t line[12288];
	size_t n;        /* of the line under way */
	unsigned code;   /* of the last reply that was heard */
	bool data, auth; /* the last line was such a command, or a response */
	uint64_t left;   /* of the chunk */
	bool last;
	size_t mails, rcpts, messages; /* commands, and messages that are whole */
};

static inline bool model_is(struct span line, const char *head)
{
	return line.n >= strlen(head) && memcmp(line.p, head, strlen(head)) == 0;
}

static inline bool model_expects_response(const struct model *m)
{
	return m->auth && m->code == 334;
}

/* Only these recipients may ever come. */
static inline void model_rcpt(struct model *m, struct span line)
{
	const struct span path = span_sub(line, 0, span_chr(line, '>'));

	m->rcpts++;
	assert(path.n < line.n);
	assert((path.n > 8 && memcmp(path.p + path.n - 8, "@in.test", 8) == 0) ||
		span_ieq(path, SPAN("RCPT TO:<postmaster")));
}

static inline void model_bdat(struct model *m, struct span line)
{
	const struct span size = span_sub(line, 5, span_chr(span_from(line, 5), ' '));

	assert(span_u64(size, 0x3fffffff, &m->left));
	m->last = model_is(span_from(line, 5 + size.n), " LAST");
	m->state = MODEL_CHUNK;
}

static inline void model_line(struct model *m, struct span line)
{
	const bool response = model_expects_response(m);

	m->data = !response && span_eq(line, SPAN("DATA"));
	m->auth = response || model_is(line, "AUTH ");
	m->code = 0;
	if (response)
		return;
	if (model_is(line, "MAIL FROM:<"))
		m->mails++;
	else if (model_is(line, "RCPT TO:<"))
		model_rcpt(m, line);
	else if (model_is(line, "BDAT "))
		model_bdat(m, line);
}

/* A line of text or a command is whole. */
static inline void model_crlf(struct model *m)
{
	const struct span line = span_of(m->line, m->n - 2);

	m->n = 0;
	if (m->state == MODEL_LINE) {
		model_line(m, line);
	} else if (span_eq(line, SPAN("."))) {
		m->messages++;
		m->state = MODEL_LINE;
		m->data = false;
	}
}

static inline void model_chunk_end(struct model *m)
{
	if (m->state != MODEL_CHUNK || m->left > 0)
		return;
	m->messages += m->last;
	m->state = MODEL_LINE;
}

static inline void model_octet(struct model *m, uint8_t c)
{
	assert(m->state != MODEL_DOWN);
	if (m->state == MODEL_CHUNK) {
		m->left--;
		model_chunk_end(m);
		return;
	}
	if (m->n == 0 && m->state == MODEL_LINE && m->data && m->code == 354)
		m->state = MODEL_TEXT;
	if (m->n ==
		sizeof m->line) { /* of text: its head is no dot, that is all there is to know */
		assert(m->state == MODEL_TEXT);
		m->n = 3;
	}
	m->line[m->n++] = c;
	if (m->n >= 2 && m->line[m->n - 2] == '\r' && c == '\n')
		model_crlf(m);
	model_chunk_end(m); /* of no octets */
}

static inline void model_take(struct model *m, struct span octets)
{
	for (size_t i = 0; i < octets.n; i++)
		model_octet(m, octets.p[i]);
}

/* The filter took a reply in. */
static inline void model_said(struct model *m, struct span reply)
{
	m->code = reply.n >= 3 ? (reply.p[0] - '0') * 100u + (reply.p[1] - '0') * 10u +
					 (reply.p[2] - '0')
			       : 0;
}

static inline void model_reset(struct model *m)
{
	m->state = MODEL_DOWN;
}

static inline void model_dialled(struct model *m)
{
	m->state = MODEL_LINE;
	m->n = 0;
	m->data = m->auth = false;
}
