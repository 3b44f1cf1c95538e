/* SPDX-License-Identifier: ISC */
#include "filter/policy/acts.h"

/* ---- counting ---- */

static void count_pass(struct inspect *i, const struct smtp_command *cmd)
{
	if (cmd->verb < SMTP_VERB_MODELLED && i->per_message[cmd->verb] < UINT16_MAX)
		i->per_message[cmd->verb]++;
	i->recipients += cmd->verb == SMTP_VERB_RCPT;
}

/* A new transaction, or none: what was counted per message starts again. */
static void forget_counts(struct inspect *i)
{
	memset(i->per_message, 0, sizeof i->per_message);
	i->recipients = 0;
}

void acts_forget(struct inspect *i)
{
	acts_note_forgotten(i);
	forget_counts(i);
	i->message_open = false;
}

/* Commands that bring no message nearer (DOS-05). */
static bool is_junk(enum smtp_verb verb)
{
	return verb == SMTP_VERB_NOOP || verb == SMTP_VERB_RSET || verb == SMTP_VERB_VRFY ||
	       verb == SMTP_VERB_EXPN || verb == SMTP_VERB_HELP || verb == SMTP_VERB_ETRN ||
	       verb == SMTP_VERB_HELO || verb == SMTP_VERB_EHLO;
}

static void end_over_limit(
	struct inspect *i, enum code code, struct rules_at at, struct acts_out out)
{
	struct verdict v = policy_code(code);

	v.at = at;
	acts_end(i, INSPECT_NOTE_FAULT, &v, out.to_client);
}

/* Of all sessions of the client together. */
static void count_shared_error(struct inspect *i, struct acts_out out)
{
	struct limit_answer a;

	if (!windows_of(&i->rule->limits, TALLY_ERRORS))
		return;
	i->ops->count(i->context, TALLY_ERRORS, 1);
	a = i->ops->room(i->context, TALLY_ERRORS, 0, false);
	if (a.code != CODE_COUNT && !(i->want & INSPECT_END))
		end_over_limit(i, a.code, a.at, out);
}

void acts_count_error(struct inspect *i, struct acts_out out)
{
	const struct rule_limits *limits = &i->rule->limits;

	if (i->errors < UINT16_MAX)
		i->errors++;
	if (limits->errors > 0 && i->errors >= limits->errors)
		end_over_limit(i, CODE_LIMIT_ERRORS, limits->windows[TALLY_ERRORS].at, out);
	count_shared_error(i, out);
}

/* A command that brings no message nearer, and is no error either. */
static void count_junk(struct inspect *i, struct acts_out out)
{
	if (i->junk >= INSPECT_JUNK_MAX)
		end_over_limit(i, CODE_LIMIT_JUNK, (struct rules_at){ 0 }, out);
	else
		i->junk++;
}

/* ---- refusing ---- */

/*
 * Does the line begin with AUTH, with blanks and worse before it? @broken: or a line within it, as
 * a client means it that ends its lines by LF or CR alone.
 */
static bool holds_auth(struct span line, bool broken)
{
	bool start = true;

	for (; line.n > 0; line = span_from(line, 1)) {
		if (start &&
			(span_istarts(line, SPAN("AUTH")) || span_istarts(line, SPAN("X-EXPS"))))
			return true;
		start = line.p[0] <= ' ' && (start || (broken && line.p[0] < ' '));
		if (!start && !broken)
			return false;
	}
	return false;
}

/* AUTH, or Exchange's own form of it, as a client may have meant it. */
static bool is_auth(const struct smtp_event *ev)
{
	return ev->verb == SMTP_VERB_AUTH || ev->verb == SMTP_VERB_X_EXPS ||
	       holds_auth(ev->text, ev->verb == SMTP_VERB_OTHER);
}

/*
 * What a log may hold of a line: nothing of an authentication, however malformed. Behind an AUTH
 * that was refused, some clients send user name and password all the same, as lines that are no
 * commands.
 */
static struct span loggable(struct inspect *i, const struct smtp_event *ev)
{
	if (ev->verb == SMTP_VERB_SASL)
		return span_of(NULL, 0);
	if (is_auth(ev)) {
		i->auth_seen = true;
		return SPAN("AUTH");
	}
	if (ev->verb == SMTP_VERB_BURL) /* RFC 4468 3: its URL may hold the right to read */
		return SPAN("BURL");
	if (i->auth_seen && ev->verb == SMTP_VERB_OTHER)
		return SPAN("(not shown behind AUTH)");
	return ev->text;
}

static void note_denial(struct inspect *i, const struct smtp_event *ev, const struct verdict *v,
	const struct smtp_local *local)
{
	acts_note(i, &(struct inspect_note){
			     .type = INSPECT_NOTE_DENIAL,
			     .code = v->code,
			     .incident = local->incident,
			     .verb = ev->verb,
			     .transaction = ev->transaction,
			     .reply = local->code,
			     .text = loggable(i, ev),
			     .octets = ev->text.n,
			     .offset = ev->offset,
			     .at = v->at,
		     });
}

