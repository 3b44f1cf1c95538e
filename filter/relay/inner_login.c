/* SPDX-License-Identifier: ISC */
#include "filter/relay/inside.h"
#include "rules/view.h"

static const struct smtp_local cancelled = { .code = 501,
	.text = "5.7.0 Authentication cancelled" };

static bool by_next_hop(const struct inner *i)
{
	return i->conf.relay->auth->via == AUTH_NEXT_HOP;
}

/* ---- AUTH (RFC 4954 4) ---- */

static bool offered(const struct auth *auth, struct span mechanism)
{
	for (size_t i = 0; i < auth->n_mechanisms; i++)
		if (span_ieq(span_str(auth->mechanisms[i]), mechanism))
			return true;
	return false;
}

static struct smtp_local judge(const struct inner *i, const struct smtp_command *cmd)
{
	if (!i->secured)
		return INNER_REPLY(530, "5.7.0 Must issue a STARTTLS command first");
	if (!i->extended || i->logged_in || i->mail != INNER_MAIL_NONE)
		return INNER_REPLY(503, "5.5.1 Bad sequence of commands");
	if (i->conf.relay->auth == NULL)
		return INNER_REPLY(502, "5.5.1 Command not available");
	if (!offered(i->conf.relay->auth, cmd->arg))
		return INNER_REPLY(504, "5.5.4 Mechanism not offered");
	return INNER_REPLY(0, NULL);
}

/* Who asked whether the client may try is told that it did not. */
static void shut(struct inner *i)
{
	if (i->gate != INNER_GATE_SHUT)
		i->want |= INNER_LOGIN_CANCEL;
	i->gate = INNER_GATE_SHUT;
}

/* True: the line waits, or was refused. */
static bool held_at_gate(
	struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	if (i->gate == INNER_GATE_OPEN)
		return false;
	if (i->gate_refusal.code != 0) {
		inner_answer(i, size, i->gate_refusal, out);
		i->gate_refusal.code = 0;
		return true;
	}
	out.step->mechanism = cmd->arg;
	i->gate = INNER_GATE_ASKED;
	i->state = INNER_LOGIN_AWAIT;
	i->want |= INNER_LOGIN;
	return true;
}

/* False: the hop is not there yet. */
static bool pass_to_hop(
	struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	if (held_at_gate(i, cmd, size, out))
		return true;
	if (!i->has_hop && i->no_hop.code != 0) {
		shut(i);
		inner_answer(i, size, i->no_hop, out);
		i->no_hop.code = 0; /* the next AUTH asks again */
		return true;
	}
	if (!i->has_hop) {
		const struct route *route = relay_named_route(i->conf.relay);

		if (route != NULL) {
			inner_choose(i, route, (struct span){ NULL, 0 }, true);
			return true;
		}
		shut(i);
		inner_answer(i, size, inner_reply_of(CODE_LOGIN_UNKNOWN), out);
		return true;
	}
	if (!(i->offer.extensions & SMTP_EXT_BIT(AUTH))) { /* no secret for who did not ask */
		out.step->why = CODE_LOGIN_UNKNOWN;
		out.step->said = SPAN("next hop offers no AUTH");
		shut(i);
		inner_answer(i, size, inner_reply_of(CODE_LOGIN_UNKNOWN), out);
		return true;
	}
	inner_consume(i, size, out);
	command_print(out.to_hop, cmd);
	queue_remote(&i->queue, SMTP_VERB_AUTH, 0);
	i->gate = INNER_GATE_PASSED;
	i->state = INNER_LOGIN_AWAIT;
	return true;
}

bool inner_auth(struct inner *i, const struct smtp_command *cmd, size_t size, struct inner_out out)
{
	const struct smtp_local reply = judge(i, cmd);

	if (reply.code != 0) {
		inner_answer(i, size, reply, out);
		return true;
	}
	if (by_next_hop(i))
		return pass_to_hop(i, cmd, size, out);
	inner_consume(i, size, out);
	out.step->mechanism = cmd->arg;
	out.step->text = cmd->initial;
	out.step->has_text = cmd->has_initial;
	i->state = INNER_LOGIN_AWAIT;
	i->want |= INNER_LOGIN;
	return true;
}

/* ---- responses ---- */

