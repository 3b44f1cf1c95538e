/* SPDX-License-Identifier: ISC */
#include "filter/policy/inspect.h"

#include "filter/policy/acts.h"

/* ---- beginnings ---- */

/* The attributes of Postfix's XCLIENT_README: IPv6 addresses bear a prefix. */
static void set_xclient(struct inspect *i, const struct ip_port *client)
{
	struct out o;

	out_init(&o, i->xclient, sizeof i->xclient);
	out_str(&o, client->ip.family == IP_V6 ? "ADDR=IPV6:" : "ADDR=");
	ip_print(&o, &client->ip);
	out_str(&o, " PORT=");
	out_u64(&o, client->port);
	i->xclient_n = (uint8_t)o.n;
}

void inspect_init(struct inspect *i, const struct publish *rule, const struct inspect_ops *ops,
	void *context, const struct ip_port *client)
{
	memset(i, 0, sizeof *i);
	i->rule = rule;
	i->ops = ops;
	i->context = context;
	i->want = INSPECT_DIAL;
	smtp_session_init(&i->smtp, &rule->smtp);
	if (rule->client_address == CLIENT_XCLIENT)
		set_xclient(i, client);
}

void inspect_dialled(struct inspect *i)
{
	i->want &= (uint8_t)~INSPECT_DIAL;
	i->dialled = true;
	i->greeting = i->relinking || i->xclient_n > 0;
	if (i->greeting)
		greet_init(&i->greet, i->relinking);
}

void inspect_reset_done(struct inspect *i)
{
	i->want &= (uint8_t)~INSPECT_RESET_SERVER;
}

void inspect_reset_kept(struct inspect *i)
{
	inspect_reset_done(i);
	if (i->want & INSPECT_END)
		return;
	i->dialled = true;
	smtp_relinked(&i->smtp);
}

/* ---- TLS with the client ---- */

void inspect_init_relay(struct inspect *i, enum policy_tls tls, bool login_required)
{
	i->tls = tls;
	i->login_required = login_required;
	i->smtp.starttls = tls == POLICY_TLS_OFFERED || tls == POLICY_TLS_REQUIRED;
}

void inspect_secured(struct inspect *i)
{
	i->want &= (uint8_t)~INSPECT_TLS;
	i->tls = POLICY_TLS_ON;
	i->no_room = false;
	acts_forget(i);
	smtp_secured(&i->smtp);
}

/* ---- a new server connection, on its way into step ---- */

static struct greet_words words_of(const struct inspect *i)
{
	const struct smtp_session *s = &i->smtp;

	return (struct greet_words){
		.hostname = i->rule->smtp.hostname,
		.xclient = span_of(i->xclient, i->xclient_n),
		.hello = s->hello_done ? span_of(s->hello, s->hello_n) : span_of(NULL, 0),
		.extended = s->extended,
		.rules = { .allow = s->conf->extensions, .max_size = s->conf->max_message },
	};
}

/* What the client was told holds on: a new connection may offer more, never less. */
static bool offer_holds(const struct ehlo_offer *old, const struct ehlo_offer *new)
{
	return (old->extensions & ~new->extensions) == 0 &&
	       (new->size == 0 || (old->size != 0 && new->size >= old->size));
}

static void in_step(struct inspect *i, struct out *to_client)
{
	i->greeting = false;
	if (!i->relinking)
		return;
	i->relinking = false;
	if (offer_holds(&i->smtp.offer, &i->greet.offer)) {
		smtp_relinked(&i->smtp);
	} else {
		const struct verdict v = policy_code(CODE_S_SHRUNK);
		acts_end(i, INSPECT_NOTE_SERVER, &v, to_client);
	}
}

static bool step_greeting(struct inspect *i, const uint8_t *win, size_t n, struct acts_out out,
	struct inspect_step *step)
{
	const struct greet_words words = words_of(i);
	enum code code = CODE_S_REPLY_SYNTAX;
	struct verdict v;

	switch (greet_next(&i->greet, &words, win, n, &step->size, out.to_server)) {
	case GREET_MORE: return step->size > 0;
	case GREET_DONE: in_step(i, out.to_client); return true;
	case GREET_REFUSED: code = CODE_SERVER_GREETING; break;
	case GREET_NO_XCLIENT: code = CODE_SERVER_NO_XCLIENT; break;
	case GREET_FAULT: break;
	}
	v = policy_code(code);
	acts_end(i, INSPECT_NOTE_SERVER, &v, out.to_client);
	return true;
}

/* ---- steps ---- */

static bool act_fault(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	const struct verdict v = policy_fault((enum smtp_fault)ev->code);

	acts_end(i, INSPECT_NOTE_FAULT, &v, out.to_client);
	return true;
}

/* A server that said 354 reads text, whether it should have said so or not. */
static bool grants_text(const struct smtp_event *ev)
{
	return ev->verb == SMTP_VERB_DATA && ev->reply.code == 354;
}

static bool step_server(struct inspect *i, const uint8_t *win, size_t n, struct acts_out out,
	struct inspect_step *step)
{
	struct smtp_event ev;

	if (!i->dialled || n == 0)
		return false;
	if (i->greeting)
		return step_greeting(i, win, n, out, step);
	smtp_next(&i->smtp, SMTP_S2C, win, n, &ev);
	step->size = ev.size;
	if (ev.type == SMTP_EV_FAULT) {
		i->in_message = i->in_message || grants_text(&ev);
		return act_fault(i, &ev, out);
	}
	if (ev.type != SMTP_EV_REPLY)
		return false;
	acts_reply(i, &ev, out);
	return true;
}

