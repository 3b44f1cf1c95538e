/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Exchange: one AUTH, from its first word to its result
 *
 *   exchange.c   what the client says and hears; lockouts; the delay of what failed
 *   hashes.c     `via file`: password hashes, one at a time
 *   dovecot.c    `via dovecot`: any mechanism, by Dovecot's own process
 *   main.c       `via pam` asks postern-pam; how the program begins and ends
 *
 * A failure is answered FAILED_MS after the question at the soonest, whatever it was for: an
 * unknown name, a wrong password or a lockout take the same time.
 *
 * Owns:    exchanges, with their secrets, which are wiped when they end.
 * Callers: proxy/relay/auth.
 * Threads: one.
 */
#include "filter/relay/credentials.h"
#include "filter/relay/lockouts.h"
#include "proxy/relay/ask.h"
#include "proxy/relay/asks.h"
#include "proxy/relay/serve.h"

#define EXCHANGES_MAX 2048
#define FAILED_MS     2000

struct dovecot;
struct hashes;

/* All of postern-auth. */
struct auths {
	struct servant *servant;
	const struct ruleset *rules;
	struct span passwords; /* base/texts.h */
	struct exchange *list;
	unsigned n;
	int room; /* descriptor of the lockouts, for its lock */
	struct tally lockouts;
	struct hashes *hashes;
	struct dovecot **dovecots; /* by place in rules->auths; NULL: another way */
	struct asks pam;
};

enum exchange_state {
	EXCHANGE_MESSAGE,  /* PLAIN: its one message is due */
	EXCHANGE_USER,     /* LOGIN */
	EXCHANGE_PASSWORD, /* LOGIN */
	EXCHANGE_CHECKED,  /* a backend has it */
	EXCHANGE_DOVECOT,  /* a response for Dovecot is due */
	EXCHANGE_HOP,      /* a next hop has it: what comes of it is due */
	EXCHANGE_DONE,     /* the result is known; it waits for its time */
};

struct exchange {
	struct exchange *next;
	struct auths *auths;
	struct servant_client *asker;
	uint64_t number; /* the asker's */
	const struct auth *auth;
	uint32_t place; /* of @auth in the rules */
	enum exchange_state state;
	struct ip client;
	uint64_t began_ms; /* of what is being checked */
	uint16_t user_n, password_n;
	char user[CREDENTIAL_USER_MAX + 1], password[CREDENTIAL_PASSWORD_MAX + 1];
	struct auth_done done;
	ev_timer delay;
	struct exchange *queued; /* hashes.c: behind it in the queue */
	uint32_t id;             /* dovecot.c: of its request; 0: none */
	struct ask pam;
};

/* ---- exchange.c ---- */

bool exchange_begin(struct auths *a, struct servant_client *asker, struct span body);
bool exchange_more(struct auths *a, struct servant_client *asker, struct span body);
bool exchange_cancel(struct auths *a, struct servant_client *asker, struct span body);
/* Who asked is gone, with all of his. */
void exchange_forget(struct auths *a, const struct servant_client *asker);
void exchange_free(struct exchange *e);

/* A backend's result. Of Dovecot it may say who it was. */
void exchange_checked(struct exchange *e, enum auth_result result, struct span user);
void exchange_challenge(struct exchange *e, struct span base64);

/* ---- hashes.c ---- */

struct hashes *hashes_new(struct auths *a);
void hashes_free(struct hashes *h); /* takes NULL */
/* e->user and e->password against the file of e->auth; exchange_checked() follows.
 */
void hashes_check(struct hashes *h, struct exchange *e);
void hashes_forget(struct hashes *h, struct exchange *e);

/* ---- dovecot.c ---- */

struct dovecot *dovecot_new(struct auths *a, uint32_t place);
void dovecot_free(struct dovecot *d); /* takes NULL */
/* @has_initial: @initial came with AUTH. */
void dovecot_begin(struct dovecot *d, struct exchange *e, struct span mechanism, bool has_initial,
	struct span initial);
void dovecot_more(struct dovecot *d, struct exchange *e, struct span response);
void dovecot_forget(struct dovecot *d, struct exchange *e);
/* posternd's answer to AUTH_CONNECT; @fd is taken over; -1: it cannot be had. */
void dovecot_connected(struct dovecot *d, int fd);

/* ---- main.c ---- */

void pam_check(struct auths *a, struct exchange *e);