static void respond(struct inner *i, const struct smtp_command *cmd, size_t size, bool cancel,
	struct inner_out out)
{
	if (by_next_hop(i) && !i->has_hop) {
		shut(i);
		inner_answer(i, size, inner_reply_of(CODE_LOGIN_UNKNOWN), out);
		i->state = INNER_COMMAND;
	} else if (by_next_hop(i)) {
		inner_consume(i, size, out);
		command_print(out.to_hop, cmd);
		queue_remote(&i->queue, SMTP_VERB_SASL, 0);
		i->state = INNER_LOGIN_AWAIT;
	} else if (cancel) {
		inner_answer(i, size, cancelled, out);
		i->state = INNER_COMMAND;
		i->want |= INNER_LOGIN_CANCEL;
	} else {
		inner_consume(i, size, out);
		out.step->text = cmd->initial;
		out.step->has_text = true;
		i->state = INNER_LOGIN_AWAIT;
		i->want |= INNER_LOGIN_MORE;
	}
}

bool inner_response(struct inner *i, struct span window, struct inner_out out)
{
	struct line_reader r = i->line;
	struct smtp_command cmd = { .verb = SMTP_VERB_SASL };
	const struct span star = SPAN("*");
	struct span line;
	size_t size, at;

	switch (line_next(&r, window.p, window.n, &size)) {
	case LINE_MORE: i->line = r; return false;
	case LINE_CRLF: break;
	case LINE_DROP:
	case LINE_ENDLESS: inner_endless(i, window.n, out); return true;
	}
	line = span_sub(window, 0, size - 2);
	if (r.flaws != 0 || sasl_parse(line, &cmd, &at) != SMTP_DEFECT_NONE) {
		line = star; /* what cannot be read ends the exchange */
		(void)sasl_parse(line, &cmd, &at);
	}
	cmd.verb = SMTP_VERB_SASL;
	respond(i, &cmd, size, span_eq(line, star), out);
	return true;
}

/* ---- what the exchange says ---- */

struct smtp_local inner_login_reply(unsigned code)
{
	switch (code) {
	case 235: return INNER_REPLY(235, "2.7.0 Authentication successful");
	case 501: return INNER_REPLY(501, "5.5.2 Cannot decode response");
	case 504: return INNER_REPLY(504, "5.5.4 Mechanism not offered");
	case 535: return inner_reply_of(CODE_LOGIN_FAILED);
	}
	return inner_reply_of(CODE_LOGIN_UNKNOWN);
}

void inner_login_told(struct inner *i)
{
	i->want &= (uint8_t) ~(INNER_LOGIN | INNER_LOGIN_MORE | INNER_LOGIN_CANCEL);
}

void inner_login_challenge(struct inner *i, struct span challenge, struct out *to_engine)
{
	if (i->state != INNER_LOGIN_AWAIT || challenge.n > INNER_CHALLENGE)
		return;
	if (by_next_hop(i)) {
		if (i->gate == INNER_GATE_ASKED) {
			i->gate = INNER_GATE_OPEN;
			i->state = INNER_COMMAND; /* the line is read again */
		}
		return;
	}
	out_str(to_engine, "334 ");
	out_bytes(to_engine, challenge);
	out_str(to_engine, "\r\n");
	i->state = INNER_SASL;
}

void inner_login_done(struct inner *i, struct smtp_local reply, struct out *to_engine)
{
	if (i->state != INNER_LOGIN_AWAIT)
		return;
	if (by_next_hop(i)) {
		if (i->gate == INNER_GATE_ASKED) {
			i->gate = INNER_GATE_SHUT;
			i->gate_refusal = reply;
			i->state = INNER_COMMAND;
		}
		return;
	}
	i->logged_in = reply.code == 235;
	i->state = INNER_COMMAND;
	inner_say(i, reply, to_engine);
}

void inner_hop_login(struct inner *i, unsigned code, struct inner_step *step)
{
	i->logged_in = code == 235;
	i->state = code == 334 ? INNER_SASL : INNER_COMMAND;
	if (code != 235 && code != 535) {
		if (code != 334)
			shut(i);
		return;
	}
	i->gate = INNER_GATE_SHUT;
	i->want |= INNER_LOGIN_MORE;
	step->text = code == 235 ? SPAN("235") : SPAN("535");
	step->has_text = true;
}

void inner_login_lost(struct inner *i)
{
	if (i->gate == INNER_GATE_PASSED)
		shut(i);
}
