/* SPDX-License-Identifier: ISC */
#include "filter/smtp/machine.h"

#include <assert.h>

#define BIT(state) (1u << SMTP_ST_##state)

/* Where each state may lead. From anywhere a fault or a farewell leads to END. */
static const uint16_t edges[SMTP_ST_COUNT] = {
	[SMTP_ST_COMMAND] = BIT(COMMAND) | BIT(WAIT) | BIT(CHUNK) | BIT(CHUNK_DROP) | BIT(END),
	[SMTP_ST_WAIT] = BIT(COMMAND) | BIT(WAIT) | BIT(SASL) | BIT(TEXT) | BIT(END),
	[SMTP_ST_SASL] = BIT(WAIT) | BIT(END),
	[SMTP_ST_TEXT] = BIT(COMMAND) | BIT(WAIT) | BIT(TEXT_DROP) | BIT(END),
	[SMTP_ST_TEXT_DROP] = BIT(COMMAND) | BIT(END),
	[SMTP_ST_CHUNK] = BIT(COMMAND) | BIT(WAIT) | BIT(CHUNK_DROP) | BIT(END),
	[SMTP_ST_CHUNK_DROP] = BIT(COMMAND) | BIT(END),
	[SMTP_ST_END] = BIT(END),
};

void session_enter(struct smtp_session *s, enum smtp_state to)
{
	assert(edges[s->state] >> to & 1);
	s->state = to;
	s->early = false;
}

void session_after_command(struct smtp_session *s, bool sync)
{
	const bool pipelining = (s->offer.extensions & SMTP_EXT_BIT(PIPELINING)) != 0;

	session_enter(
		s, s->queue.remote_n > 0 && (sync || !pipelining) ? SMTP_ST_WAIT : SMTP_ST_COMMAND);
}

void session_end_transaction(struct smtp_session *s)
{
	s->mail = SMTP_MAIL_NONE;
	s->transaction++;
	s->rcpt_sent = s->rcpt_ok = 0;
	s->utf8 = s->binary = s->chunked = false;
}

void session_fault(struct smtp_session *s, enum smtp_fault fault, struct smtp_event *ev)
{
	ev->type = SMTP_EV_FAULT;
	ev->code = (int)fault;
	session_enter(s, SMTP_ST_END);
}

struct ehlo_rules session_ehlo_rules(const struct smtp_session *s)
{
	return (struct ehlo_rules){
		.allow = s->conf->extensions,
		.max_size = s->conf->max_message,
		.name = s->conf->banner != NULL ? s->conf->hostname : NULL,
		.starttls = s->starttls,
	};
}