/* The client is gone and everything it sent was carried out: does the server still owe an outcome?
 */
static bool nothing_to_await(const struct inspect *i)
{
	const enum smtp_verb owed = smtp_owed(&i->smtp);

	return owed == SMTP_VERB_COUNT || owed == SMTP_VERB_BANNER || i->relinking ||
	       acts_reads_text(i);
}

static bool end_without_client(struct inspect *i)
{
	const bool in_text = acts_in_message(i);

	if (!nothing_to_await(i))
		return false;
	acts_message(i, CODE_MESSAGE_ABORTED, 0, span_of(NULL, 0), 0);
	smtp_end(&i->smtp, (struct smtp_local){ 0 }, NULL);
	acts_finish(i, in_text);
	return true;
}

static bool step_client(struct inspect *i, const uint8_t *win, size_t n, struct acts_out out,
	struct inspect_step *step)
{
	const bool in_text = acts_reads_text(i);
	struct smtp_event ev;

	/* while a new connection comes into step, the client's next command waits for it */
	smtp_next(&i->smtp, SMTP_C2S, win, i->relinking ? 0 : n, &ev);
	step->size = ev.size;
	i->behind = n > ev.size;
	i->text_octets += in_text ? ev.size : 0;
	switch (ev.type) {
	case SMTP_EV_NONE: return i->client_gone && end_without_client(i);
	case SMTP_EV_SKIP: return true;
	case SMTP_EV_BODY: step->forward = ev.text; return true;
	case SMTP_EV_COMMAND:
		if (!acts_command(i, &ev, out))
			step->size = 0;
		return true;
	case SMTP_EV_DEFECT: acts_defect(i, &ev, out); return true;
	case SMTP_EV_BODY_END: acts_body_end(i, &ev, out, step); return true;
	case SMTP_EV_FAULT: return act_fault(i, &ev, out);
	case SMTP_EV_REPLY: break;
	}
	return false;
}

bool inspect_step(struct inspect *i, enum smtp_dir dir, const uint8_t *win, size_t n,
	struct out *to_client, struct out *to_server, struct inspect_step *step)
{
	const struct acts_out out = { to_client, to_server };

	*step = (struct inspect_step){ 0 };
	if (i->want & INSPECT_END)
		return false;
	i->in_message = acts_in_message(i);
	return dir == SMTP_S2C ? step_server(i, win, n, out, step)
			       : step_client(i, win, n, out, step);
}

/* ---- what happens to the connections ---- */

/* The client is in the middle of a message: it hears of the loss at the end, when it listens. */
static void lost_in_text(struct inspect *i, const struct verdict *v, struct out *to_client)
{
	const struct smtp_event none = { .type = SMTP_EV_DEFECT };
	struct out nothing = { 0 };

	i->refusal = acts_local(i, v);
	acts_note(i, &(struct inspect_note){ .type = INSPECT_NOTE_SERVER,
			     .code = v->code,
			     .incident = i->refusal.incident,
			     .reply = i->refusal.code,
			     .transaction = i->message_transaction });
	smtp_refuse(&i->smtp, &none, i->refusal, to_client, &nothing);
	i->want |= INSPECT_RESET_SERVER;
	i->end_after_drop = true;
}

void inspect_server_lost(struct inspect *i, enum code code, struct out *to_client)
{
	struct verdict v = policy_code(code);

	if (i->want & INSPECT_END)
		return;
	i->dialled = false;
	if (acts_in_text(i)) {
		lost_in_text(i, &v, to_client);
		return;
	}
	if (acts_fate(i) == CODE_MESSAGE_UNKNOWN) { /* RFC 1047: sending again is right, whatever
						  the server did */
		const struct verdict unknown = policy_code(CODE_MESSAGE_UNKNOWN);
		v.reply = unknown.reply;
		v.text = unknown.text;
	}
	acts_end(i, INSPECT_NOTE_SERVER, &v, to_client);
}

void inspect_client_lost(struct inspect *i)
{
	i->client_gone = true;
}

void inspect_cut(struct inspect *i, enum code code, struct out *to_client)
{
	const struct verdict v = policy_code(code);

	if (!(i->want & INSPECT_END))
		acts_end(i, INSPECT_NOTE_FAULT, &v, to_client);
}

void inspect_abort(struct inspect *i)
{
	acts_count_text(i);
}

bool inspect_ready(const struct inspect *i, enum smtp_dir dir)
{
	if (i->want & INSPECT_END)
		return false;
	if (dir == SMTP_S2C)
		return i->dialled && (i->greeting || smtp_ready(&i->smtp, SMTP_S2C));
	return !i->relinking && smtp_ready(&i->smtp, SMTP_C2S);
}

enum inspect_phase inspect_phase(const struct inspect *i)
{
	const enum smtp_verb owed = smtp_owed(&i->smtp);

	if (i->want & INSPECT_END)
		return INSPECT_PHASE_END;
	if (i->want & INSPECT_TLS)
		return INSPECT_PHASE_TLS;
	if (i->relinking || i->greeting || owed == SMTP_VERB_BANNER)
		return INSPECT_PHASE_DIAL;
	if (acts_reads_text(i))
		return INSPECT_PHASE_TEXT;
	if (owed == SMTP_VERB_COUNT)
		return INSPECT_PHASE_COMMAND;
	return owed == SMTP_VERB_DOT ? INSPECT_PHASE_DONE : INSPECT_PHASE_REPLY;
}