/* A recipient refused here stands in the message's record beside those the server judged. */
static void note_refused_rcpt(
	struct inspect *i, const struct smtp_event *ev, const struct smtp_local *local)
{
	acts_note(i, &(struct inspect_note){
			     .type = INSPECT_NOTE_RCPT,
			     .verb = SMTP_VERB_RCPT,
			     .transaction = ev->transaction,
			     .reply = local->code,
			     .text = span_str(local->text),
			     .path = &ev->command.path,
		     });
}

static void refuse_command(struct inspect *i, const struct smtp_event *ev, const struct verdict *v,
	struct acts_out out)
{
	const struct smtp_local local = acts_local(i, v);

	note_denial(i, ev, v, &local);
	if (ev->type == SMTP_EV_COMMAND && ev->verb == SMTP_VERB_RCPT)
		note_refused_rcpt(i, ev, &local);
	if (ev->verb == SMTP_VERB_BDAT) /* a chunk is missing: the message is lost */
		acts_message(
			i, CODE_MESSAGE_REFUSED, local.code, span_str(local.text), local.incident);
	smtp_refuse(&i->smtp, ev, local, out.to_client, out.to_server);
}

static void refuse_text(struct inspect *i, const struct smtp_event *ev, const struct verdict *v,
	struct acts_out out)
{
	i->refusal = acts_local(i, v);
	note_denial(i, ev, v, &i->refusal);
	i->message_octets = i->smtp.body.octets;
	smtp_refuse(&i->smtp, ev, i->refusal, out.to_client, out.to_server);
	i->want |= INSPECT_RESET_SERVER;
	i->dialled = false;
	acts_count_error(i, out);
}

void acts_defect(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	struct verdict v = policy_defect(i->rule, (enum smtp_defect)ev->code, ev->verb);

	if (acts_in_text(i)) {
		refuse_text(i, ev, &v, out);
		return;
	}
	/* whatever else is the matter with it */
	if (i->tls == POLICY_TLS_REQUIRED && !policy_goes_before_tls(ev->verb))
		v = policy_code(CODE_AFTER_TLS);
	refuse_command(i, ev, &v, out);
	if (ev->code == SMTP_DEFECT_SEQUENCE && i->no_room)
		count_junk(i, out); /* it was sent before its MAIL was refused (RFC 2920 3.1) */
	else
		acts_count_error(i, out);
}

/* ---- letting through ---- */

static void note_pass(struct inspect *i, const struct smtp_event *ev)
{
	struct inspect_note note = {
		.type = INSPECT_NOTE_COMMAND,
		.code = CODE_COMMAND_PASSED,
		.verb = ev->verb,
		.transaction = ev->transaction,
		.text = loggable(i, ev),
		.path = &ev->command.path,
		.octets = ev->text.n,
	};

	acts_note(i, &note);
	switch ((unsigned)ev->verb) {
	case SMTP_VERB_HELO:
	case SMTP_VERB_EHLO:
		note.type = INSPECT_NOTE_HELLO;
		note.text = ev->command.arg;
		break;
	case SMTP_VERB_MAIL: note.type = INSPECT_NOTE_MAIL; break;
	case SMTP_VERB_RCPT: note.type = INSPECT_NOTE_RCPT; break;
	case SMTP_VERB_RSET:
		note.type = INSPECT_NOTE_FORGET;
		note.code = CODE_MESSAGE_NONE;
		break;
	default: return;
	}
	acts_note(i, &note);
}

static void did_pass(struct inspect *i, const struct smtp_event *ev)
{
	switch ((unsigned)ev->verb) {
	case SMTP_VERB_MAIL:
		forget_counts(i);
		i->no_room = false;
		break;
	case SMTP_VERB_RSET:
		forget_counts(i);
		i->no_room = false;
		/* a message that went inward whole has an outcome all the same */
		i->message_open = i->message_open && !i->smtp.chunked;
		break;
	case SMTP_VERB_BDAT:
		i->message_open = true;
		i->message_transaction = ev->transaction;
		break;
	}
	count_pass(i, &ev->command);
}

static void pass(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	note_pass(i, ev);
	did_pass(i, ev);
	smtp_accept(&i->smtp, ev, out.to_client, out.to_server);
}

/* ---- while there is no server: after a message was refused in its text ---- */

static bool answer_here(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	static const struct smtp_local bye = { .code = 221, .text = "2.0.0 Bye" };
	static const struct smtp_local ok = { .code = 250, .text = "2.0.0 OK" };

	if (ev->verb != SMTP_VERB_QUIT && ev->verb != SMTP_VERB_RSET && ev->verb != SMTP_VERB_NOOP)
		return false;
	smtp_answer(&i->smtp, ev, ev->verb == SMTP_VERB_QUIT ? bye : ok, out.to_client);
	if (ev->verb == SMTP_VERB_QUIT)
		acts_finish(i, false);
	return true;
}

