/* SPDX-License-Identifier: ISC */
#include "proxy/relay/auth/exchange.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"

/* ---- lockouts ---- */

/* Two generations may count at a time. The kernel lets go of it when the process ends. */
static void lock(const struct auths *a, short type)
{
	struct flock f = { .l_type = type, .l_whence = SEEK_SET };

	fcntl(a->room, F_SETLKW, &f);
}

static struct lockout_try try_of(const struct exchange *e)
{
	return (struct lockout_try){
		.auth = e->auth,
		.client = e->client,
		.user = span_of(e->user, e->user_n),
		.now_ms = clock_steady_ms(),
	};
}

static enum lockout_who ask_lockouts(struct exchange *e)
{
	const struct lockout_try try = try_of(e);
	enum lockout_who who;

	lock(e->auths, F_WRLCK);
	who = lockouts_ask(&e->auths->lockouts, &try);
	lock(e->auths, F_UNLCK);
	return who;
}

#define SPRAY_MIN 3 /* names that one client tried until it was locked out: no typing mistakes */

static void count_failure(struct exchange *e)
{
	const struct lockout_try try = try_of(e);
	struct lockout_begun begun;

	lock(e->auths, F_WRLCK);
	begun = lockouts_failed(&e->auths->lockouts, &try);
	lock(e->auths, F_UNLCK);
	if (begun.who == LOCKOUT_NOBODY)
		return;
	e->done.lockout = e->auth->lockout_for_s;
	e->done.account = begun.who == LOCKOUT_ACCOUNT;
	if (begun.who == LOCKOUT_CLIENT && begun.accounts >= SPRAY_MIN)
		e->done.spraying = begun.accounts;
}

static void count_success(struct exchange *e)
{
	const struct lockout_try try = try_of(e);

	lock(e->auths, F_WRLCK);
	lockouts_succeeded(&e->auths->lockouts, &try);
	lock(e->auths, F_UNLCK);
}

/* ---- the end ---- */

