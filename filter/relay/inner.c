/* SPDX-License-Identifier: ISC */
#include "filter/relay/inner.h"

#include "filter/relay/inside.h"

static const struct smtp_local doom = { .code = 421, .text = "4.4.2 Connection to next hop lost" };

void inner_init(struct inner *i, const struct inner_conf *conf)
{
	memset(i, 0, sizeof(*i));
	i->conf = *conf;
	line_init(&i->line, SMTP_COMMAND_MAX, SMTP_COMMAND_MAX);
	reply_init(&i->reply);
}

/* ---- what all share ---- */

void inner_say(struct inner *i, struct smtp_local local, struct out *to_engine)
{
	queue_local(&i->queue, local, to_engine);
}

void inner_consume(struct inner *i, size_t size, struct inner_out out)
{
	line_done(&i->line);
	out.step->engine = size;
}

void inner_answer(struct inner *i, size_t size, struct smtp_local local, struct inner_out out)
{
	inner_consume(i, size, out);
	inner_say(i, local, out.to_engine);
}

void inner_endless(struct inner *i, size_t size, struct inner_out out)
{
	i->doomed = true;
	i->state = INNER_COMMAND;
	inner_answer(i, size, INNER_REPLY(421, "4.3.0 Internal error"), out);
}

static void forget_transaction(struct inner *i)
{
	i->mail = INNER_MAIL_NONE;
	i->utf8 = i->chunked = false;
	i->rcpt_ok = 0;
	i->no_hop.code = 0;
}

/* Nobody can log in again for the client. */
static void drop_hop(struct inner *i)
{
	i->doomed = i->doomed || (i->exclusive && i->logged_in);
	i->want = (uint8_t)((i->want & ~INNER_RELEASE) | INNER_ABORT);
	i->has_hop = i->told = false;
	i->rset_owed = i->mail_owed = i->data_owed = false;
	reply_init(&i->reply);
}

/* Between two chunks the hop reads text: to it RSET would be a line of that. One that logged in for
 * this client serves nobody else; it has to forget the transaction now. */
void inner_end_transaction(struct inner *i, struct out *to_hop)
{
	const bool in_text = i->chunked;

	forget_transaction(i);
	if (!i->has_hop)
		return;
	if (in_text) {
		drop_hop(i);
	} else if (!i->exclusive) {
		i->want |= INNER_RELEASE;
	} else if (i->told) {
		out_str(to_hop, "RSET\r\n");
		i->rset_owed = true;
		i->told = false;
	}
}

void inner_swallow(struct inner *i, struct smtp_local local)
{
	i->drop = local;
	i->state = i->state == INNER_TEXT ? INNER_TEXT_SWALLOW : INNER_CHUNK_SWALLOW;
}

void inner_die(struct inner *i, struct smtp_local local)
{
	i->mail = INNER_MAIL_DEAD;
	i->death = local;
}

void inner_lose_hop(struct inner *i, struct smtp_local local, struct out *to_engine)
{
	const struct smtp_entry *head = queue_head(&i->queue);
	const bool at_end = head != NULL && head->verb == SMTP_VERB_DOT;

	if (!i->has_hop)
		return;
	drop_hop(i);
	inner_login_lost(i);
	if (i->state == INNER_LOGIN_AWAIT)
		local = inner_reply_of(CODE_LOGIN_UNKNOWN);
	if (i->state == INNER_TEXT || i->state == INNER_CHUNK)
		inner_swallow(i, local); /* then its words are about the message */
	else if (i->queue.n > 0)
		queue_abandon(&i->queue, i->doomed ? doom : local, to_engine);
	else if (i->doomed)
		inner_say(i, doom, to_engine);
	if (i->state == INNER_AWAIT || i->state == INNER_LOGIN_AWAIT)
		i->state = INNER_COMMAND;
	if (at_end) /* whatever became of the message, the transaction is over */
		forget_transaction(i);
	else if (i->mail != INNER_MAIL_NONE)
		inner_die(i, local);
}

void inner_give_up(struct inner *i, enum code why, struct span said, struct inner_out out)
{
	out.step->why = why;
	out.step->said = said;
	inner_lose_hop(i, inner_reply_of(why), out.to_engine);
}

/* ---- commands without a hop ---- */

