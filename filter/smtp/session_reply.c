/* SPDX-License-Identifier: ISC */
#include "filter/smtp/machine.h"

#define CLOSING 421 /* RFC 5321 3.8: may answer anything, at any time */

/* ---- reading ---- */

/* Is a reply due now? A chunk's own reply, or that of the end of data, cannot come before its
 * octets have gone. */
static enum smtp_fault due(const struct smtp_session *s)
{
	if (s->state == SMTP_ST_TEXT || (s->state == SMTP_ST_CHUNK && s->queue.remote_n == 1))
		return SMTP_FAULT_S_REPLY_EARLY;
	return s->queue.remote_n == 0 ? SMTP_FAULT_S_REPLY_UNASKED : SMTP_FAULT_NONE;
}

/*
 * What stands behind DATA was meant as message text. When the server wants none, it would be
 * commands to us and text to the client (SEQ-01).
 */
static bool early_text(const struct smtp_session *s, enum smtp_verb verb, unsigned code)
{
	return verb == SMTP_VERB_DATA && code != 354 && s->early;
}

/*
 * RFC 5321 4.1.1.5 leaves RSET no refusal, and here the transaction ended when it was sent: a
 * server that keeps it would add the next recipients to the old envelope.
 */
static bool disobeyed(enum smtp_verb verb, unsigned code)
{
	return verb == SMTP_VERB_RSET && code != 250;
}

/* RFC 3030 2: when a chunk fails, so does the message. A server that takes the last one has stored
 * a torn one. */
static bool torn(const struct smtp_session *s, enum smtp_verb verb, unsigned code)
{
	return verb == SMTP_VERB_DOT && code / 100 == 2 && s->chunk_failed &&
	       queue_head(&s->queue)->transaction == s->failed_transaction;
}

/* Behind a MAIL that was refused there is no envelope: the server has another one, older than we
 * know of. */
static bool without_mail(const struct smtp_session *s, enum smtp_verb verb, unsigned code)
{
	const bool granted = (verb == SMTP_VERB_RCPT && code / 100 == 2) ||
			     (verb == SMTP_VERB_DATA && code == 354);

	return granted && s->mail_refused &&
	       queue_head(&s->queue)->transaction == s->refused_transaction;
}

static enum smtp_fault judge(const struct smtp_session *s, enum smtp_verb verb, unsigned code)
{
	const enum smtp_fault fault = due(s);

	if (code == CLOSING)
		return SMTP_FAULT_NONE;
	if (fault != SMTP_FAULT_NONE)
		return fault;
	if (!reply_fits(verb, code) || disobeyed(verb, code) || torn(s, verb, code) ||
		without_mail(s, verb, code))
		return SMTP_FAULT_S_REPLY_CLASS;
	return early_text(s, verb, code) ? SMTP_FAULT_C_EARLY_TEXT : SMTP_FAULT_NONE;
}

static void offer_reply(struct smtp_session *s, struct smtp_event *ev)
{
	const struct smtp_entry *head = queue_head(&s->queue);
	const enum smtp_verb verb = head != NULL ? (enum smtp_verb)head->verb : SMTP_VERB_OTHER;
	const enum smtp_fault fault = judge(s, verb, ev->reply.code);

	ev->verb = verb;
	ev->transaction = head != NULL ? head->transaction : s->transaction;
	ev->size = ev->reply.octets.n;
	ev->text = ev->reply.octets;
	if (fault != SMTP_FAULT_NONE) {
		session_fault(s, fault, ev);
		return;
	}
	ev->type = SMTP_EV_REPLY;
	ev->code = (int)ev->reply.code;
}

void replies_next(struct smtp_session *s, struct span win, struct smtp_event *ev)
{
	struct reply_reader r = s->reply; /* kept only when the reply goes on */
	enum smtp_fault fault = SMTP_FAULT_NONE;

	switch (reply_next(&r, win.p, win.n, &ev->reply, &fault)) {
	case REPLY_MORE: s->reply = r; return;
	case REPLY_FAULT:
		ev->verb = smtp_owed(s);
		ev->reply.code = 0;
		session_fault(s, fault, ev);
		return;
	case REPLY_WHOLE: offer_reply(s, ev); return;
	}
}

/* ---- printing ---- */