/* DESIGN 1.2: nobody can authenticate again in the client's name. */
static void dial_again(struct inspect *i, struct acts_out out)
{
	const struct verdict shrunk = policy_code(CODE_S_SHRUNK);

	if (i->smtp.authenticated) {
		acts_end(i, INSPECT_NOTE_SERVER, &shrunk, out.to_client);
		return;
	}
	i->want |= INSPECT_DIAL;
	i->relinking = true;
}

/* ---- STARTTLS ---- */

/* What stands behind it was written before there was TLS, whoever wrote it. It is not dropped, as
 * it might be: then whether a session with it goes on would depend on how its octets were cut. */
static void secure(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	static const struct smtp_local ready = { .code = 220, .text = "2.0.0 Ready to start TLS" };
	const struct verdict injected = policy_code(CODE_C_TLS_INJECTION);

	if (i->behind) {
		acts_end(i, INSPECT_NOTE_FAULT, &injected, out.to_client);
		return;
	}
	note_pass(i, ev);
	smtp_secure(&i->smtp, ready, out.to_client);
	i->want |= INSPECT_TLS;
}

static bool carry_out(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	if (ev->verb == SMTP_VERB_STARTTLS) {
		secure(i, ev, out);
		return true;
	}
	if (i->smtp.linked) {
		pass(i, ev, out);
		return true;
	}
	if (answer_here(i, ev, out))
		return true;
	dial_again(i, out);
	return false;
}

/* ---- deciding ---- */

static struct verdict decide(const struct inspect *i, const struct smtp_event *ev)
{
	const struct policy_facts facts = {
		.recipients = i->recipients,
		.verbs = ev->verb < SMTP_VERB_MODELLED ? i->per_message[ev->verb] : 0,
		.offered = i->smtp.offer.extensions,
		.tls = i->tls,
		.login_required = i->login_required,
		.logged_in = i->smtp.authenticated,
	};

	return policy_command(i->rule, &facts, &ev->command);
}

/* Is there room for it in what all sessions share? Asked last: only what passes is counted. */
static struct verdict within_limits(struct inspect *i, const struct smtp_event *ev)
{
	struct limit_answer a = { .code = CODE_COUNT };
	struct verdict v = { .pass = true };

	if (ev->verb == SMTP_VERB_MAIL && windows_of(&i->rule->limits, TALLY_OCTETS))
		a = i->ops->room(i->context, TALLY_OCTETS, ev->command.params.size, false);
	else if (ev->verb == SMTP_VERB_RCPT && windows_of(&i->rule->limits, TALLY_RECIPIENTS))
		a = i->ops->room(i->context, TALLY_RECIPIENTS, 1, true);
	if (a.code == CODE_COUNT)
		return v;
	v = policy_code(a.code);
	v.at = a.at;
	return v;
}

/* An honest client that is over a limit made no error: it only has to come again later. Its surplus
 * recipients are bounded as all of a message are, so that those before them get it. */
static void refuse_for_now(struct inspect *i, const struct smtp_event *ev, const struct verdict *v,
	struct acts_out out)
{
	i->no_room = true;
	refuse_command(i, ev, v, out);
	if (ev->verb == SMTP_VERB_RCPT)
		i->recipients++;
	else
		count_junk(i, out);
}

bool acts_command(struct inspect *i, const struct smtp_event *ev, struct acts_out out)
{
	struct verdict v = decide(i, ev);

	if (ev->verb != SMTP_VERB_BDAT) /* there may be more of the same message */
		acts_count_text(i);
	if (!v.pass) {
		refuse_command(i, ev, &v, out);
		acts_count_error(i, out);
		return true;
	}
	if (is_junk(ev->verb) && i->junk >= INSPECT_JUNK_MAX) {
		end_over_limit(i, CODE_LIMIT_JUNK, (struct rules_at){ 0 }, out);
		return true;
	}
	v = within_limits(i, ev);
	if (!v.pass) {
		refuse_for_now(i, ev, &v, out);
		return true;
	}
	if (!carry_out(i, ev, out)) /* it comes again, and counts then */
		return false;
	i->junk = (uint16_t)(i->junk + is_junk(ev->verb));
	return true;
}

/* ---- the end of a message ---- */

static void end_of_drop(struct inspect *i)
{
	acts_message(i, CODE_MESSAGE_REFUSED, i->refusal.code, span_str(i->refusal.text),
		i->refusal.incident);
	if (i->end_after_drop) {
		smtp_end(&i->smtp, (struct smtp_local){ 0 }, NULL);
		acts_finish(i, false);
	}
}

void acts_body_end(struct inspect *i, const struct smtp_event *ev, struct acts_out out,
	struct inspect_step *step)
{
	if (!ev->dropped)
		i->message_octets = i->smtp.body.octets;
	acts_count_text(i);
	step->forward = ev->text;
	smtp_accept(&i->smtp, ev, out.to_client, out.to_server);
	forget_counts(i);
	if (ev->dropped)
		end_of_drop(i);
	else
		i->junk = 0;
}