void exchange_free(struct exchange *e)
{
	struct exchange **at = &e->auths->list;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->auths->n--;
	ev_timer_stop(e->auths->servant->loop, &e->delay);
	hashes_forget(e->auths->hashes, e);
	if (e->id)
		dovecot_forget(e->auths->dovecots[e->place], e);
	ask_end(&e->pam);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

static void say_done(struct exchange *e)
{
	uint8_t block[sizeof(e->done) + sizeof(e->user)];
	struct out o;

	out_init(&o, block, sizeof(block));
	e->done.number = e->number;
	out_put(&o, &e->done, sizeof(e->done));
	out_put(&o, e->user, e->user_n);
	servant_answer(e->asker, AUTH_DONE, out_span(&o));
	exchange_free(e);
}

static void on_delay(struct ev_loop *loop, ev_timer *t, int events)
{
	(void)loop;
	(void)events;
	say_done(t->data);
}

static void finish(struct exchange *e, enum auth_result result)
{
	const uint64_t passed_ms = clock_steady_ms() - e->began_ms;
	const bool late = (result == AUTH_WRONG || result == AUTH_LOCKED) &&
			  e->state != EXCHANGE_HOP; /* the client has heard it */

	e->state = EXCHANGE_DONE;
	e->done.result = result;
	explicit_bzero(e->password, sizeof(e->password));
	if (!late || passed_ms >= FAILED_MS) {
		say_done(e);
		return;
	}
	ev_timer_set(&e->delay, (double)(FAILED_MS - passed_ms) / 1000, 0);
	ev_timer_start(e->auths->servant->loop, &e->delay);
}

void exchange_checked(struct exchange *e, enum auth_result result, struct span user)
{
	if (credential_is_user(user)) {
		memcpy(e->user, user.p, user.n);
		e->user_n = (uint16_t)user.n;
	}
	if (result == AUTH_OK && ask_lockouts(e) != LOCKOUT_NOBODY)
		result = AUTH_LOCKED;
	if (result == AUTH_OK)
		count_success(e);
	else if (result == AUTH_WRONG && ask_lockouts(e) == LOCKOUT_NOBODY)
		count_failure(e);
	finish(e, result);
}

/* ---- what the client says ---- */

void exchange_challenge(struct exchange *e, struct span base64)
{
	uint8_t block[sizeof(struct auth_more) + AUTH_RESPONSE_MAX];
	const struct auth_more head = { e->number };
	struct out o;

	out_init(&o, block, sizeof(block));
	out_put(&o, &head, sizeof(head));
	out_bytes(&o, base64);
	if (o.full)
		exchange_checked(e, AUTH_TEMPFAIL, (struct span){ 0 });
	else
		servant_answer(e->asker, AUTH_CHALLENGE, out_span(&o));
}

static void check(struct exchange *e)
{
	e->state = EXCHANGE_CHECKED;
	e->began_ms = clock_steady_ms();
	if (e->auth->via == AUTH_PAM)
		pam_check(e->auths, e);
	else
		hashes_check(e->auths->hashes, e);
}

static bool keep(char *to, uint16_t *np, struct span text)
{
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	*np = (uint16_t)text.n;
	return true;
}

/* What it says is decoded. False: it is malformed. */
static bool take(struct exchange *e, struct span text)
{
	struct span user, password;

	switch (e->state) {
	case EXCHANGE_MESSAGE:
		return credential_plain(text, &user, &password) &&
		       keep(e->user, &e->user_n, user) &&
		       keep(e->password, &e->password_n, password);
	case EXCHANGE_USER: return credential_is_user(text) && keep(e->user, &e->user_n, text);
	case EXCHANGE_PASSWORD:
		return credential_is_password(text) && keep(e->password, &e->password_n, text);
	case EXCHANGE_CHECKED:
	case EXCHANGE_DOVECOT:
	case EXCHANGE_HOP:
	case EXCHANGE_DONE: break;
	}
	return false;
}

static void respond(struct exchange *e, struct span base64)
{
	uint8_t block[2 * (CREDENTIAL_USER_MAX + CREDENTIAL_PASSWORD_MAX)];
	struct out o;
	bool good;

	out_init(&o, block, sizeof(block));
	good = credential_decode(&o, base64) && take(e, out_span(&o));
	explicit_bzero(block, sizeof(block));
	if (!good) {
		finish(e, AUTH_MALFORMED);
	} else if (e->state == EXCHANGE_USER) {
		e->state = EXCHANGE_PASSWORD;
		exchange_challenge(e, SPAN("UGFzc3dvcmQ6")); /* "Password:" */
	} else {
		check(e);
	}
}

/* ---- messages ---- */

static struct exchange *find(
	const struct auths *a, const struct servant_client *asker, struct span body)
{
	struct exchange *e = a->list;
	struct auth_more head;

	if (body.n < sizeof(head))
		return NULL;
	memcpy(&head, body.p, sizeof(head));
	while (e && (e->asker != asker || e->number != head.number))
		e = e->next;
	return e;
}

static bool offers(const struct auth *auth, struct span mechanism)
{
	for (size_t i = 0; i < auth->n_mechanisms; i++)
		if (span_eq(span_str(auth->mechanisms[i]), mechanism))
			return true;
	return false;
}

/* An answer without an exchange. */
static void refuse(struct servant_client *asker, uint64_t number, enum auth_result result)
{
	const struct auth_done done = { .number = number, .result = result };

	servant_answer(asker, AUTH_DONE, span_of(&done, sizeof(done)));
}

static struct exchange *new (
	struct auths *a, struct servant_client *asker, const struct auth_begin *head)
{
	struct exchange *e = a->n < EXCHANGES_MAX ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->auths = a;
	e->asker = asker;
	e->number = head->number;
	e->place = head->auth;
	e->auth = a->rules->auths[head->auth];
	e->client = head->client;
	ip_mask(&e->client, head->client.family == IP_V6 ? a->rules->host.client_prefix : 32);
	e->began_ms = clock_steady_ms();
	ev_timer_init(&e->delay, on_delay, 0, 0);
	e->delay.data = e;
	e->next = a->list;
	a->list = e;
	a->n++;
	return e;
}

static void begin_ours(
	struct exchange *e, struct span mechanism, bool has_initial, struct span initial)
{
	e->state = span_eq(mechanism, SPAN("PLAIN")) ? EXCHANGE_MESSAGE : EXCHANGE_USER;
	if (has_initial)
		respond(e, initial);
	else
		exchange_challenge(e, e->state == EXCHANGE_USER
					      ? SPAN("VXNlcm5hbWU6") /* "Username:" */
					      : (struct span){ 0 });
}

/* A next hop sees the relay's address only: clients are counted here, and nothing else of it is. */
static void begin_hop(struct exchange *e)
{
	e->state = EXCHANGE_HOP;
	exchange_challenge(e, (struct span){ 0 });
}

static bool end_hop(struct exchange *e, struct span code)
{
	const bool good = span_eq(code, SPAN("235"));

	if (!good && !span_eq(code, SPAN("535")))
		return false;
	exchange_checked(e, good ? AUTH_OK : AUTH_WRONG, (struct span){ 0 });
	return true;
}

bool exchange_begin(struct auths *a, struct servant_client *asker, struct span body)
{
	struct span mechanism, initial;
	struct auth_begin head;
	struct exchange *e;

	if (body.n < sizeof(head))
		return false;
	memcpy(&head, body.p, sizeof(head));
	mechanism = span_sub(body, sizeof(head), head.mechanism);
	initial = span_from(body, sizeof(head) + mechanism.n);
	if (mechanism.n != head.mechanism || head.auth >= a->rules->n_auths ||
		initial.n > AUTH_RESPONSE_MAX || find(a, asker, body) ||
		(head.client.family != IP_V4 && head.client.family != IP_V6))
		return false;
	if (!offers(a->rules->auths[head.auth], mechanism)) {
		refuse(asker, head.number, AUTH_UNOFFERED);
		return true;
	}
	e = new (a, asker, &head);
	if (!e)
		refuse(asker, head.number, AUTH_TEMPFAIL);
	else if (ask_lockouts(e) != LOCKOUT_NOBODY)
		finish(e, AUTH_LOCKED);
	else if (e->auth->via == AUTH_DOVECOT)
		dovecot_begin(a->dovecots[e->place], e, mechanism, head.has_initial, initial);
	else if (e->auth->via == AUTH_NEXT_HOP)
		begin_hop(e);
	else
		begin_ours(e, mechanism, head.has_initial, initial);
	return true;
}

bool exchange_more(struct auths *a, struct servant_client *asker, struct span body)
{
	struct exchange *e = find(a, asker, body);
	const struct span response = span_from(body, sizeof(struct auth_more));
	struct auth_more head;

	if (body.n < sizeof(head) || response.n > AUTH_RESPONSE_MAX)
		return false;
	if (!e) { /* a predecessor had it */
		memcpy(&head, body.p, sizeof(head));
		refuse(asker, head.number, AUTH_TEMPFAIL);
		return true;
	}
	if (e->state == EXCHANGE_CHECKED || e->state == EXCHANGE_DONE)
		return true; /* said too soon */
	if (e->state == EXCHANGE_HOP)
		return end_hop(e, response);
	if (e->state == EXCHANGE_DOVECOT)
		dovecot_more(a->dovecots[e->place], e, response);
	else
		respond(e, response);
	return true;
}

bool exchange_cancel(struct auths *a, struct servant_client *asker, struct span body)
{
	struct exchange *e = find(a, asker, body);

	if (e)
		exchange_free(e);
	return body.n == sizeof(struct auth_more);
}

void exchange_forget(struct auths *a, const struct servant_client *asker)
{
	struct exchange *next;

	for (struct exchange *e = a->list; e; e = next) {
		next = e->next;
		if (e->asker == asker)
			exchange_free(e);
	}
}
