/* SPDX-License-Identifier: ISC */
#pragma once
/*
 * Bans: which clients are banned, by which rule, until when
 *
 * The one truth: what the kernel's sets hold is made to be as this list (barrier.h), the file in
 * the state folder is written from it (keep.h), and lockout.h keeps the three together. The shared
 * counts hold bans, too, since they refuse without asking anybody; what was banned there and did
 * not get here, because there was too much at once, is refused by the counts alone and ends with
 * posternd.
 *
 * What a role tells is taken for hostile: a ban is only what a rule that is in force says of such a
 * limit, of one client as clients are counted, for no longer than the rule says; each role may
 * begin BANS_BURST at once, and one every BANS_EACH_MS.
 *
 * Owns:    the list.
 * Callers: proxy/house.
 */
#include "base/talk.h"
#include "base/tally.h"
#include "rules/ruleset.h"

#define BANS_MAX     8192
#define BANS_BURST   256
#define BANS_EACH_MS 50
#define BANS_SET     "bans" /* their name, as that of a set; rules cannot use it */

struct ban {
	char rule[ROLE_RULE_MAX]; /* its name */
	struct ip_prefix client;
	enum tally_what by;
	uint64_t end_ms; /* steady */
};

struct bans {
	struct ban *list; /* in no order */
	size_t n, room;
	bool unkept; /* not yet on disk */
};

/* What one role may begin; all 0: as much as at all. */
struct bans_pace {
	uint64_t due_ms;
};

enum {
	BANS_E_FULL = 1, /* BANS_MAX */
	BANS_E_NONSENSE, /* no message that a role of ours sends */
	BANS_E_RULES,    /* the rules in force know of no such ban: it is of others, that drain */
};

/* "rate", "errors", "recipients", "octets" */
const char *bans_what(enum tally_what what);
bool bans_what_find(struct span text, enum tally_what *whatp);

/* NULL: no rule in force publishes by that name. */
const struct publish *bans_rule(const struct ruleset *rs, const char *name);

/* May the rules ban so? Cuts its time to theirs. Return: 0; BANS_E_RULES. */
int bans_check(struct ban *ban, const struct ruleset *rs, uint64_t now_ms);

/* Return: 0; BANS_E_NONSENSE; BANS_E_RULES. */
int bans_read(const struct msg *m, const struct ruleset *rs, uint64_t now_ms, struct ban *ban);

/* One more? */
bool bans_may(struct bans_pace *p, uint64_t now_ms);

/* One that is there gets the longer time. Return: 0; BANS_E_FULL; <0 errno. */
int bans_add(struct bans *b, const struct ban *ban);

/* Those of @client. @lifted is called for each before it goes; may be NULL. Return: how many. */
size_t bans_del(struct bans *b, const struct ip_prefix *client,
	void (*lifted)(void *context, const struct ban *ban), void *context);
void bans_flush(struct bans *b);

/* What is over goes. */
void bans_look(struct bans *b, uint64_t now_ms);
/* @rs is in force: what it does not ban for goes. */
void bans_rules(struct bans *b, const struct ruleset *rs, uint64_t now_ms);

void bans_deinit(struct bans *b);