/* `banner "text"`: nothing of the server's own greeting shows. */
static void print_banner(
	const struct smtp_session *s, const struct smtp_reply *reply, struct out *o)
{
	if (s->conf->banner == NULL || reply->code != 220) {
		reply_print(o, reply);
		return;
	}
	out_str(o, "220 ");
	out_str(o, s->conf->hostname);
	out_octet(o, ' ');
	out_str(o, s->conf->banner);
	out_str(o, "\r\n");
}

static void print_reply(const struct smtp_session *s, const struct smtp_event *ev, struct out *o)
{
	const struct ehlo_rules rules = session_ehlo_rules(s);

	if (ev->verb == SMTP_VERB_EHLO && ev->reply.code == 250)
		ehlo_print(o, &ev->reply, &rules);
	else if (ev->verb == SMTP_VERB_BANNER)
		print_banner(s, &ev->reply, o);
	else
		reply_print(o, &ev->reply);
}

/* ---- did: what a reply moves ---- */

static bool positive(unsigned code)
{
	return code / 100 == 2;
}

/* RFC 5321 4.1.4: EHLO clears a transaction when it is accepted; refused, it leaves all as it was.
 */
static void did_hello(struct smtp_session *s, const struct smtp_event *ev)
{
	const struct ehlo_rules rules = session_ehlo_rules(s);

	if (ev->reply.code != 250)
		return;
	s->hello_done = true;
	s->extended = ev->verb == SMTP_VERB_EHLO;
	s->offer = (struct ehlo_offer){ 0 };
	if (s->extended)
		ehlo_read(&ev->reply, &rules, &s->offer);
	session_end_transaction(s);
}

static void did_mail(struct smtp_session *s, const struct smtp_event *ev)
{
	s->mail_refused = !positive(ev->reply.code);
	s->refused_transaction = ev->transaction;
	if (ev->transaction != s->transaction)
		return;
	if (s->mail_refused)
		session_end_transaction(s);
	else
		s->mail = SMTP_MAIL_OPEN;
}

/* Of a transaction that is over nothing is moved any more. */
static void did_rcpt(struct smtp_session *s, const struct smtp_event *ev)
{
	if (ev->transaction != s->transaction)
		return;
	s->rcpt_sent--;
	s->rcpt_ok = (uint16_t)(s->rcpt_ok + positive(ev->reply.code));
}

/* A chunk's refusal counts also when the message's last one is on its way already. */
static void did_chunk(struct smtp_session *s, const struct smtp_event *ev)
{
	if (positive(ev->reply.code))
		return;
	s->chunk_failed = true;
	s->failed_transaction = ev->transaction;
	if (ev->transaction == s->transaction)
		s->mail = SMTP_MAIL_DEAD;
}

static void did(struct smtp_session *s, const struct smtp_event *ev)
{
	switch ((unsigned)ev->verb) {
	case SMTP_VERB_HELO:
	case SMTP_VERB_EHLO: did_hello(s, ev); return;
	case SMTP_VERB_MAIL: did_mail(s, ev); return;
	case SMTP_VERB_RCPT: did_rcpt(s, ev); return;
	case SMTP_VERB_BDAT: did_chunk(s, ev); return;
	}
}

/* Where the client's next octets belong, when this reply was what it waited for. */
static void go_on(struct smtp_session *s, const struct smtp_event *ev)
{
	const unsigned code = ev->reply.code;
	const bool sasl = ev->verb == SMTP_VERB_AUTH || ev->verb == SMTP_VERB_SASL;

	if (code == CLOSING || (ev->verb == SMTP_VERB_QUIT && positive(code)) ||
		(ev->verb == SMTP_VERB_BANNER && code != 220))
		session_enter(s, SMTP_ST_END);
	else if (ev->verb == SMTP_VERB_DATA && code == 354)
		text_begin(s);
	else if (sasl && code == 334)
		session_enter(s, SMTP_ST_SASL);
	else if (s->state == SMTP_ST_WAIT && s->queue.remote_n == 0)
		session_enter(s, SMTP_ST_COMMAND);
	s->authenticated = s->authenticated || (sasl && code == 235);
}

void replies_accept(struct smtp_session *s, const struct smtp_event *ev, struct out *to_client)
{
	reply_init(&s->reply);
	print_reply(s, ev, to_client);
	if (s->queue.remote_n > 0)
		queue_pop(&s->queue, to_client);
	did(s, ev);
	go_on(s, ev);
}
