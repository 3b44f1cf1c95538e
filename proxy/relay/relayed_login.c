/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/relayed_inside.h"

#define MECHANISM_MAX 20 /* RFC 4422 3.1 */

/* Whoever is locked out hears the words of a wrong password. */
static struct smtp_local reply_of(uint32_t result)
{
	static const unsigned codes[] = {
		[AUTH_OK] = 235,
		[AUTH_WRONG] = 535,
		[AUTH_TEMPFAIL] = 454,
		[AUTH_LOCKED] = 535,
		[AUTH_MALFORMED] = 501,
		[AUTH_UNOFFERED] = 504,
	};

	return inner_login_reply(result < sizeof(codes) / sizeof(codes[0]) ? codes[result] : 454);
}

static enum code code_of(uint32_t result)
{
	switch (result) {
	case AUTH_OK: return CODE_LOGIN_OK;
	case AUTH_LOCKED: return CODE_LOGIN_LOCKED;
	case AUTH_TEMPFAIL: return CODE_LOGIN_UNKNOWN;
	default: return CODE_LOGIN_FAILED;
	}
}

/* ---- what postern-auth says ---- */

static void log_done(struct relayed *r, const struct auth_done *done, struct span user)
{
	const struct relay *relay = r->inner.conf.relay;
	const struct log_login login = {
		.user = user,
		.auth = relay->auth->name,
		.lockout_s = done->lockout,
		.account = done->account,
		.tried = done->spraying,
	};
	struct log_sender *log = &proxy_of(r)->log;
	const int64_t now_ns = clock_wall_ns();

	log_login(log, now_ns, &r->s.flow.log, code_of(done->result), &login);
	if (done->lockout)
		log_login(log, now_ns, &r->s.flow.log,
			done->spraying ? CODE_LOGIN_SPRAY : CODE_LOGIN_LOCKOUT, &login);
}

static void end(struct relayed *r, struct smtp_local reply)
{
	uint8_t block[SMTP_LOCAL_REPLY_MAX];
	struct out o;

	ask_end(&r->login);
	out_init(&o, block, sizeof(block));
	inner_login_done(&r->inner, reply, &o);
	relayed_reply(r, out_span(&o));
}

static void on_done(struct relayed *r, struct span body)
{
	struct auth_done done = { .result = AUTH_TEMPFAIL };
	struct span user = { 0 };

	if (body.n >= sizeof(done)) {
		memcpy(&done, body.p, sizeof(done));
		user = span_sub(body, sizeof(done), AUTH_USER_MAX);
	}
	log_done(r, &done, user);
	if (r->login_told)
		ask_end(&r->login); /* the client heard it from the next hop */
	else
		end(r, reply_of(done.result));
}

static void on_challenge(struct relayed *r, struct span base64)
{
	uint8_t block[INNER_CHALLENGE + 16];
	struct out o;

	if (base64.n > INNER_CHALLENGE) {
		end(r, reply_of(AUTH_TEMPFAIL));
		return;
	}
	out_init(&o, block, sizeof(block));
	inner_login_challenge(&r->inner, base64, &o);
	relayed_reply(r, out_span(&o));
}

static void on_answer(struct ask *k, const struct msg *m)
{
	struct relayed *r = (struct relayed *)(void *)((char *)k - offsetof(struct relayed, login));

	if (m && m->type == AUTH_CHALLENGE && m->body.n >= sizeof(struct auth_more))
		on_challenge(r, span_from(m->body, sizeof(struct auth_more)));
	else
		on_done(r, m && m->type == AUTH_DONE ? m->body : (struct span){ 0 });
	relayed_go_on(r);
}

/* ---- what the client says ---- */

static uint32_t place_of(const struct relayed *r)
{
	const struct ruleset *rs = proxy_of(r)->rules;
	uint32_t i = 0;

	while (i < rs->n_auths && rs->auths[i] != r->inner.conf.relay->auth)
		i++;
	return i;
}

static void begin(struct relayed *r, const struct inner_step *step)
{
	uint8_t block[sizeof(struct auth_begin) + MECHANISM_MAX + AUTH_RESPONSE_MAX];
	const struct auth_begin head = { .client = r->s.flow.log.client.ip,
		.auth = place_of(r),
		.mechanism = (uint32_t)step->mechanism.n,
		.has_initial = step->has_text };
	struct out o;

	out_init(&o, block, sizeof(block));
	out_put(&o, &head, sizeof(head));
	out_upper(&o, span_sub(step->mechanism, 0, MECHANISM_MAX));
	out_bytes(&o, span_sub(step->text, 0, AUTH_RESPONSE_MAX));
	ask_end(&r->login); /* of one before, told and not yet answered */
	r->login_told = false;
	r->login.answered = on_answer;
	ask_begin(&proxy_of(r)->relays->auth, &r->login);
	ask_say(&r->login, AUTH_BEGIN, block, o.n);
	explicit_bzero(block, sizeof(block));
}

static void say_more(struct relayed *r, struct span response)
{
	uint8_t block[sizeof(struct auth_more) + AUTH_RESPONSE_MAX];
	const struct auth_more head = { 0 };
	struct out o;

	if (!r->login.asks) { /* postern-auth has ended it already */
		end(r, inner_login_reply(454));
		return;
	}
	out_init(&o, block, sizeof(block));
	out_put(&o, &head, sizeof(head));
	out_bytes(&o, span_sub(response, 0, AUTH_RESPONSE_MAX));
	r->login_told = r->inner.conf.relay->auth->via == AUTH_NEXT_HOP;
	ask_say(&r->login, AUTH_MORE, block, o.n);
	explicit_bzero(block, sizeof(block));
}

void relayed_login_late(struct relayed *r)
{
	log_done(r, &(struct auth_done){ .result = AUTH_TEMPFAIL }, (struct span){ 0 });
	relayed_login_end(r);
	end(r, inner_login_reply(454));
}

void relayed_login_end(struct relayed *r)
{
	struct auth_more head = { 0 };

	if (!r->login.asks)
		return;
	ask_say(&r->login, AUTH_CANCEL, &head, sizeof(head));
	ask_end(&r->login);
}

void relayed_login(struct relayed *r, const struct inner_step *step)
{
	if (r->inner.want & INNER_LOGIN_CANCEL)
		relayed_login_end(r);
	if (r->inner.want & INNER_LOGIN)
		begin(r, step);
	if (r->inner.want & INNER_LOGIN_MORE)
		say_more(r, step->text);
	inner_login_told(&r->inner);
}
