/* SPDX-License-Identifier: ISC */
/*
 * A hash takes some fifty milliseconds, on purpose. One is computed in a turn of the loop, so that
 * messages are read between; who waits is served by turns of their addresses, so that a flood from
 * one keeps nobody else waiting.
 */
#include <crypt.h>
#include <stdlib.h>

#include "base/texts.h"
#include "filter/relay/passwords.h"
#include "proxy/relay/auth/exchange.h"
#include "proxy/relay/roles.h"

#define QUEUE_MAX  256
#define CLIENT_MAX 8 /* of one address, in the queue */

struct hashes {
	struct auths *auths;
	struct exchange *first; /* by arrival */
	unsigned n;
	struct ip last; /* who was served last */
	ev_timer turn;
	struct crypt_data data; /* large; wiped after each */
};

/* ---- one ---- */

/* Whoever has no hash is compared with the first of the file, which costs the same; where there is
 * none at all, with this, which no password has. */
#define NOBODYS "$6$rounds=200000$postern$"

static struct span first_hash(struct span file)
{
	struct password p;
	const char *why;
	unsigned line = 0;
	size_t at = 0;

	while (password_next(file, &at, &line, &p, &why))
		if (!why && p.hash.n)
			return p.hash;
	return SPAN(NOBODYS);
}

/* In a time that does not tell where they differ. */
static bool is_same(const char *a, const char *b, size_t n)
{
	unsigned char differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static bool is_right(struct hashes *h, const struct exchange *e)
{
	struct span file = { 0 }, hash = { 0 };
	char setting[PASSWORD_HASH_MAX + 1] = "";
	bool known, right;
	const char *got;

	texts_find(h->auths->passwords, TEXT_PASSWORDS, span_str(e->auth->name), &file);
	known = password_find(file, span_of(e->user, e->user_n), &hash);
	if (!known)
		hash = first_hash(file);
	memcpy(setting, hash.p, hash.n);
	got = crypt_rn(e->password, setting, &h->data, (int)sizeof(h->data));
	right = got && strlen(got) == hash.n && is_same(got, setting, hash.n);
	explicit_bzero(&h->data, sizeof(h->data));
	explicit_bzero(setting, sizeof(setting));
	return known && right;
}

/* ---- the queue ---- */

/* The first that is of another address than the last one; else the first. */
static struct exchange *pick(const struct hashes *h)
{
	struct exchange *e = h->first;

	while (e && ip_eq(&e->client, &h->last))
		e = e->queued;
	return e ? e : h->first;
}

void hashes_forget(struct hashes *h, struct exchange *e)
{
	for (struct exchange **at = &h->first; *at; at = &(*at)->queued) {
		if (*at != e)
			continue;
		*at = e->queued;
		e->queued = NULL;
		h->n--;
		return;
	}
}

static void take_turn(struct hashes *h)
{
	struct ev_loop *loop = h->auths->servant->loop;

	if (!h->first || ev_is_active(&h->turn))
		return;
	ev_timer_set(&h->turn, 0, 0);
	ev_timer_start(loop, &h->turn);
}

static void on_turn(struct ev_loop *loop, ev_timer *t, int events)
{
	struct hashes *h = t->data;
	struct exchange *e = pick(h);

	(void)loop;
	(void)events;
	if (!e)
		return;
	hashes_forget(h, e);
	h->last = e->client;
	exchange_checked(e, is_right(h, e) ? AUTH_OK : AUTH_WRONG, (struct span){ 0 });
	take_turn(h);
}

void hashes_check(struct hashes *h, struct exchange *e)
{
	struct exchange **at = &h->first;
	unsigned same = 0;

	for (; *at; at = &(*at)->queued)
		same += ip_eq(&(*at)->client, &e->client);
	if (h->n >= QUEUE_MAX || same >= CLIENT_MAX) {
		exchange_checked(e, AUTH_TEMPFAIL, (struct span){ 0 });
		return;
	}
	*at = e;
	e->queued = NULL;
	h->n++;
	take_turn(h);
}

struct hashes *hashes_new(struct auths *a)
{
	struct hashes *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->auths = a;
	ev_timer_init(&h->turn, on_turn, 0, 0);
	h->turn.data = h;
	return h;
}

void hashes_free(struct hashes *h)
{
	if (!h)
		return;
	ev_timer_stop(h->auths->servant->loop, &h->turn);
	free(h);
}