uint32_t inner_extensions(const struct inner *i)
{
	const uint32_t always = SMTP_EXT_BIT(PIPELINING) | SMTP_EXT_BIT(SIZE) |
				SMTP_EXT_BIT(8BITMIME) | SMTP_EXT_BIT(CHUNKING) |
				SMTP_EXT_BIT(SMTPUTF8) | SMTP_EXT_BIT(DSN) |
				SMTP_EXT_BIT(ENHANCEDSTATUSCODES);
	const bool login = i->conf.relay->auth != NULL && i->secured; /* RFC 4954 4 */

	return always | (login ? SMTP_EXT_BIT(AUTH) : 0);
}

struct command_rules inner_rules(const struct inner *i)
{
	return (struct command_rules){
		.offered = inner_extensions(i),
		.line_max = i->conf.relay->front.smtp.line_max,
		.utf8 = i->utf8,
		.local_tolerant = i->conf.relay->front.smtp.local_tolerant,
	};
}

static void print_mechanisms(struct out *o, const struct auth *auth)
{
	out_str(o, "250-AUTH");
	for (size_t i = 0; i < auth->n_mechanisms; i++) {
		out_octet(o, ' ');
		out_str(o, auth->mechanisms[i]);
	}
	out_str(o, "\r\n");
}

static void print_offer(const struct inner *i, struct out *o)
{
	const uint64_t size = i->conf.relay->front.limits.message;
	const uint32_t offer = inner_extensions(i);

	out_str(o, "250-");
	out_str(o, i->conf.hostname);
	out_str(o, "\r\n250-PIPELINING\r\n250-SIZE");
	if (size > 0) {
		out_octet(o, ' ');
		out_u64(o, size);
	}
	out_str(o, "\r\n");
	if (offer & SMTP_EXT_BIT(AUTH))
		print_mechanisms(o, i->conf.relay->auth);
	out_str(o, "250-8BITMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n"
		   "250 ENHANCEDSTATUSCODES\r\n");
}

static void hello(
	struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	inner_end_transaction(i, out.to_hop);
	i->hello_done = true;
	i->extended = cmd->verb == SMTP_VERB_EHLO;
	i->hello_n = (uint8_t)cmd->arg.n;
	memcpy(i->hello, cmd->arg.p, cmd->arg.n);
	inner_consume(i, size, out);
	if (i->extended) { /* nothing is due before it: the caller has seen to that */
		print_offer(i, out.to_engine);
		return;
	}
	out_str(out.to_engine, "250 ");
	out_str(out.to_engine, i->conf.hostname);
	out_str(out.to_engine, "\r\n");
}

static bool local_command(
	struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	switch ((unsigned)cmd->verb) {
	case SMTP_VERB_HELO:
	case SMTP_VERB_EHLO: hello(i, cmd, size, out); return true;
	case SMTP_VERB_RSET:
		inner_end_transaction(i, out.to_hop);
		inner_answer(i, size, INNER_REPLY(250, "2.0.0 OK"), out);
		return true;
	case SMTP_VERB_NOOP: inner_answer(i, size, INNER_REPLY(250, "2.0.0 OK"), out); return true;
	case SMTP_VERB_HELP:
		inner_answer(i, size, INNER_REPLY(214, "2.0.0 See RFC 5321"), out);
		return true;
	case SMTP_VERB_VRFY: /* RFC 5321 3.5.3 */
		inner_answer(i, size, INNER_REPLY(252, "2.1.5 Cannot verify, send and see"), out);
		return true;
	case SMTP_VERB_QUIT:
		inner_end_transaction(i, out.to_hop);
		inner_answer(i, size, INNER_REPLY(221, "2.0.0 Bye"), out);
		return true;
	}
	inner_answer(i, size, INNER_REPLY(502, "5.5.1 Command not available"), out);
	return true;
}

/* ---- steps ---- */

static bool carry_out(
	struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	if (i->doomed) {
		inner_answer(i, size, doom, out);
		return true;
	}
	if (cmd->verb == SMTP_VERB_RCPT)
		return inner_rcpt(i, cmd, size, out);
	if (i->queue.n > 0 || i->mail_owed || i->rset_owed)
		return false; /* in its turn */
	switch ((unsigned)cmd->verb) {
	case SMTP_VERB_MAIL: return inner_mail(i, cmd, size, out);
	case SMTP_VERB_DATA: return inner_data(i, size, out);
	case SMTP_VERB_BDAT: return inner_bdat(i, cmd, size, out);
	case SMTP_VERB_AUTH: return inner_auth(i, cmd, size, out);
	}
	return local_command(i, cmd, size, out);
}

/* The engine prints what can be read; should it not, nothing of it goes on. */
static bool command_step(struct inner *i, struct span window, struct inner_out out)
{
	struct line_reader r = i->line; /* kept only while the line goes on */
	const struct command_rules rules = inner_rules(i);
	struct smtp_command cmd;
	size_t size, at;

	if (queue_full(&i->queue))
		return false;
	switch (line_next(&r, window.p, window.n, &size)) {
	case LINE_MORE: i->line = r; return false;
	case LINE_CRLF: break;
	case LINE_DROP:
	case LINE_ENDLESS: inner_endless(i, window.n, out); return true;
	}
	if (r.flaws == 0 &&
		command_parse(span_sub(window, 0, size - 2), &rules, &cmd, &at) == SMTP_DEFECT_NONE)
		return carry_out(i, &cmd, size, out);
	inner_answer(i, size, INNER_REPLY(500, "5.5.2 Command unrecognized"), out);
	return true;
}

static bool greet(struct inner *i, struct out *to_engine)
{
	out_str(to_engine, "220 ");
	out_str(to_engine, i->conf.hostname);
	out_str(to_engine, " ESMTP\r\n");
	i->state = INNER_COMMAND;
	return true;
}

static bool engine_step(struct inner *i, struct span window, struct inner_out out)
{
	switch (i->state) {
	case INNER_GREET: return greet(i, out.to_engine);
	case INNER_COMMAND: return command_step(i, window, out);
	case INNER_SASL: return inner_response(i, window, out);
	case INNER_AWAIT:
	case INNER_LOGIN_AWAIT: return false;
	case INNER_TEXT:
	case INNER_CHUNK:
	case INNER_TEXT_SWALLOW:
	case INNER_CHUNK_SWALLOW: return inner_text(i, window, out);
	}
	return false;
}

bool inner_step(struct inner *i, struct span engine, struct span hop, struct out *to_engine,
	struct out *to_hop, struct inner_step *step)
{
	const struct inner_out out = { to_engine, to_hop, step };

	*step = (struct inner_step){ .why = CODE_COUNT };
	if (i->want != 0)
		return false;
	return inner_hop_step(i, hop, out) || engine_step(i, engine, out);
}

/* ---- events ---- */

struct smtp_local inner_reply_of(enum code code)
{
	const struct code_info *info = code_info(code);

	return (struct smtp_local){ .code = info->reply, .text = info->reply_text };
}

void inner_hop_gone(struct inner *i)
{
	i->want &= (uint8_t) ~(INNER_RELEASE | INNER_ABORT);
	i->has_hop = i->exclusive = i->told = false;
	i->route = NULL;
	reply_init(&i->reply);
}

void inner_hop_lost(struct inner *i, struct out *to_engine)
{
	inner_lose_hop(i, inner_reply_of(CODE_HOP_LOST), to_engine);
}

void inner_secured(struct inner *i, const char *version, const char *cipher)
{
	struct out o;

	out_init(&o, i->tls, sizeof(i->tls) - 1);
	out_str(&o, version);
	out_octet(&o, ' ');
	out_str(&o, cipher);
	i->tls[o.n] = '\0';
	i->secured = true;
	inner_reset(i);
	i->hello_done = i->extended = i->logged_in = i->doomed = false;
	i->hello_n = 0;
}

/* In step or not: a hop that has part of a message, or owes a reply that nobody awaits, is of no
 * use to anybody. */
void inner_reset(struct inner *i)
{
	const bool clean = i->mail == INNER_MAIL_NONE && i->queue.n == 0 && !i->mail_owed &&
			   !i->rset_owed && !i->data_owed;
	const bool login = i->state == INNER_LOGIN_AWAIT || i->state == INNER_SASL ||
			   i->gate != INNER_GATE_SHUT;

	i->gate = INNER_GATE_SHUT;
	i->gate_refusal.code = 0;
	i->queue = (struct smtp_queue){ 0 };
	forget_transaction(i);
	if (i->state != INNER_GREET)
		i->state = INNER_COMMAND;
	line_done(&i->line);
	if (i->has_hop && (!clean || login))
		drop_hop(i);
	i->want &= (uint8_t) ~(INNER_HOP | INNER_LOGIN | INNER_LOGIN_MORE);
	if (login)
		i->want |= INNER_LOGIN_CANCEL;
}
